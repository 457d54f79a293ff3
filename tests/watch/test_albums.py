"""Folders that are dropped whole and become albums."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering.jobs.service import Jobs
from tests.watch.conftest import Drop, Here, Watch

Once = Callable[..., Here]


def _album(drop: Drop, folder: str = "EP", *, first: int = 1, seconds: float = 0.6) -> None:
    """Two songs, the second one 12 dB softer, and a cover."""
    drop.song(f"{folder}/1 loud.wav", first, gain=0.2, seconds=seconds)
    drop.song(f"{folder}/2 soft.wav", first + 1, gain=0.05, seconds=seconds)
    drop.put(f"{folder}/cover.jpg", "picture")


def test_a_folder_becomes_an_album(drop: Drop, once: Once) -> None:
    """One job, one decision: the songs keep their distance; all go to done/ with what lies beside them."""
    _album(drop)
    drop.song("single.wav", 9)
    found = once("--album", "--target", "spotify")
    assert found.count() == {"taken": 2, "mastered": 2}
    (event,) = [event for event in found.events if event["event"] == "mastered" and "songs" in event]
    assert (event["file"], event["songs"], event["moved_to"]) == ("EP", 2, "done/EP")
    assert found.watcher.totals.mastered == 3
    assert drop.masters() == ["EP/1 loud.master.wav", "EP/2 soft.master.wav", "single.master.wav"]
    assert drop.files("in") == [
        "done/EP/1 loud.wav",
        "done/EP/2 soft.wav",
        "done/EP/cover.jpg",
        "done/single.wav",
    ]
    assert not (drop.inbox / "EP").exists()
    levels_db = [
        20.0 * np.log10(np.std(soundfile.read(drop.outbox / f"EP/{name}.master.wav")[0]))
        for name in ("1 loud", "2 soft")
    ]
    assert levels_db[0] - levels_db[1] == pytest.approx(12.0, abs=1.5)


def test_the_same_album_again(drop: Drop, once: Once) -> None:
    _album(drop)
    once("--album")
    masters = drop.masters()
    shutil.copytree(drop.inbox / "done/EP", drop.inbox / "EP again")
    found = once("--album")
    assert found.count() == {"known": 1}
    assert found.watcher.totals.known == 2
    assert drop.masters() == masters
    assert drop.files("in/done/EP again") == ["1 loud.wav", "2 soft.wav", "cover.jpg"]
    shutil.copytree(drop.inbox / "done/EP", drop.inbox / "EP")
    found = once("--album", "--lufs", "-9")  # other settings
    assert found.count() == {"taken": 1, "mastered": 1}
    assert drop.masters() == [*(name.replace("EP/", "EP (2)/") for name in masters), *masters]
    assert drop.files("in/done/EP (2)") == ["1 loud.wav", "2 soft.wav", "cover.jpg"]


def test_folders_say_that_they_are_albums(drop: Drop, once: Once) -> None:
    """A folder's own word, that of the folder above it, and a folder in it that is none."""
    drop.put("albums/tonmeister.toml", "album = true\n")
    drop.put("albums/loose/tonmeister.toml", "album = false\n")
    drop.put("own/tonmeister.toml", 'album = true\nname_template = "{folder} {stem}.{ext}"\n')
    for number, name in enumerate(
        ("albums/one/a", "albums/one/b", "albums/loose/c", "own/d", "plain/e", "f")
    ):
        drop.song(f"{name}.wav", number)
    found = once()
    taken = {event["file"]: event.get("songs") for event in found.events if event["event"] == "taken"}
    assert taken == {
        "albums/one": 2,
        "albums/loose/c.wav": None,
        "own": 1,
        "plain/e.wav": None,
        "f.wav": None,
    }
    assert "own/own d.wav" in drop.masters()
    assert (drop.inbox / "own/tonmeister.toml").exists()
    assert not (drop.inbox / "albums/one").exists()


def test_two_songs_of_one_name(drop: Drop, once: Once) -> None:
    drop.song("EP/a.wav", 1)
    soundfile.write(drop.inbox / "EP/A.flac", soundfile.read(drop.song("x.wav", 2))[0], 44_100)
    (drop.inbox / "x.wav").unlink()
    once("--album")
    assert drop.masters() == ["EP/A.master.wav", "EP/a.master (2).wav"]


def test_an_album_waits_until_it_is_whole(drop: Drop, watch: Watch) -> None:
    """It is at rest when its listing is, not only its files; a name that says "still written" holds it."""
    with watch("--album", settle_s=0.6, patience_s=30.0) as here:
        drop.song("EP/a.wav", 1)
        here.watch_for(0.4)
        drop.song("EP/b.wav", 2)
        here.watch_for(0.4)
        drop.put("EP/c.wav.part", "...")
        here.until(here.heard("waiting"))
        assert "c.wav.part is still being written" in here.events[-1]["message"]
        assert not here.heard("taken")()
        (drop.inbox / "EP/c.wav.part").unlink()
        drop.song("EP/c.wav", 3)
        here.until(here.heard("mastered"))
    assert here.count() == {"waiting": 1, "taken": 1, "mastered": 1}
    assert len(drop.masters()) == 3


