"""What only a cluster has: nodes that come and go, tokens, a driver, and a cluster of our own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mastering.codec import to_plain
from mastering.errors import EnvironmentProblem, ParameterError, TonmeisterError
from mastering.jobs.cluster.lanes import RayLanes
from mastering.jobs.cluster.session import Session
from mastering.jobs.model import Needs, Retries
from mastering.jobs.service import Jobs
from mastering.jobs.worker import Order
from tests.jobs.contract.cluster import TestCluster
from tests.jobs.work import Copy, Greedy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'tonmeister[cluster]'"
)

_REPOSITORY = Path(__file__).resolve().parents[3]


def _until(true: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, "it did not come to pass"
        time.sleep(0.05)


@contextlib.contextmanager
def _lanes(shared: Path, address: str | None, **lanes: int) -> Iterator[tuple[RayLanes, list[str]]]:
    said: list[str] = []
    made = RayLanes(lanes, address=address, folder=shared, tell=said.append)
    try:
        yield made, said
    finally:
        made.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An input."""
    path = tmp_path / "song.txt"
    path.write_text("music", "utf-8")
    return path


def test_a_node_is_lost_in_the_middle(
    cluster: TestCluster, shared: Path, jobs: Jobs, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    outputs, gate = [folder / f"{number}.out" for number in range(4)], tmp_path / "gate"
    with (
        _lanes(shared, cluster.address, short=4, long=1) as (lanes, said),
        jobs.running(executor=lanes, retries=Retries(wait_s=0.02)),
    ):
        assert lanes.workers["short"] == 2
        cluster.tell("add")
        _until(lambda: lanes.workers["short"] == 4)
        (seen,) = jobs.wait([jobs.submit(Greedy(gpu="required")).id], timeout_s=60.0)
        assert seen.outcome is not None
        assert seen.outcome.text == "0"  # the worker sees the GPU, others see none
        found = jobs.submit_all([Copy(source=source, output=path, gate=gate) for path in outputs])
        _until(lambda: sum(job.stage == "gate" for job in jobs.list(states=["running"])) == 4)
        cluster.tell("kill")
        _until(lambda: sum(job.failure is not None or job.attempts > 1 for job in jobs.list()) == 2)
        gate.touch()
        done = jobs.wait([job.id for job in found], timeout_s=90.0)
        _until(lambda: lanes.workers["short"] == 2)
        with pytest.raises(EnvironmentProblem, match="the largest node of the Ray cluster has none"):
            lanes.check(Needs(gpu="required"))
    assert {job.state for job in done} == {"done"}
    assert sorted(job.attempts for job in done) == [1, 1, 2, 2]
    assert [path.read_text("utf-8") for path in outputs] == ["MUSIC"] * 4
    assert len(list(folder.iterdir())) == 8
    assert not list(folder.glob(".tonmeister-*"))
    assert not list(jobs.place.journals.iterdir())
    assert said == []


def _order(source: Path, output: Path, needs: Needs) -> Order:
    return Order(
        request="tests.jobs.work:Copy",
        run="tests.jobs.work:copy",
        plain=to_plain(Copy(source=source, output=output, seconds=0.8)),
        where="copy job",
        journal=output.with_suffix(".journal"),
        note=output.with_suffix(".note"),
        memory_mb=None,
        needs=needs,
    )


def test_what_waits_for_a_core_has_not_begun(
    cluster: TestCluster, shared: Path, source: Path, tmp_path: Path
) -> None:
    with _lanes(shared, cluster.address, short=2, long=1) as (lanes, _):
        orders = [_order(source, tmp_path / f"{number}.out", Needs(memory_mb=100)) for number in range(2)]
        first, second = (lanes.start("short", order) for order in orders)
        third = lanes.start("long", _order(source, tmp_path / "long.out", Needs(memory_mb=200)))
        _until(lambda: first.begun and second.begun)
        assert not third.begun
        assert third.wait(0.0) is None
        _until(lambda: third.begun)
        work = third.wait(20.0)
        assert work is not None
        assert work.finished is not None
        waiting = [lanes.start("short", order) for order in (*orders, *orders)][-1]
        waiting.end()  # before it has a worker
        work = waiting.wait(5.0)
        assert work is not None
        assert work.failure is not None
        assert work.failure.code == "cancelled"


def test_a_driver_that_dies_is_made_up_for(
    cluster: TestCluster, shared: Path, jobs: Jobs, source: Path, tmp_path: Path
) -> None:
    output, gate = tmp_path / "main.out", tmp_path / "gate"
    with _lanes(shared, cluster.address, short=2) as (lanes, said), jobs.running(executor=lanes):
        job = jobs.submit(Copy(source=source, output=output, gate=gate))
        _until(lambda: jobs.get(job.id).stage == "gate")
        os.kill(_driver_of(os.getpid()), 9)
        _until(lambda: jobs.get(job.id).state == "queued")
        waiting = jobs.get(job.id)
        assert waiting.failure is not None
        assert (waiting.failure.code, waiting.attempts) == ("executor_lost", 0)
        gate.touch()
        (done,) = jobs.wait([job.id], timeout_s=90.0)
    assert (done.state, done.attempts) == ("done", 1)
    assert said == ["the Ray cluster is lost; trying to reach it again", "the Ray cluster is there again"]
    assert not list(tmp_path.glob(".tonmeister-*"))


def _driver_of(parent: int) -> int:
    """The process that was spawned last."""
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        pids = map(int, task.read_text("ascii").split())
        found += [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return max(found)


@pytest.mark.parametrize(
    ("address", "code", "sentence"),
    [
        ("127.0.0.1:1", "cluster_unreachable", "no Ray cluster answers at 127.0.0.1:1 "),
        ("ray://host:10001", "cluster_address", "'ray://host:10001' is no address"),
        ("host", "cluster_address", "'host' is no address"),
    ],
)
def test_an_address_that_leads_nowhere(address: str, code: str, sentence: str, shared: Path) -> None:
    with pytest.raises((EnvironmentProblem, ParameterError)) as raised:
        RayLanes({}, address=address, folder=shared)
    assert raised.value.code == code
    assert raised.value.message.startswith(sentence)
    assert raised.value.hint


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_token_that_is_missing_or_wrong(
    token: str,
    cluster: TestCluster,
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    else:
        monkeypatch.delenv("RAY_AUTH_TOKEN")
    started_s = time.monotonic()
    with pytest.raises(EnvironmentProblem) as raised:
        RayLanes({}, address=cluster.address, folder=shared)
    assert time.monotonic() - started_s < 20.0
    assert (raised.value.code, raised.value.exit_code) == ("cluster_token", 3)
    wanted = "does not accept the token" if token else "there is no token here"
    assert wanted in raised.value.message
    assert "RAY_AUTH_TOKEN" in raised.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_cannot_be_written(cluster: TestCluster, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="the folder for jobs cannot be written") as raised:
        RayLanes({}, address=cluster.address, folder=tmp_path / "none")
    assert raised.value.code == "jobs_not_writable"


def test_without_ray(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="Ray is not installed") as raised:
        RayLanes({}, folder=shared)
    assert "pip install 'tonmeister[cluster]'" in raised.value.hint


_OWN = """
import sys, time
from pathlib import Path
from mastering.jobs.cluster.lanes import RayLanes
if __name__ == "__main__":
    lanes = RayLanes({"short": 1}, folder=Path(sys.argv[1]))
    print(lanes._link._session.path, flush=True)
    if sys.stdin.readline():
        lanes.stop()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
@pytest.mark.parametrize("end", ["asked", "killed"])
def test_a_cluster_of_our_own_is_on_loopback_and_ends_with_us(
    end: str, shared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "own.py"
    script.write_text(_OWN, "utf-8")
    command = [sys.executable, str(script), str(shared)]
    environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY), "RAY_ADDRESS": "127.0.0.1:1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        session = process.stdout.readline().strip()
        pids = [*_processes(session), *_processes(str(script))]
        assert len(pids) >= 5
        assert {host for pid in pids for host in _listening(pid)} == {"loopback"}
        if end == "asked":
            process.stdin.write("end\n")
            process.stdin.flush()
            process.wait(30.0)
        else:
            process.kill()
    _until(lambda: not _processes(session), 20.0)
    Session().remove()  # the next one cleans up
    assert not Path(session).exists()
    assert capfd.readouterr().err == ""


def _processes(text: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _listening(pid: int) -> set[str]:
    """Where a process listens: "loopback" or an address in hexadecimal."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    hosts = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                host = fields[1].partition(":")[0]
                hosts.add("loopback" if host.endswith(("0100007F", "00000001000000")) else host)
    return hosts


def test_errors_of_the_driver_cross_to_the_program() -> None:
    import pickle

    error = EnvironmentProblem("the node a has no tonmeister", hint="Install it.", code="cluster_node")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, TonmeisterError)
    assert (again.message, again.hint, again.code) == (error.message, error.hint, error.code)
