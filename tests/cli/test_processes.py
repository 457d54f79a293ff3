"""The command line as a process: workers that die, signals, pure standard output, closed pipes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Files = Callable[..., Path]
Launch = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

_LIMIT_S = 60.0


def statuses(stdout: str) -> dict[str, str]:
    return {entry["input"]: entry["status"] for entry in json.loads(stdout)["results"]}


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until a file is there; fails if the process ends first."""
    deadline = time.monotonic() + _LIMIT_S
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def group_ends(group: int) -> bool:
    """Whether all of a group is gone soon: multiprocessing's tracker outlives its parent a little."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_two_jobs_do_all_inputs_in_order(files: Files, launch: Launch) -> None:
    names = [f"{n}.wav" for n in range(5)]
    folder = files(*names)
    process = launch("master", *names, "--jobs", "2", "--json")
    stdout, stderr = process.communicate(timeout=_LIMIT_S)
    assert statuses(stdout) == dict.fromkeys(names, "mastered")
    assert list(statuses(stdout)) == names
    assert (stderr, process.returncode) == ("", 0)
    assert all((folder / f"{n}.master.wav").exists() for n in range(5))


def test_a_worker_that_dies_takes_nobody_with_it(files: Files, launch: Launch) -> None:
    files("a.wav", "dies.wav", "dies-once.wav", "refused.wav", "b.wav")
    process = launch("master", ".", "--jobs", "2", "--json")
    stdout, stderr = process.communicate(timeout=_LIMIT_S)
    assert statuses(stdout) == {
        "a.wav": "mastered",
        "b.wav": "mastered",
        "dies-once.wav": "mastered",
        "dies.wav": "error",
        "refused.wav": "error",
    }
    codes = {e["input"]: e["error"]["code"] for e in json.loads(stdout)["results"] if e["error"]}
    assert codes == {"dies.wav": "worker_died", "refused.wav": "not_audio"}
    assert process.returncode == 1
    assert "Traceback" not in stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("number", "code", "group"),
    [
        (signal.SIGINT, 130, True),  # Ctrl-C reaches every process of the terminal's foreground group
        (signal.SIGTERM, 143, False),
        (signal.SIGTERM, 143, True),
    ],
)
def test_interrupted_run_keeps_what_is_finished_and_leaves_nothing_behind(
    files: Files, launch: Launch, jobs: str, number: int, code: int, group: bool
) -> None:
    folder = files("a.wav", "slow1.wav", "slow2.wav")
    process = launch("master", "a.wav", "slow1.wav", "slow2.wav", "--jobs", jobs, "--json")
    slow = range(1, int(jobs) + 1)
    for n in slow:
        wait_for(folder / f".temporary-slow{n}.master.wav", process)
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    stdout, stderr = process.communicate(timeout=_LIMIT_S)
    assert process.returncode == code
    assert statuses(stdout) == {"a.wav": "mastered"}
    assert stderr == "Interrupted: 1 of 3 inputs finished.\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("a.master.wav", "a.wav", "slow1.wav", "slow2.wav"),
    ]
    assert group_ends(process.pid)


def test_a_second_signal_does_not_disturb_the_clean_up(files: Files, launch: Launch) -> None:
    folder = files("slow1.wav", "slow2.wav")
    process = launch("master", ".", "--jobs", "2")
    wait_for(folder / ".temporary-slow2.master.wav", process)
    for _ in range(5):
        os.killpg(process.pid, signal.SIGINT)
    assert process.wait(_LIMIT_S) == 130
    assert sorted(path.name for path in folder.iterdir()) == ["slow1.wav", "slow2.wav"]


def test_ctrl_c_while_measuring(files: Files, launch: Launch) -> None:
    folder = files("slow1.wav")
    process = launch("measure", "slow1.wav")
    wait_for(folder / ".temporary-slow1.wav", process)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=_LIMIT_S)
    assert (process.returncode, stderr) == (130, "")


def test_closed_pipe_is_quiet(files: Files, launch: Launch) -> None:
    files(*(f"{n}.wav" for n in range(3)))
    process = launch("measure", ".", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read().replace(": It ends early.", "") == ""
    assert process.wait(_LIMIT_S) in (0, 1)


def test_no_progress_in_a_pipe(files: Files, launch: Launch) -> None:
    files("a.wav")
    stdout, stderr = launch("master", "a.wav").communicate(timeout=_LIMIT_S)
    assert stdout == ""
    assert "\x1b" not in stderr
    assert "\r" not in stderr


def test_progress_on_a_terminal(files: Files) -> None:
    pty = pytest.importorskip("pty")
    folder = files("slow1.wav")
    ours, theirs = pty.openpty()
    command = [sys.executable, str(Path(__file__).with_name("fake_app.py")), "master", "slow1.wav", "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    for arguments, wanted in ((command, False), (command[:-1], True)):
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True
        )
        wait_for(folder / ".temporary-slow1.master.wav", process)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_LIMIT_S)
        assert select.select([ours], [], [], 0.0)[0], "nothing was shown"
        shown = os.read(ours, 100_000).decode()
        assert ("slow1.wav" in shown) is wanted
        assert "Interrupted" in shown
    os.close(ours)
    os.close(theirs)


_HEAVY = {"rich", "numba", "scipy", "matplotlib", "soundfile", "av", "torch", "pedalboard", "soxr", "mutagen"}


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], _HEAVY | {"numpy"}),
        (["--version"], _HEAVY | {"numpy"}),
        (["completion", "zsh"], _HEAVY | {"numpy"}),
        (["master", "--help"], _HEAVY),
        (["presets", "list"], _HEAVY),
    ],
)
def test_what_is_not_needed_is_not_imported(arguments: list[str], unwanted: set[str]) -> None:
    code = (
        "import sys\n"
        "from mastering.cli.app import app\n"
        "try:\n    app.main(args=sys.argv[1:], prog_name='tonmeister')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert unwanted & set(done.stderr.split()) == set()


def test_module_runs_as_a_program(launch: Launch) -> None:
    stdout, _ = launch("--version", faked=False).communicate(timeout=_LIMIT_S)
    assert stdout.startswith("tonmeister ")
