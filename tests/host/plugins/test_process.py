"""A plug-in's process: whatever the plug-in does is a typed error with its name, and nothing is left over."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mastering.audio import BLOCK_FRAMES
from mastering.errors import PluginCrashed, PluginError, PluginMisbehaved, PluginTimedOut
from mastering.host.plugins import process as process_module
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.values import WorkerLimits
from tests.host.plugins.support import LIMITS, Remains, noise, resident_mb

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def loaded(bundle: Path, limits: WorkerLimits = LIMITS, name: str = "Test Trouble") -> PluginProcess:
    process = PluginProcess(name, limits)
    process.load(str(bundle))
    return process


def troubled(bundle: Path, kind: str, limits: WorkerLimits = LIMITS) -> PluginProcess:
    """The Trouble fixture, about to misbehave."""
    process = loaded(bundle, limits)
    process.call("set", values=[[0, kind]])
    return process


def played(process: PluginProcess, frames: int = 8_192) -> np.ndarray:
    process.start(44_100, 2)
    process.push(noise(frames))
    return process.pull()


def is_gone(pid: int) -> bool:
    """Neither running nor waiting to be buried."""
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def quick(plugin_fixtures: dict[str, Path]) -> Iterator[PluginProcess]:
    with loaded(plugin_fixtures["Latency"], name="Test Latency") as process:
        yield process


def test_a_plugin_loads_and_says_who_it_is(plugin_fixtures: dict[str, Path]) -> None:
    with PluginProcess("Test Latency", LIMITS) as process:
        about = process.load(str(plugin_fixtures["Latency"]))
        assert about["name"] == "Test Latency"
        assert about["vendor"] == "Tonmeister Tests"
        assert about["version"] == "1.2.3"
        assert about["latency_frames"] == 1_000
        assert not about["instrument"]
        assert process.usable
        assert process.start(44_100, 2) == 1_000
    assert not process.usable
    assert is_gone(process.pid)


FAILURES = [
    ("Crash", PluginCrashed, "plugin_crashed", "SIGSEGV"),
    ("Abort", PluginCrashed, "plugin_crashed", "SIGABRT"),
    ("Throw", PluginMisbehaved, "plugin_threw", "trouble on command"),
    ("Hang", PluginTimedOut, "plugin_timed_out", "no answer for 0.5 s"),
]


@LINUX
@pytest.mark.parametrize(("kind", "error", "code", "words"), FAILURES, ids=[f[0] for f in FAILURES])
def test_each_failure_is_a_typed_error_and_leaves_nothing(
    plugin_fixtures: dict[str, Path],
    remains: Remains,
    kind: str,
    error: type[PluginError],
    code: str,
    words: str,
) -> None:
    limits = replace(LIMITS, answer_s=0.5) if kind == "Hang" else LIMITS
    started_s = time.monotonic()
    with troubled(plugin_fixtures["Trouble"], kind, limits) as process, pytest.raises(error) as caught:
        played(process)
    assert type(caught.value) is error
    assert caught.value.code == code
    assert "Test Trouble" in caught.value.message
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert is_gone(process.pid)
    remains.check()
    assert time.monotonic() - started_s < 12.0


@LINUX
@pytest.mark.parametrize("name", ["CrashOnLoad", "HangOnLoad"])
def test_failures_while_loading(plugin_fixtures: dict[str, Path], remains: Remains, name: str) -> None:
    limits = replace(LIMITS, load_s=0.7) if name == "HangOnLoad" else LIMITS
    expected = {"CrashOnLoad": PluginCrashed, "HangOnLoad": PluginTimedOut}[name]
    with PluginProcess(name, limits) as process, pytest.raises(expected, match=f"the plug-in {name} "):
        process.load(str(plugin_fixtures[name]))
    assert is_gone(process.pid)
    remains.check()


def test_a_crash_while_the_plugin_is_destroyed_is_nobodys_business(
    plugin_fixtures: dict[str, Path], remains: Remains
) -> None:
    with loaded(plugin_fixtures["CrashOnExit"]) as process:
        given = noise(4_096)
        process.start(44_100, 2)
        process.push(given)
        assert np.array_equal(process.pull(), given)
    remains.check()


def test_a_bundle_that_holds_no_plugin(tmp_path: Path) -> None:
    empty = tmp_path / "Empty.vst3"
    empty.mkdir()
    with PluginProcess("Empty", LIMITS) as process:
        with pytest.raises(PluginMisbehaved) as caught:
            process.load(str(empty))
        assert caught.value.code == "plugin_refused"
        assert "Empty" in caught.value.message
        assert process.usable, "an exception ends nothing"


def test_an_exception_does_not_end_the_process(plugin_fixtures: dict[str, Path]) -> None:
    with troubled(plugin_fixtures["Trouble"], "Throw") as process:
        with pytest.raises(PluginMisbehaved):
            played(process)
        process.call("set", values=[[0, "None"]])
        assert np.array_equal(played(process), noise(8_192))


def test_a_crash_is_noticed_at_once(plugin_fixtures: dict[str, Path]) -> None:
    with troubled(plugin_fixtures["Trouble"], "Crash", replace(LIMITS, answer_s=600.0)) as process:
        started_s = time.monotonic()
        with pytest.raises(PluginCrashed):
            played(process)
        assert time.monotonic() - started_s < 5.0


def test_a_killed_worker_is_a_crash(quick: PluginProcess) -> None:
    os.kill(quick.pid, signal.SIGKILL)
    with pytest.raises(PluginCrashed, match="SIGKILL"):
        quick.call("table")
    assert is_gone(quick.pid)
    assert not quick.usable


def test_a_stopped_worker_is_killed_in_time(quick: PluginProcess, remains: Remains) -> None:
    os.kill(quick.pid, signal.SIGSTOP)
    with pytest.raises(PluginTimedOut, match=r"no answer for 0\.3 s"):
        quick.call("table", within_s=0.3)
    assert is_gone(quick.pid)


def test_calls_after_the_end_are_errors_not_hangs(quick: PluginProcess) -> None:
    quick.close()
    quick.close()
    with pytest.raises(PluginError):
        quick.call("table")


def test_slow_is_no_failure_within_the_limit(plugin_fixtures: dict[str, Path]) -> None:
    with troubled(plugin_fixtures["Trouble"], "Slow") as process:
        started_s = time.monotonic()
        out = played(process, 2_048)
        assert time.monotonic() - started_s > 0.39, "two calls of 0.2 s each"
    assert np.array_equal(out, noise(2_048))


def test_what_does_not_fit_into_memory_is_named(plugin_fixtures: dict[str, Path], remains: Remains) -> None:
    limits = replace(LIMITS, memory_mb=256)
    with loaded(plugin_fixtures["Latency"], limits, "Test Latency") as process:
        with pytest.raises(PluginCrashed) as caught:
            process.call("set_state", blob=bytes(400 * 2**20))
        assert caught.value.code == "plugin_memory"
        assert "Test Latency" in caught.value.message
        assert "256 MB of memory" in caught.value.message
        assert "--plugin-memory" in caught.value.hint
    assert is_gone(process.pid)
    remains.check()


@LINUX
def test_a_leak_ends_at_the_memory_limit(plugin_fixtures: dict[str, Path], remains: Remains) -> None:
    """64 MB leaked with each of 128 buffers: 8 GB, where 512 MB are allowed."""
    with troubled(plugin_fixtures["Trouble"], "Leak", replace(LIMITS, memory_mb=512)) as process:
        with pytest.raises(PluginCrashed) as caught:
            for _ in range(6):
                played(process, BLOCK_FRAMES)
                assert resident_mb(process.pid, "VmData") <= 513.0
        assert caught.value.code == "plugin_memory"
        assert "512 MB of memory" in caught.value.message
    remains.check()


@LINUX
def test_a_leak_takes_no_more_than_the_limit(plugin_fixtures: dict[str, Path]) -> None:
    with troubled(plugin_fixtures["Trouble"], "Leak", replace(LIMITS, memory_mb=512)) as process:
        process.start(44_100, 2)
        with contextlib.suppress(PluginCrashed):
            process.push(noise(32_768))
            process.pull()
        if process.usable:
            assert 300.0 < resident_mb(process.pid, "VmData") <= 512.5


# What a worker is given


@LINUX
def test_a_worker_has_no_inherited_files(tmp_path: Path, plugin_fixtures: dict[str, Path]) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with secret.open() as file, socket.socket() as door:
        os.set_inheritable(file.fileno(), True)
        os.set_inheritable(door.fileno(), True)
        with loaded(plugin_fixtures["Latency"]) as process:
            process.start(44_100, 2)
            links = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
        own_door = f"socket:[{os.fstat(door.fileno()).st_ino}]"
    assert str(secret) not in links
    assert own_door not in links
    pipes = [link for link in links if link.startswith("pipe:")]
    assert len(pipes) == 2, "requests and answers"
    others = [
        link
        for link in links
        if not link.startswith(("pipe:", "socket:", "anon_inode:", str(plugin_fixtures["Latency"])))
        and link != "/dev/null"
        and not link.endswith("(deleted)")
    ]
    assert others == []


@LINUX
def test_a_worker_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("TONMEISTER_TOKEN", "hunter2")
    with PluginProcess("x", LIMITS) as process:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"hunter2" not in environment
    assert b"TONMEISTER" not in environment
    assert b"PATH=" in environment


@LINUX
def test_a_worker_has_a_lower_priority() -> None:
    with PluginProcess("x", LIMITS) as process:
        assert process.confined["priority"]
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + 5)


@LINUX
def test_a_worker_holds_its_limits() -> None:
    with PluginProcess("x", replace(LIMITS, memory_mb=777)) as process:
        assert process.confined["memory"]
        limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    rows = {line[:25].strip(): line[25:].split()[:2] for line in limits}
    assert rows["Max data size"] == [str(777 * 2**20)] * 2
    assert rows["Max core file size"] == ["0", "0"]
    assert rows["Max file size"] == [str(2**30)] * 2


@LINUX
def test_a_worker_without_network() -> None:
    with PluginProcess("x", replace(LIMITS, network=False)) as process:
        if not process.confined["network"]:
            pytest.skip("this system lets a process make no network namespace of its own")
        devices = Path(f"/proc/{process.pid}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
        assert Path(f"/proc/{process.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


@LINUX
def test_a_worker_keeps_the_network_where_it_may() -> None:
    with PluginProcess("x", LIMITS) as process:
        assert not process.confined["network"]
        assert Path(f"/proc/{process.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()


@LINUX
def test_shared_memory_has_no_name_while_it_is_used(quick: PluginProcess, remains: Remains) -> None:
    quick.start(44_100, 2)
    files = [
        line for line in Path(f"/proc/{quick.pid}/maps").read_text().splitlines() if "tonmeister-p" in line
    ]
    assert files
    assert all(line.endswith("(deleted)") for line in files)


# The protocol

CHATTY = """
import os, sys
sys.argv = [sys.argv[0], sys.argv[-1]]
from mastering.host.plugins import worker
load = worker._Worker.load
def loud(self, **fields):
    print("hello from Python", flush=True)
    os.write(1, b"hello from C" * 20_000)
    assert os.read(0, 1) == b"", "nothing of the requests can be read by the plug-in"
    return load(self, **fields)
