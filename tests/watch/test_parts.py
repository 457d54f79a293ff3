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
from mastering.watch.scan import Stability, is_partial, look
from mastering.watch.values import Found, Setting, Signature

_WAV = frozenset({".wav"})


def _signature(number: int = 1) -> Signature:
    return Signature(size_bytes=number, mtime_ns=number, inode=number)


def _found(path: str = "a.wav", number: int = 1) -> Found:
    return Found(path=Path(path), signature=_signature(number))


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
    assert seen.passed_over == {Path("cover.jpg"), Path("link.wav"), Path("up")}
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
    move = moves.planned(tmp_path, Path("s/a.wav"), signature, failure)
    assert move.destination == Path("failed/s/a.wav")
    moves.make(tmp_path, move)
    source.write_text("another")  # dropped after the crash: not what was to be moved
    moves.make(tmp_path, move)
    assert source.read_text() == "another"
    assert (tmp_path / "failed/s/a.wav").read_text() == "first"
    assert '"not_audio"' in (tmp_path / "failed/s/a.wav.error.json").read_text()
    again = Signature.at(source)
    assert again is not None
    assert moves.planned(tmp_path, Path("s/a.wav"), again, failure).destination == Path("failed/s/a (2).wav")
    assert moves.planned(tmp_path, Path("s/a.wav"), again, None).destination == Path("done/s/a.wav")


def test_the_ledger_remembers(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(b"\xff\xfe.wav"))
    row = Row(
        key="k", take=0, state="open", job="j", source=odd, signature=_signature(), output=Path("/o.wav")
    )
    move = Move(source=odd, destination=Path("done") / odd, signature=_signature(), failure={"code": "c"})
    with Ledger(tmp_path, tmp_path) as ledger:
        ledger.put(row)
        ledger.plan(move)
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
        ledger.made(move)
        assert ledger.moves() == []


def test_errors_have_a_way_out() -> None:
    with pytest.raises(TonmeisterError) as caught:
        check_template("{stem}")
    assert caught.value.hint == "The default is {stem}.master.{ext}"
