"""Watching, in this process: real files, real masters, jobs on warm workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from mastering.jobs.service import Jobs
from tests.watch.conftest import Drop, Here, Watch

Once = Callable[..., Here]


def test_everything_at_once(drop: Drop, once: Once) -> None:
    """Settings of folders, a reference, bad files, the same twice, odd names: one run, then nothing more."""
    long = "ü" * 120 + ".wav"
    longest = "é" * 125 + "x.wav"
    assert len(os.fsencode(longest)) == 255
    for number, name in enumerate(["a.wav", "warm/b.wav", "warm/deep/音 楽.wav", "like/c.wav", long]):
        drop.song(name, number)
    drop.song("like/reference.wav", 99, gain=0.3)
    shutil.copy(drop.inbox / "a.wav", drop.inbox / "copy of a.wav")
    drop.put("bad.wav", "no audio")
    drop.put(longest, "no audio either")
    drop.put("notes.txt", "for the engineer")
    drop.put("half.wav.part", "...")
    (drop.inbox / "link.wav").symlink_to(drop.inbox / "a.wav")
    (drop.inbox / "loop").symlink_to(drop.inbox)
    drop.put("warm/tonmeister.toml", 'style = "warm"\nbit_depth = 16\n')
    drop.put("warm/deep/tonmeister.toml", 'format = "flac"\nname_template = "{stem} {style}.{ext}"\n')

    found = once()

    masters = drop.masters()
    cut = "ü" * 107 + ".master.wav"
    assert cut[:100] in "".join(masters)
    assert [name for name in masters if not name.startswith("ü")] == [
        "a.master.wav",
        "like/c.master.wav",
        "warm/b.master.wav",
        "warm/deep/音 楽 warm.flac",
    ]
    assert len(masters) == 5
    assert found.count() == {"taken": 6, "mastered": 5, "known": 1, "failed": 2, "passed_over": 3}
    assert len(drop.files("in/done")) == 6
    failed = drop.files("in/failed")
    assert failed[:2] == ["bad.wav", "bad.wav.error.json"]
    assert len(failed) == 4
    reason = json.loads((drop.inbox / "failed/bad.wav.error.json").read_text())
    assert (reason["code"], reason["file"]) == ("not_audio", "bad.wav")
    assert "not audio" in reason["message"]
    assert reason["hint"]
    left = [name for name in drop.files("in") if not name.startswith(("done/", "failed/"))]
    assert left == [
        "half.wav.part",
        "like/reference.wav",
        "notes.txt",
        "warm/deep/tonmeister.toml",
        "warm/tonmeister.toml",
    ]
    assert (drop.inbox / "link.wav").is_symlink()
    recipe = json.loads((drop.outbox / "warm/b.master.recipe.json").read_text())
    assert recipe["delivery"]["bit_depth"] == 16

    # The same again, and another file of a name that was there: with a clock that jumped.
    shutil.copy(drop.inbox / "done/a.wav", drop.inbox / "a.wav")
    os.utime(drop.song("like/c.wav", 7), (1.0, 1.0))
    os.utime(drop.song("late.wav", 8), (2.0**34, 2.0**34))
    found = once()
    assert found.count()["known"] == 1
    assert found.count()["mastered"] == 2
    assert drop.masters() == sorted([*masters, "late.master.wav", "like/c.master (2).wav"])
    assert (drop.inbox / "done/a (2).wav").exists()
    assert (drop.inbox / "done/like/c (2).wav").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('stile = "warm"', "no setting is called 'stile', did you mean 'style'?"),
        ('style = "warn"', "style: "),
        ("lufs = 3", "lufs: "),
        ("bit_depth = 17", "bit_depth: "),
        ("stems = 1", "stems: 1 is neither true nor false"),
        ("stems = true", "stems: --stems matches each stem"),
        ('reference = "nothing.wav"', "reference: "),
        ('name_template = "../{stem}.{ext}"', "name_template: the name template"),
        ("style = [", "the settings cannot be read (no TOML"),
        ("album = 1", "album: 1 is neither true nor false"),
        ('reference = "tonmeister.toml"\nstems = true\nalbum = true', "album: --stems and --album exclude"),
        ('webhook = "https://10.0.0.1/"', "webhook: the webhook's URL: 10.0.0.1 is no public address"),
        ('webhook = "http://example.org/"', "webhook: the webhook's URL: http:// would tell everybody"),
        ('webhook = "https://example.org/"', "webhook: a webhook needs a secret"),
        ("webhook_allow_private = true", "no setting is called 'webhook_allow_private'"),
    ],
)
def test_settings_that_are_refused(drop: Drop, text: str, why: str) -> None:
    """In this process, because only the sentence matters."""
    import click

    from mastering.cli.watch import command
    from mastering.cli.watch_hooks import Hooks
    from mastering.cli.watch_plan import Planner
    from mastering.errors import TonmeisterError
    from mastering.watch.folders import Folders
    from mastering.watch.scan import look

    path = drop.inbox / "tonmeister.toml"
    path.write_text(text)
    ctx = command.make_context("watch", [str(drop.inbox), "--output", str(drop.outbox)])
    with click.Context(command), pytest.raises(TonmeisterError) as caught:
        Folders(drop.inbox, Planner(ctx, ctx.params, Hooks())).plan(
            look(drop.inbox, frozenset()).guides_of(Path())
        )
    assert caught.value.message.startswith(f"{path}: ")
    assert why in caught.value.message


def test_a_folder_with_bad_settings_waits(drop: Drop, watch: Watch) -> None:
    drop.song("good/a.wav", 1)
    drop.song("bad/b.wav", 2)
    settings = drop.put("bad/tonmeister.toml", "loudness = -9\n")
    with watch() as here:
        here.until(here.heard("mastered"))
        assert drop.masters() == ["good/a.master.wav"]
        assert (drop.inbox / "bad/b.wav").exists()
        assert here.watcher.is_kept_waiting
        settings.write_text("lufs = -9\n")
        here.until(here.heard("mastered", 2))
    (waiting,) = [event for event in here.events if event["event"] == "waiting"]
    assert waiting["message"].startswith(f"{settings}: no setting is called 'loudness'")
    assert drop.masters() == ["bad/b.master.wav", "good/a.master.wav"]


def test_names_that_meet(drop: Drop, once: Once) -> None:
    """Two files of one name, and one name in two forms of Unicode: each has a master of its own."""
    drop.song("a.wav", 1)
    soundfile.write(drop.inbox / "a.flac", soundfile.read(drop.song("x.wav", 2))[0], 44_100)
    (drop.inbox / "x.wav").unlink()
    for number, form in enumerate(("NFC", "NFD")):
        drop.song(unicodedata.normalize(form, "Ünï.wav"), 10 + number)
    drop.song("odd.wav", 5).rename(drop.inbox / os.fsdecode(b"\xff\xfe.wav"))  # a name in no encoding
    found = once()
    assert found.count() == {"taken": 5, "mastered": 5}
    folded = [unicodedata.normalize("NFC", name).casefold() for name in drop.masters()]
    assert len(set(folded)) == 5
    assert {"a.master.wav", "a.master (2).wav", "ünï.master.wav", "ünï.master (2).wav"} < set(folded)
    recipes = [
        json.loads((drop.outbox / name).with_suffix(".recipe.json").read_text())
        for name in ("a.master.wav", "a.master (2).wav")
    ]
    assert recipes[0] != recipes[1]


def test_a_file_that_is_replaced_while_it_is_worked_on(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    long = drop.song("song.wav", 1, seconds=25.0)
    with watch() as here:
        here.until(here.heard("taken"))
        here.until(lambda: bool(_journals(jobs)))
        fresh = drop.song("other.wav.part.wav", 2).rename(drop.root / "fresh.wav")
        fresh.replace(long)
        here.until(here.heard("mastered"))
    assert here.count() == {"taken": 2, "replaced": 1, "mastered": 1}
    assert drop.masters() == ["song.master.wav"]
    assert soundfile.info(drop.outbox / "song.master.wav").duration == pytest.approx(0.6, abs=0.01)
    assert drop.files("in/done") == ["song.wav"]


def test_a_file_that_is_taken_away_while_it_is_worked_on(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    song = drop.song("song.wav", 1, seconds=25.0)
    with watch() as here:
        here.until(lambda: bool(_journals(jobs)))
        song.unlink()
        here.until(lambda: here.heard("gone")() and not here.watcher.under_way)
    assert drop.files("out") == drop.files("in") == []


def _journals(jobs: Jobs) -> list[Path]:
    return list(jobs.place.journals.glob("*.journal"))


def test_a_writer_that_pauses(drop: Drop, watch: Watch) -> None:
    """Half a song whose header promises all of it may still be in the making: its master is taken back."""
    whole = drop.song("song.wav.part.wav", 3, seconds=3.0).rename(drop.root / "whole.wav").read_bytes()
    with watch(patience_s=30.0) as here, (drop.inbox / "song.wav").open("wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        here.until((drop.outbox / "song.master.wav").exists)
        here.watch_for(0.5)
        assert (drop.inbox / "song.wav").exists()
        file.write(whole[len(whole) // 2 :])
        file.close()
        here.until(here.heard("mastered"))
    assert here.count()["replaced"] == 1
    assert drop.masters() == ["song.master.wav"]
    assert soundfile.info(drop.outbox / "song.master.wav").duration == pytest.approx(3.0, abs=0.01)


def test_a_reference_that_disappears(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    """A folder's own, in the middle of a song: mastered without. A typed one: all waits until it is back."""
    drop.song("like/a.wav", 1, seconds=12.0)
    reference = drop.song("like/reference.wav", 2, gain=0.3)
    typed = drop.song("typed.wav", 3, gain=0.2).rename(drop.root / "typed.wav")
    with watch("--reference", str(typed)) as here:
        here.until(here.heard("taken"))
        reference.unlink()
        here.until(here.heard("mastered"))
        typed.rename(drop.root / "away.wav")
        drop.song("b.wav", 4)
        here.until(here.heard("waiting"))
        assert (drop.inbox / "b.wav").exists()
        (drop.root / "away.wav").rename(typed)
        here.until(here.heard("mastered", 2))
    assert here.count()["waiting"] == 1
    assert drop.masters() == ["b.master.wav", "like/a.master.wav"]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Mounts a small file system, again with other options; skips where that is not allowed."""
    folders: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        line = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(line, capture_output=True, check=False).returncode != 0:
            pytest.skip("needs the right to mount a small file system")
        if folder not in folders:
            folders.append(folder)

    yield mount
    for folder in folders:
        subprocess.run(["umount", str(folder)], check=True)


def test_an_outbox_that_is_full(drop: Drop, watch: Watch, mounted: Callable[..., None]) -> None:
    """It is not the song's fault: it waits in the inbox until there is room."""
    mounted(drop.outbox, "size=256k")
    drop.song("a.wav", 1, seconds=3.0)
    with watch() as here:
        here.until(here.heard("waiting"))
        assert "the disk is full" in here.events[-1]["message"]
        assert drop.files("in") == ["a.wav"]
        assert drop.files("out") == []
        subprocess.run(["mount", "-o", "remount,size=8m", str(drop.outbox)], check=True)
        here.until(here.heard("mastered"))
    assert here.count()["waiting"] == 1
    assert drop.masters() == ["a.master.wav"]


