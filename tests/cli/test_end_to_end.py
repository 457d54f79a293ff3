"""The command line as it is: real files, the real delivery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from generation.piece import render_piece
from mastering.audio import Audio
from mastering.io.writer import open_writer

Run = Callable[..., Result]
Launch = Callable[..., "subprocess.Popen[str]"]

_LIMIT_S = 120.0


def write(path: Path, audio: Audio) -> None:
    with open_writer(path, sample_rate=audio.sample_rate, channels=audio.channels) as writer:
        for block in audio.blocks():
            writer.write(block)


@pytest.fixture(scope="module")
def pieces() -> list[Audio]:
    """Two short pieces of music of our own."""
    return [render_piece(seed, 6.0).mix() for seed in (1, 2)]


@pytest.fixture
def songs(folder: Path, pieces: list[Audio]) -> Path:
    """`one.wav` and `two.wav` in the working directory."""
    for name, audio in zip(("one", "two"), pieces, strict=True):
        write(folder / f"{name}.wav", audio)
    return folder


def results(stdout: str) -> list[dict[str, Any]]:
    document: dict[str, list[dict[str, Any]]] = json.loads(stdout)
    return document["results"]


def test_master_apply_measure(songs: Path, run: Run) -> None:
    made = run("master", "one.wav", "--style", "warm", "--target", "spotify", "--json", "--strict")
    assert made.exit_code == 0, made.stderr
    (entry,) = results(made.stdout)
    assert [check["name"] for check in entry["checks"] if not check["passed"]] == []
    (measured,) = results(run("measure", "one.master.wav", "--json").stdout)
    assert measured["features"] == entry["after"]
    assert abs(measured["features"]["integrated_lufs"] + 14.0) <= 0.2
    assert measured["features"]["true_peak_dbtp"] <= -0.95
    assert (songs / "one.master.report.html").stat().st_size > 10_000

    again = run("apply", "one.master.recipe.json", "one.wav", "-o", "again.wav", "--no-report")
    assert again.exit_code == 0, again.stderr
    assert (songs / "again.wav").read_bytes() == (songs / "one.master.wav").read_bytes()
    assert not (songs / "again.report.html").exists()


def test_dry_run_predicts_what_the_master_measures(songs: Path, run: Run) -> None:
    before = sorted(path.name for path in songs.iterdir())
    (planned,) = results(run("master", "one.wav", "-r", "two.wav", "--dry-run", "--json").stdout)
    assert sorted(path.name for path in songs.iterdir()) == before
    (entry,) = results(run("master", "one.wav", "-r", "two.wav", "--json", "--bit-depth", "32").stdout)
    assert (planned["status"], entry["status"]) == ("skipped", "mastered")
    assert planned["chain"]["steps"] == entry["chain"]["steps"]
    assert planned["after"]["integrated_lufs"] == pytest.approx(entry["after"]["integrated_lufs"], abs=0.1)


def test_two_jobs_write_what_one_job_writes(songs: Path, launch: Launch) -> None:
    for jobs in ("1", "2"):
        process = launch("master", ".", "--output-dir", f"out{jobs}", "--jobs", jobs, "--json", faked=False)
        stdout, stderr = process.communicate(timeout=_LIMIT_S)
        assert (process.returncode, stderr) == (0, "")
        assert [entry["status"] for entry in results(stdout)] == ["mastered"] * 2
        for path in songs.rglob("*.master.wav"):
            path.rename(path.with_suffix(".done"))
    for name in ("one", "two"):
        first, second = (songs / f"out{jobs}" / f"{name}.master.done" for jobs in ("1", "2"))
        assert first.read_bytes() == second.read_bytes()


def test_bad_inputs_are_sentences_and_the_good_one_is_done(songs: Path, run: Run) -> None:
    (songs / "empty.wav").touch()
    (songs / "text.wav").write_text("not a song")
    (songs / "folder.wav").mkdir()
    whole = (songs / "one.wav").read_bytes()
    (songs / "header.wav").write_bytes(whole[:44])
    made = run("master", "empty.wav", "text.wav", "folder.wav", "header.wav", "gone.wav", "two.wav", "--json")
    entries = results(made.stdout)
    assert [entry["status"] for entry in entries] == ["error"] * 5 + ["mastered"]
    assert all(entry["error"]["message"] for entry in entries[:5])
    assert made.exit_code == 1
    assert "Traceback" not in made.stderr
    assert sorted(path.name for path in songs.glob("*master*")) == [
        *("two.master.recipe.json", "two.master.report.html", "two.master.wav"),
    ]


def test_an_existing_master_is_kept(songs: Path, run: Run) -> None:
    (songs / "one.master.wav").write_text("precious")
    made = run("master", "one.wav", "--json")
    assert (made.exit_code, results(made.stdout)[0]["error"]["code"]) == (1, "file_exists")
    assert (songs / "one.master.wav").read_text() == "precious"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_nothing_behind(songs: Path, pieces: list[Audio], launch: Launch, jobs: str) -> None:
    long = render_piece(3, 60.0).mix()
    for name in ("long1.wav", "long2.wav"):
        write(songs / name, long)
    before = sorted(path.name for path in songs.iterdir())
    process = launch("master", "long1.wav", "long2.wav", "--jobs", jobs, "--json", faked=False)
    deadline = time.monotonic() + _LIMIT_S
    while not list(songs.glob(".tonmeister-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == 130
    assert stderr == f"Interrupted: {len(results(stdout))} of 2 inputs finished.\n"
    if not results(stdout):
        assert sorted(path.name for path in songs.iterdir()) == before
    assert list(songs.glob(".*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_what_a_killed_run_leaves_is_in_nobodys_way(songs: Path, launch: Launch, run: Run) -> None:
    long = songs / "long.wav"
    write(long, render_piece(3, 60.0).mix())
    process = launch("master", "long.wav", faked=False)
    deadline = time.monotonic() + _LIMIT_S
    while not (left := list(songs.glob(".tonmeister-*"))):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait(_LIMIT_S)
    long.unlink()
    (songs / ".tonmeister-0123456789ab.wav").mkdir()
    for more in ((), ("--force",)):
        made = run("master", ".", "--json", "--no-report", *more)
        assert made.exit_code == 0, made.stderr
        assert [entry["input"] for entry in results(made.stdout)] == ["one.wav", "two.wav"]
    assert set(left) < set(songs.glob(".tonmeister-*"))


def test_demo_twice(folder: Path, run: Run) -> None:
    first = run("demo")
    assert first.exit_code == 0, first.stderr
    made = folder / "tonmeister-demo"
    master = (made / "demo-mix.master.wav").read_bytes()
    second = run("demo")
    assert (second.exit_code, second.stdout) == (0, first.stdout)
    assert (made / "demo-mix.master.wav").read_bytes() == master
    told = dict(line.split(maxsplit=1) for line in second.stdout.splitlines())
    assert list(told) == ["mix", "master", "report", "recipe"]
    assert all(Path(path).stat().st_size for path in told.values())
    assert sorted(path.stem for path in made.glob("*.wav")) == [
        *("demo-bass", "demo-chords", "demo-drums", "demo-lead", "demo-mix", "demo-mix.master"),
    ]


def test_doctor_finds_this_machine_healthy(folder: Path, run: Run) -> None:
    examined = run("doctor", "--json")
    document = json.loads(examined.stdout)
    assert [f for f in document["findings"] if f["state"] == "broken"] == []
    assert (examined.exit_code, document["healthy"]) == (0, True)
    named = {(finding["group"], finding["name"]) for finding in document["findings"]}
    assert {
        ("codecs", "wav"),
        ("versions", "FFmpeg"),
        ("models", "closed-form"),
        ("models", "weights"),
        ("machine", "cores"),
    } <= named
    assert list(folder.iterdir()) == []
    text = run("doctor")
    assert text.exit_code == 0
    assert "libsndfile" in text.stdout
