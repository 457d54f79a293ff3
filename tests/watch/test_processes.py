"""`tonmeister watch` as people start it: processes of their own, and real kills."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.watch.conftest import Drop, counted, events
from tests.webhooks.conftest import until


def _end(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> str:
    process.send_signal(number)
    return process.communicate(timeout=30)[1].decode()


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


def test_an_interrupted_job_is_parked_and_goes_on(drop: Drop) -> None:
    drop.song("song.wav", 4, seconds=15.0)
    drop.put("bad.wav", "no audio")
    process = drop.start()
    notes = drop.root / "jobs/attempts"
    until(lambda: notes.is_dir() and any(notes.glob("*.journal")))
    text = _end(process, signal.SIGINT)
    assert process.returncode == 130, text
    assert events(text)[-1]["event"] == "stopped"
    assert drop.files("out") == []
    assert "song.wav" in drop.files("in")
    found = drop.once(code=1)
    assert counted(found) == {"started": 1, "taken": 1, "mastered": 1, "failed": 1, "stopped": 1}
    assert found[-1]["mastered"] == 1
    assert drop.masters() == ["song.master.wav"]
    assert drop.files("jobs/attempts") == []


def test_two_watchers_and_an_inbox_that_goes_away(drop: Drop) -> None:
    process = drop.start()
    ledgers = drop.root / "jobs/watch"
    until(lambda: ledgers.is_dir() and any(ledgers.glob("*.sqlite")))
    other = drop.start("--once")
    text = other.communicate(timeout=30)[1].decode()
    assert other.returncode == 3
    assert "another tonmeister watches this folder already" in text
    away = drop.inbox.rename(drop.root / "away")
    log = process.stderr
    assert log is not None
    said = b""
    while b"cannot be read" not in said:
        said = log.readline()
    away.rename(drop.inbox)
    drop.song("song.wav", 5)
    until(lambda: (drop.inbox / "done/song.wav").exists())
    found = events(said.decode() + _end(process, signal.SIGTERM))
    assert process.returncode == 143
    assert [event["message"] for event in found if event["event"] == "waiting"] == [
        "the inbox cannot be read (No such file or directory)"
    ]