def test_an_outbox_that_becomes_read_only(drop: Drop, watch: Watch, mounted: Callable[..., None]) -> None:
    mounted(drop.outbox, "size=8m")
    drop.song("a.wav", 1)
    with watch() as here:
        here.until(here.heard("mastered"))
        subprocess.run(["mount", "-o", "remount,ro", str(drop.outbox)], check=True)
        drop.song("b.wav", 2)
        here.until(here.heard("waiting"))
        assert "cannot be written" in here.events[-1]["message"]
        subprocess.run(["mount", "-o", "remount,rw", str(drop.outbox)], check=True)
        here.until(here.heard("mastered", 2))
    assert drop.masters() == ["a.master.wav", "b.master.wav"]
    assert drop.files("in") == ["done/a.wav", "done/b.wav"]


def test_an_inbox_that_is_full_when_something_leaves(
    drop: Drop, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason cannot be written beside a bad file: it stays, and goes when it can."""
    from mastering.errors import EnvironmentProblem
    from mastering.watch import leaving, moves

    def full(*_: Any, **__: Any) -> None:
        raise EnvironmentProblem("the disk is full", code="disk_full")

    real = moves.write_text_atomic
    monkeypatch.setattr(moves, "write_text_atomic", full)
    monkeypatch.setattr(leaving, "_AGAIN_S", 0.05)
    drop.put("bad.wav", "no audio")
    with watch() as here:
        here.until(here.heard("waiting"))
        here.watch_for(0.3)
        assert drop.files("in") == ["bad.wav"]
        assert (here.count()["failed"], here.watcher.waiting) == (1, 1)
        monkeypatch.setattr(moves, "write_text_atomic", real)
        here.until(lambda: drop.files("in") == ["failed/bad.wav", "failed/bad.wav.error.json"])
        here.watch_for(0.3)
    assert here.count() == {"failed": 1, "waiting": 1}


def test_settings_that_change_between_two_lives(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    """What was begun under the old ones is ended, and leaves nothing."""
    drop.song("loud/a.wav", 1, seconds=25.0)
    with watch() as here:
        here.until(lambda: bool(_journals(jobs)))
    drop.put("loud/tonmeister.toml", "lufs = -9\nbit_depth = 16\n")
    with watch() as here:
        here.until(here.heard("mastered"))
        here.until(lambda: not jobs.count().get("running"))
        here.watch_for(0.3)
    assert drop.masters() == ["loud/a.master.wav"]
    assert soundfile.info(drop.outbox / "loud/a.master.wav").subtype == "PCM_16"


def test_looks_are_spaced(drop: Drop, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that costs 50 ms is made every half second at most, whatever stream of hints there is."""
    from mastering.watch import inbox, scan

    clock = [100.0]
    looks: list[float] = []
    real = scan.look

    def slow(*arguments: Any) -> scan.Look:
        looks.append(clock[0])
        clock[0] += 0.05
        return real(*arguments)

    class Time:
        @staticmethod
        def monotonic() -> float:
            return clock[0]

    monkeypatch.setattr(inbox, "time", Time)
    monkeypatch.setattr(scan, "look", slow)
    with watch(interval_s=1.0) as here:
        while clock[0] < 110.0:
            here.watcher.tick(hint=True)
            clock[0] += 0.02
        hinted = len(looks)
        while clock[0] < 120.0:
            here.watcher.tick()
            clock[0] += 0.02
    assert 15 <= hinted <= 21
    assert 8 <= len(looks) - hinted <= 11
