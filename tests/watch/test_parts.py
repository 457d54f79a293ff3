"""Looking, coming to rest, names, moves and the ledger, each by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mastering.errors import EnvironmentProblem, ParameterError, PresetError, TonmeisterError
from mastering.watch import moves
from mastering.watch.folders import Folders
from mastering.watch.ledger import Ledger, Move, Row
from mastering.watch.names import check_template, free, output_name, shortened
from mastering.watch.scan import albums_in, is_partial, item_at, look
from mastering.watch.stability import Stability
from mastering.watch.values import Found, Item, Setting, Signature
from mastering.webhooks.message import new_message

_WAV = frozenset({".wav"})


def _signature(number: int = 1) -> Signature:
    return Signature(size_bytes=number, mtime_ns=number, inode=number)


def _found(path: str = "a.wav", number: int = 1) -> Found:
    return Found(path=Path(path), signature=_signature(number))


def _song(path: str, signature: Signature) -> Item:
    return Item(path=Path(path), songs=(Found(path=Path(path), signature=signature),))


def test_a_file_comes_to_rest() -> None:
    stability = Stability(1.0)
    stability.see([_found()], 100.0)
    assert not stability.is_stable(Path("a.wav"))
    stability.see([_found()], 100.4)  # a hint came: two looks, but no interval between them
    assert not stability.is_stable(Path("a.wav"))
    stability.see([_found(number=2)], 101.1)  # still written
    assert not stability.is_stable(Path("a.wav"))
    stability.see([_found(number=2)], 102.1)
    assert stability.is_stable(Path("a.wav"))
    assert not stability.is_stable(Path("a.wav"), at_least_s=1.5)
    stability.see([], 103.0)
    assert not stability.is_stable(Path("a.wav"))


@pytest.mark.parametrize(
    "name", ["a.wav.part", "a.crdownload", "A.TMP", "a.wav~", ".a.wav", ".tonmeister-1.wav"]
)
def test_what_is_still_written_is_not_seen(name: str) -> None:
    assert is_partial(name)
    assert not is_partial("a.part.wav")


def test_a_look(tmp_path: Path) -> None:
    for name in (
        "a.wav",
        "s/b.WAV",
        "s/reference.wav",
        "s/t/c.wav",
        ".h/d.wav",
        "done/e.wav",
        "failed/f.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tonmeister.toml").touch()
    (tmp_path / "cover.jpg").touch()
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "s" / "done").mkdir()
    (tmp_path / "s" / "done" / "g.wav").touch()
    seen = look(tmp_path, _WAV)
    assert [str(path) for path in seen.songs] == ["a.wav", "s/b.WAV", "s/done/g.wav", "s/t/c.wav"]
    assert list(seen.others) == [Path("cover.jpg")]
    assert seen.links == {Path("link.wav"), Path("up")}
    assert [str(guide.path) for guide in seen.guides_of(Path("s/t"))] == [
        "tonmeister.toml",
        "s/reference.wav",
    ]
    assert [str(guide.path) for guide in seen.guides_of(Path())] == ["tonmeister.toml"]


@pytest.mark.parametrize(
    "template",
    [
        "{stem}",
        "../{stem}.{ext}",
        "a/{stem}.{ext}",
        "{nothing}.{ext}",
        "{stem!r}.{ext}",
        "{stem:9}.{ext}",
        "{stem.__class__}.{ext}",
        ".{stem}.{ext}",
        "{stem.{ext}",
        "{}.{ext}",
        "a\\b.{ext}",
    ],
)
def test_templates_that_are_refused(template: str) -> None:
    with pytest.raises(ParameterError, match="name template"):
        check_template(template)


def test_names_of_outputs() -> None:
    values = {
        "stem": "song",
        "folder": "EP",
        "style": "warm",
        "target": "",
        "date": "2026-01-02",
        "ext": "flac",
    }
    assert output_name(check_template("{stem}.master.{ext}"), values) == "song.master.flac"
    assert output_name(check_template("{date} {folder} {stem} {style}{target}.{ext}"), values) == (
        "2026-01-02 EP song warm.flac"
    )
    assert output_name("{stem}.{ext}", {"stem": "../../x\n", "ext": "wav"}) == "-..-x-.wav"
    assert output_name("{folder}.{ext}", {"ext": "wav"}) == "song.wav"


@pytest.mark.parametrize("letter", ["a", "ü", "音", "𝄞"])
def test_long_names_are_cut_between_letters(letter: str) -> None:
    name = shortened(letter * 300 + ".wav")
    assert len(os.fsencode(name)) <= 255 - 24
    assert len(os.fsencode(name)) > 255 - 24 - 4
    assert set(name.removesuffix(".wav")) == {letter}
    assert shortened("short.wav") == "short.wav"


def test_a_free_name() -> None:
    taken = {Path("a.master.wav"), Path("a.master (2).wav")}
    assert free(Path("a.master.wav"), taken.__contains__) == Path("a.master (3).wav")
    assert free(Path("b.wav"), taken.__contains__) == Path("b.wav")
    assert free(Path("Vol. 1"), {Path("Vol. 1")}.__contains__, folder=True) == Path("Vol. 1 (2)")


def test_settings_are_inherited(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "tonmeister.toml").write_text('style = "warm"\nlufs = -9\n')
    (tmp_path / "s" / "tonmeister.toml").write_text("lufs = -14\n")
    (tmp_path / "s" / "reference.wav").touch()
    given: list[dict[str, Setting]] = []

    def plan(settings: dict[str, Setting]) -> None:
        given.append(dict(settings))

    folders = Folders(tmp_path, plan)  # type: ignore[arg-type]
    guides = tuple(_found(name) for name in ("tonmeister.toml", "s/reference.wav", "s/tonmeister.toml"))
    folders.plan(guides)
    folders.plan(guides)
    assert len(given) == 1
    assert {key: setting.value for key, setting in given[0].items()} == {
        "style": "warm",
        "lufs": -14,
        "reference": [str(tmp_path / "s" / "reference.wav")],
    }
    assert given[0]["lufs"].origin == tmp_path / "s" / "tonmeister.toml"
    (tmp_path / "tonmeister.toml").write_text("style = \n")
    with pytest.raises(PresetError, match=r"tonmeister\.toml: the settings cannot be read"):
        folders.plan((_found("tonmeister.toml", 2),))


def test_moves_can_be_made_again(tmp_path: Path) -> None:
    source = tmp_path / "s" / "a.wav"
    source.parent.mkdir()
    source.write_text("first")
    signature = Signature.at(source)
    assert signature is not None
    failure = {"code": "not_audio", "message": "no"}
    reasons = {Path("s/a.wav"): failure}
    (move,) = moves.planned(tmp_path, _song("s/a.wav", signature), reasons)
    assert move.destination == Path("failed/s/a.wav")
    moves.make(tmp_path, move)
    source.write_text("another")  # dropped after the crash: not what was to be moved
    moves.make(tmp_path, move)
    assert source.read_text() == "another"
    assert (tmp_path / "failed/s/a.wav").read_text() == "first"
    assert '"not_audio"' in (tmp_path / "failed/s/a.wav.error.json").read_text()
    again = Signature.at(source)
    assert again is not None
    (move,) = moves.planned(tmp_path, _song("s/a.wav", again), reasons)
    assert move.destination == Path("failed/s/a (2).wav")
    (move,) = moves.planned(tmp_path, _song("s/a.wav", again), None)
    assert move.destination == Path("done/s/a.wav")


def _album(inbox: Path, *names: str) -> Item:
    for name in names:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_text(name)
    album = item_at(inbox, Path(names[0]).parent, _WAV)
    assert album is not None
    return album


def test_an_album_is_moved_together(tmp_path: Path) -> None:
    album = _album(
        tmp_path, "EP vol. 1/a.wav", "EP vol. 1/b.wav", "EP vol. 1/cover.jpg", "EP vol. 1/c.wav.part"
    )
    assert [song.path.name for song in album.songs] == ["a.wav", "b.wav"]
    assert [path.name for path in album.unfinished] == ["c.wav.part"]
    planned = moves.planned(tmp_path, album, None)
    assert [str(move.destination) for move in planned] == [
        "done/EP vol. 1/a.wav",
        "done/EP vol. 1/b.wav",
        "done/EP vol. 1/cover.jpg",
    ]
    (tmp_path / "done/EP vol. 1").mkdir(parents=True)
    assert moves.planned(tmp_path, album, None)[0].destination == Path("done/EP vol. 1 (2)/a.wav")
    bad = {Path("EP vol. 1/a.wav"): {"code": "x"}}
    planned = moves.planned(tmp_path, album, bad)
    assert [move.failure for move in planned] == [{"code": "x"}, None, None]


def test_the_signature_of_an_album(tmp_path: Path) -> None:
    """A song that is changed, added, taken away or renamed changes it; a cover does not."""
    first = _album(tmp_path, "EP/a.wav", "EP/b.wav")
    (tmp_path / "EP/cover.jpg").touch()
    assert _album(tmp_path, "EP/b.wav").signature != first.signature  # written anew
    seen = item_at(tmp_path, Path("EP"), _WAV)
    assert seen is not None
    assert item_at(tmp_path, Path("EP"), _WAV) == seen
    (tmp_path / "EP/c.wav").touch()
    with_c = item_at(tmp_path, Path("EP"), _WAV)
    assert with_c is not None
    (tmp_path / "EP/c.wav").rename(tmp_path / "EP/d.wav")
    with_d = item_at(tmp_path, Path("EP"), _WAV)
    assert with_d is not None
    assert len({seen.signature, with_c.signature, with_d.signature}) == 3
    (tmp_path / "EP/d.wav").unlink()
    assert item_at(tmp_path, Path("EP"), _WAV) == seen
    assert albums_in(look(tmp_path, _WAV), {Path("EP"), Path("other")}) == {Path("EP"): seen}
    assert item_at(tmp_path, Path("nothing"), _WAV) is None


def test_a_listing_changes_when_a_name_comes_or_a_part_grows(tmp_path: Path) -> None:
    _album(tmp_path, "EP/a.wav")
    seen = []
    for step in (
        lambda: None,
        lambda: (tmp_path / "EP/b.wav.part").write_text("1"),
        lambda: (tmp_path / "EP/b.wav.part").write_text("12"),
        lambda: (tmp_path / "EP/.b.wav.Xy1").write_text("1"),
        lambda: (tmp_path / "EP/b.wav.part").rename(tmp_path / "EP/b.wav"),
    ):
        step()
        seen.append(look(tmp_path, _WAV).listings[Path("EP")].signature)
    assert len(set(seen)) == 5
    assert Path() not in look(tmp_path, _WAV).listings


def test_the_ledger_remembers(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"\xff\xfe.wav"))
    row = Row(
        key="k", take=0, state="open", job="j", source=odd, signature=_signature(), output=Path("/o.wav")
    )
    move = Move(source=odd, destination=Path("done") / odd, signature=_signature(), failure={"code": "c"})
    message = new_message("https://example.org/", "song.mastered", {})
    with Ledger(tmp_path, tmp_path) as ledger:
        ledger.put(row)
        ledger.plan(move)
        ledger.tell(message)
        with pytest.raises(EnvironmentProblem, match="another tonmeister watches") as caught:
            Ledger(tmp_path, tmp_path)
        assert caught.value.code == "inbox_watched"
        with pytest.raises(ZeroDivisionError), ledger.together():
            ledger.made(move)
            raise ZeroDivisionError
    with Ledger(tmp_path, tmp_path) as ledger:
        assert ledger.get("k") == row
        assert ledger.open_rows() == [row]
        assert ledger.moves() == [move]
        assert ledger.messages() == [message]
        ledger.made(move)
        ledger.told(message)
        assert ledger.moves() == []
        assert ledger.messages() == []


def test_errors_have_a_way_out() -> None:
    with pytest.raises(TonmeisterError) as caught:
        check_template("{stem}")
    assert caught.value.hint == "The default is {stem}.master.{ext}"