worker._Worker.load = loud
worker.main()
"""


def test_a_plugin_that_prints_and_reads_does_not_disturb(
    plugin_fixtures: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "_COMMAND", (sys.executable, "-P", "-c", CHATTY))
    with loaded(plugin_fixtures["Latency"]) as process:
        assert len(process.call("table")["parameters"]) == 5
        assert b"hello from C" in process._last_words().encode()


LIARS = {
    "noise": "import os; os.write(1, b'\\xff' * 4096); os.read(0, 1)",
    "no JSON": "import os; os.write(1, b'\\x04\\0\\0\\0\\0\\0\\0\\0oops'); os.read(0, 1)",
    "no table": "import os; os.write(1, b'\\x02\\0\\0\\0\\0\\0\\0\\0[]'); os.read(0, 1)",
    "half a word": "import os; os.write(1, b'\\x04\\0\\0')",
    "nothing": "raise SystemExit(3)",
}


@LINUX
@pytest.mark.parametrize("kind", LIARS)
def test_a_worker_that_answers_nonsense(kind: str, remains: Remains, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_COMMAND", (sys.executable, "-I", "-S", "-c", LIARS[kind]))
    with pytest.raises(PluginCrashed, match="the plug-in Liar "):
        PluginProcess("Liar", LIMITS)
    remains.check()


@LINUX
def test_the_last_words_are_told(remains: Remains, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; os.write(2, b'first\\nthe licence has expired\\n'); os.abort()"
    monkeypatch.setattr(process_module, "_COMMAND", (sys.executable, "-I", "-S", "-c", code))
    with pytest.raises(PluginCrashed, match=r"\(SIGABRT: the licence has expired\)"):
        PluginProcess("Talker", LIMITS)
    remains.check()


# A host that dies itself

ORPHAN = """
import sys, time
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.values import WorkerLimits
import numpy as np
process = PluginProcess("Orphan", WorkerLimits(load_s=20.0, answer_s=float(sys.argv[2])))
process.load(sys.argv[1])
process.call("set", values=[[0, sys.argv[3]]], within_s=20.0)
if sys.argv[3] == "Hang":
    request = {"do": "prepare", "within_s": 0.5, "sample_rate": 44100, "channels": 2, "buffer_frames": 64}
    process._send(request, 9.0)
    time.sleep(0.3)
print(process.pid, flush=True)
time.sleep(60.0)
"""


@LINUX
@pytest.mark.parametrize("kind", ["None", "Hang"])
def test_a_worker_does_not_survive_its_host(plugin_fixtures: dict[str, Path], kind: str) -> None:
    """An idle worker ends when its input ends, one that hangs in the plug-in when its time is over."""
    command = [sys.executable, "-c", ORPHAN, str(plugin_fixtures["Trouble"]), "0.5", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert not is_gone(worker)
        parent.kill()
    deadline_s = time.monotonic() + 15.0
    while not ended(worker):
        assert time.monotonic() < deadline_s, "the worker outlived its host"
        time.sleep(0.02)


def ended(pid: int) -> bool:
    """Gone, or dead and waiting for whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