def test_once_leaves_an_album_that_is_still_written(drop: Drop, once: Once) -> None:
    """A run of --once by the clock may meet a copy that is under way."""
    _album(drop)
    drop.put("EP/3.wav.part", "...")
    found = once("--album", patience_s=60.0)
    assert found.count() == {"waiting": 1}
    assert found.watcher.is_kept_waiting
    (drop.inbox / "EP/3.wav.part").unlink()
    assert once("--album").count() == {"taken": 1, "mastered": 1}


def test_a_bad_song_holds_the_album_back_and_then_fails_it_whole(drop: Drop, watch: Watch) -> None:
    """Every song in failed/ has its reason: the bad ones their own."""
    _album(drop)
    drop.put("EP/3 bad.wav", "no audio")
    drop.put("EP/4 empty.wav", "")
    probed: list[Path] = []

    def probing(path: Path) -> object:
        from mastering.io.files import probe

        probed.append(path)
        return probe(path)

    with watch("--album", patience_s=1.5, probing=probing) as here:
        here.until(here.heard("waiting"))
        here.until(here.heard("failed"))
    assert here.count() == {"waiting": 1, "failed": 1}
    assert len(probed) == 8  # when it had come to rest, and at the end
    message = here.events[0]["message"]
    assert message == "EP: an album is mastered whole, and 3 bad.wav and 1 more cannot be read"
    names = ["1 loud.wav", "2 soft.wav", "3 bad.wav", "4 empty.wav"]
    expected = sorted([*names, *(f"{name}.error.json" for name in names), "cover.jpg"])
    assert drop.files("in/failed/EP") == expected
    assert drop.files("out") == []
    codes = [json.loads((drop.inbox / f"failed/EP/{name}.error.json").read_text())["code"] for name in names]
    assert codes == ["album_incomplete", "album_incomplete", "not_audio", "file_empty"]


def _working(jobs: Jobs) -> Callable[[], bool]:
    return lambda: any(jobs.place.journals.glob("*.journal"))


@pytest.mark.parametrize("change", ["replaced", "added", "removed"])
def test_an_album_that_changes_while_it_is_worked_on(
    drop: Drop, watch: Watch, jobs: Jobs, change: str
) -> None:
    _album(drop, seconds=12.0)
    fresh = drop.song("x.wav", 7).rename(drop.root / "fresh.wav")
    with watch("--album") as here:
        here.until(_working(jobs))
        if change == "removed":
            (drop.inbox / "EP/1 loud.wav").unlink()
        else:
            fresh.replace(drop.inbox / ("EP/1 loud.wav" if change == "replaced" else "EP/3 late.wav"))
        here.until(here.heard("mastered"))
    assert here.count() == {"taken": 2, "replaced": 1, "mastered": 1}
    expected = {
        "replaced": ["1 loud", "2 soft"],
        "added": ["1 loud", "2 soft", "3 late"],
        "removed": ["2 soft"],
    }
    assert drop.masters() == [f"EP/{name}.master.wav" for name in expected[change]]


def test_an_album_that_is_taken_away(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    _album(drop, seconds=12.0)
    with watch("--album") as here:
        here.until(_working(jobs))
        shutil.rmtree(drop.inbox / "EP")
        here.until(lambda: here.heard("gone")() and not here.watcher.under_way)
    assert drop.files("out") == drop.files("in") == []


def test_songs_that_become_an_album_while_they_are_worked_on(drop: Drop, watch: Watch) -> None:
    """What was begun is finished, then the settings hold."""
    drop.song("EP/a.wav", 1, seconds=6.0)
    with watch() as here:
        here.until(here.heard("taken"))
        drop.put("EP/tonmeister.toml", "album = true\n")
        drop.song("EP/b.wav", 2)
        here.until(here.heard("mastered", 2))
    assert [event.get("songs") for event in here.events if event["event"] == "mastered"] == [None, 1]
    assert len(drop.masters()) == 2


def test_a_move_that_was_interrupted(
    drop: Drop, once: Once, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Died between two songs of an album: the next life moves the rest, and masters nothing again."""
    from mastering.watch import moves

    class Died(BaseException):
        pass

    real, made = moves.make, []

    def dying(inbox: Path, move: moves.Move) -> None:
        if made:
            raise Died
        made.append(move)
        real(inbox, move)

    _album(drop)
    monkeypatch.setattr(moves, "make", dying)
    with pytest.raises(Died):
        once("--album")
    monkeypatch.setattr(moves, "make", real)
    assert len(drop.files("in/done")) == 1
    found = once("--album")
    assert found.count() == {}
    assert drop.files("in") == ["done/EP/1 loud.wav", "done/EP/2 soft.wav", "done/EP/cover.jpg"]
    assert len(drop.masters()) == 2


def test_stems_refuse_albums(drop: Drop) -> None:
    drop.song("EP/a.wav", 1)
    reference = drop.song("x.wav", 2).rename(drop.root / "ref.wav")
    process = drop.start("--once", "--album", "--stems", "--reference", str(reference))
    text = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 2
    assert "--stems and --album exclude each other" in text
