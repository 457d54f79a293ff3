"""`tonmeister watch` as people start it: real files, real masters, real kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.watch.conftest import Drop, counted, events


def _until(condition: Callable[[], bool], timeout_s: float = 25.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> str:
    process.send_signal(number)
    return process.communicate(timeout=30)[1].decode()


def test_everything_at_once(drop: Drop) -> None:
    """Settings of folders, a reference, bad files, the same twice, odd names: one run, then nothing more."""
    long = "ü" * 120 + ".wav"
    for number, name in enumerate(["a.wav", "warm/b.wav", "warm/deep/音 楽.wav", "like/c.wav", long]):
        drop.song(name, number)
    drop.song("like/reference.wav", 99, gain=0.3)
    shutil.copy(drop.inbox / "a.wav", drop.inbox / "copy of a.wav")
    (drop.inbox / "bad.wav").write_text("no audio")
    (drop.inbox / "notes.txt").write_text("for the engineer")
    (drop.inbox / "half.wav.part").write_text("...")
    (drop.inbox / "warm/tonmeister.toml").write_text('style = "warm"\nbit_depth = 16\n')
    (drop.inbox / "warm/deep/tonmeister.toml").write_text(
        'format = "flac"\nname_template = "{stem} {style}.{ext}"\n'
    )

    found = drop.once(code=1)

    cut = "ü" * 107 + ".master.wav"
    masters = drop.masters()
    assert cut[:100] in "".join(masters)
    assert [name for name in masters if not name.startswith("ü")] == [
        "a.master.wav",
        "like/c.master.wav",
        "warm/b.master.wav",
        "warm/deep/音 楽 warm.flac",
    ]
    assert len(masters) == 5
    assert counted(found) == {
        "started": 1,
        "taken": 6,
        "mastered": 5,
        "known": 1,
        "failed": 1,
        "passed_over": 1,
        "stopped": 1,
    }
    assert len(drop.files("in/done")) == 6
    assert drop.files("in/failed") == ["bad.wav", "bad.wav.error.json"]
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
    recipe = json.loads((drop.outbox / "warm/b.master.recipe.json").read_text())
    assert recipe["delivery"]["bit_depth"] == 16
    assert drop.files("jobs/attempts") == []

    # The same again, and another file of a name that was there: with a clock that jumped.
    shutil.copy(drop.inbox / "done/a.wav", drop.inbox / "a.wav")
    os.utime(drop.song("like/c.wav", 7), (1.0, 1.0))
    found = drop.once()
    assert set(counted(found).values()) == {1}
    assert {"known", "mastered"} <= set(counted(found))
    assert drop.masters() == sorted([*masters, "like/c.master (2).wav"])
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
    ],
)
def test_settings_that_are_refused(drop: Drop, text: str, why: str) -> None:
    """In this process, because only the sentence matters."""
    import click

    from mastering.cli.watch import command
    from mastering.cli.watch_plan import Planner
    from mastering.errors import TonmeisterError
    from mastering.watch.folders import Folders
    from mastering.watch.scan import look

    path = drop.inbox / "tonmeister.toml"
    path.write_text(text)
    ctx = command.make_context("watch", [str(drop.inbox), "--output", str(drop.outbox)])
    with click.Context(command), pytest.raises(TonmeisterError) as caught:
        Folders(drop.inbox, Planner(ctx, ctx.params)).plan(look(drop.inbox, frozenset()).guides_of(Path()))
    assert caught.value.message.startswith(f"{path}: ")
    assert why in caught.value.message


def test_a_folder_with_bad_settings_waits(drop: Drop) -> None:
    drop.song("good/a.wav", 1)
    drop.song("bad/b.wav", 2)
    settings = drop.inbox / "bad/tonmeister.toml"
    settings.write_text("loudness = -9\n")
    process = drop.start()
    _until(lambda: (drop.inbox / "done/good/a.wav").exists())
    assert drop.masters() == ["good/a.master.wav"]
    assert (drop.inbox / "bad/b.wav").exists()
    settings.write_text("lufs = -9\n")
    _until(lambda: (drop.inbox / "done/bad/b.wav").exists())
    found = events(_end(process, signal.SIGTERM))
    (waiting,) = [event for event in found if event["event"] == "waiting"]
    assert waiting["message"].startswith(f"{settings}: no setting is called 'loudness'")
    assert drop.masters() == ["bad/b.master.wav", "good/a.master.wav"]


def test_folders_that_cannot_be_used(drop: Drop) -> None:
    inside = drop.inbox / "masters"
    inside.mkdir()
    drop.song("a.wav", 1)
    for output, code, why in (
        (inside, 2, "masters may not go into"),
        (drop.root, 2, "masters may not go into"),
        (drop.root / "nowhere", 3, "is no folder that is there"),
        *([(Path("/proc/self"), 3, "the outbox cannot be written")] if Path("/proc/self").is_dir() else []),
    ):
        process = drop.start("--once", "--output", str(output))
        text = process.communicate(timeout=30)[1].decode()
        assert (process.returncode, why in text) == (code, True), text
    assert drop.files("in") == ["a.wav"]


def test_a_watcher_that_is_killed(drop: Drop) -> None:
    """Killed three times, files coming all the time: every good one is mastered once, every bad one told."""
    for number in range(3):
        drop.song(f"song {number}.wav", number)
    for life in range(3):
        process = drop.start()
        drop.song(f"late/{life}.wav", 100 + life)
        (drop.inbox / f"bad {life}.wav").write_text(f"no audio {life}")
        time.sleep(1.0 + 0.4 * life)
        _end(process)
    drop.once(code=1) if any(drop.inbox.glob("bad*")) else drop.once()
    names = [*(f"late/{n}" for n in range(3)), *(f"song {n}" for n in range(3))]
    assert drop.masters() == [f"{name}.master.wav" for name in names]
    assert drop.files("in/done") == [f"{name}.wav" for name in names]
    bad = [f"bad {life}.wav" for life in range(3)]
    assert drop.files("in/failed") == sorted([*bad, *(f"{name}.error.json" for name in bad)])
    assert drop.files("in") == sorted(
        [
            *(f"done/{name}" for name in drop.files("in/done")),
            *(f"failed/{name}" for name in drop.files("in/failed")),
        ]
    )
    assert drop.files("jobs/attempts") == []


def test_a_file_that_is_replaced_while_it_is_worked_on(drop: Drop) -> None:
    long = drop.song("song.wav", 1, seconds=25.0)
    process = drop.start()
    notes = drop.root / "jobs/attempts"
    _until(lambda: notes.is_dir() and any(notes.glob("*.journal")))
    fresh = drop.root / "fresh.wav"
    shutil.move(drop.song("other.wav.part.wav", 2), fresh)
    fresh.replace(long)
    _until(lambda: (drop.inbox / "done/song.wav").exists())
    text = _end(process, signal.SIGTERM)
    assert process.returncode == 143
    assert counted(events(text))["replaced"] == 1
    assert drop.masters() == ["song.master.wav"]
    import soundfile

    assert soundfile.info(drop.outbox / "song.master.wav").duration == pytest.approx(0.6, abs=0.01)
    assert drop.files("in/done") == ["song.wav"]


def test_a_writer_that_pauses(drop: Drop) -> None:
    """Half a song whose header promises all of it may still be in the making: its master is taken back."""
    whole = drop.song("song.wav.part.wav", 3, seconds=3.0).rename(drop.root / "whole.wav").read_bytes()
    process = drop.start()
    with (drop.inbox / "song.wav").open("wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        _until(lambda: (drop.outbox / "song.master.report.html").exists())
        time.sleep(0.5)
        assert (drop.inbox / "song.wav").exists()
        file.write(whole[len(whole) // 2 :])
    _until(lambda: (drop.inbox / "done/song.wav").exists())
    text = _end(process, signal.SIGINT)
    assert process.returncode == 130
    assert counted(events(text))["replaced"] == 1
    assert drop.masters() == ["song.master.wav"]
    import soundfile

    assert soundfile.info(drop.outbox / "song.master.wav").duration == pytest.approx(3.0, abs=0.01)


def test_an_interrupted_job_is_parked_and_goes_on(drop: Drop) -> None:
    drop.song("song.wav", 4, seconds=15.0)
    process = drop.start()
    notes = drop.root / "jobs/attempts"
    _until(lambda: notes.is_dir() and any(notes.glob("*.journal")))
    text = _end(process, signal.SIGINT)
    assert process.returncode == 130, text
    assert events(text)[-1]["event"] == "stopped"
    assert drop.files("out") == []
    assert drop.files("in") == ["song.wav"]
    assert counted(drop.once()) == {"started": 1, "taken": 1, "mastered": 1, "stopped": 1}
    assert drop.masters() == ["song.master.wav"]


def test_two_watchers_and_an_inbox_that_goes_away(drop: Drop) -> None:
    process = drop.start()
    ledgers = drop.root / "jobs/watch"
    _until(lambda: ledgers.is_dir() and any(ledgers.glob("*.sqlite")))
    time.sleep(0.3)
    other = drop.start("--once")
    text = other.communicate(timeout=30)[1].decode()
    assert other.returncode == 3
    assert "another tonmeister watches this folder already" in text
    away = drop.inbox.rename(drop.root / "away")
    time.sleep(0.8)
    away.rename(drop.inbox)
    drop.song("song.wav", 5)
    _until(lambda: (drop.inbox / "done/song.wav").exists())
    found = events(_end(process, signal.SIGTERM))
    assert [event["message"] for event in found if event["event"] == "waiting"] == [
        "the inbox cannot be read (No such file or directory)"
    ]
