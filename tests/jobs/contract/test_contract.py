"""What every executor promises: the same results, workers killed one by one, limits, nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering import library
from mastering.cli.tasks import MasterTask
from mastering.errors import EnvironmentProblem
from mastering.jobs.executor import RESOURCE_ABSENT, Executor
from mastering.jobs.model import Job, Limits, Retries
from mastering.jobs.service import Jobs
from mastering.jobspec import MasterJob, merge_delivery
from tests.jobs.work import Copy, Greedy, Trouble

_QUICK = Retries(wait_s=0.02)
_REPOSITORY = Path(__file__).resolve().parents[3]
_RATE_HZ = 44_100


def _until(true: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, "it did not come to pass"
        time.sleep(0.02)


def _ended(jobs: Jobs, *submitted: Job, timeout_s: float = 60.0) -> list[Job]:
    return list(jobs.wait([job.id for job in submitted], timeout_s=timeout_s))


def _is_clean(jobs: Jobs, folder: Path) -> bool:
    return not list(folder.rglob(".tonmeister-*")) and not list(jobs.place.journals.iterdir())


def _writer_of(jobs: Jobs, job: Job) -> int:
    """The process that has the job's journal open."""
    (journal,) = jobs.place.journals.glob(f"{job.id}.*.journal")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(link.resolve() == journal for link in (folder / "fd").iterdir()):
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError("nobody works on it")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An input."""
    path = tmp_path / "song.txt"
    path.write_text("music", "utf-8")
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of something like music."""
    rng = np.random.default_rng(5)
    samples = np.cumsum(rng.standard_normal((2 * _RATE_HZ, 2)), axis=0)
    samples -= np.linspace(samples[0], samples[-1], len(samples))
    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, 0.3 * samples / np.abs(samples).max(), _RATE_HZ, subtype="PCM_24")
    return path


@pytest.fixture(scope="module")
def bare(song: Path) -> dict[str, bytes]:
    """What the command makes of the song, by the ends of the names."""
    output = song.with_name("bare") / "song.master.wav"
    output.parent.mkdir()
    command = [
        sys.executable,
        "-m",
        "mastering.cli",
        "master",
        str(song),
        "-o",
        str(output),
        "--style",
        "warm",
    ]
    subprocess.run([*command, "--no-report"], check=True, capture_output=True, cwd=_REPOSITORY)
    return {path.name: path.read_bytes() for path in output.parent.iterdir()}


def test_the_result_is_the_commands_bit_for_bit(
    executor: Executor, jobs: Jobs, song: Path, bare: dict[str, bytes], tmp_path: Path
) -> None:
    style = library.load_style("warm")
    delivery = merge_delivery(style, None, {}, referenced=False)
    job = MasterJob(style=style, delivery=delivery, write_report=False)
    folder = tmp_path / "out"
    folder.mkdir()
    task = MasterTask(source=song, output=folder / "song.master.wav", job=job)
    with jobs.running(executor=executor):
        (done,) = _ended(jobs, jobs.submit(task))
    assert done.state == "done", done.failure
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == bare
    assert len(bare) == 2


def test_a_worker_killed_in_the_middle_is_made_up_for_and_its_neighbour_is_not_disturbed(
    executor: Executor, jobs: Jobs, source: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with jobs.running(executor=executor, retries=_QUICK):
        slow = jobs.submit(Copy(source=source, output=tmp_path / "slow.out", gate=gate))
        neighbour = jobs.submit(Copy(source=source, output=tmp_path / "other.out", gate=gate))
        _until(lambda: {jobs.get(job.id).stage for job in (slow, neighbour)} == {"gate"})
        os.kill(_writer_of(jobs, slow), signal.SIGKILL)
        _until(lambda: jobs.get(slow.id).attempts == 2)
        gate.touch()
        done, other = _ended(jobs, slow, neighbour)
    assert (done.state, done.attempts) == ("done", 2)
    assert (other.state, other.attempts) == ("done", 1)
    assert [Path(file.path).name for file in done.files] == ["slow.out", "slow.second"]
    assert _is_clean(jobs, tmp_path)


def test_cancelling_in_the_middle_leaves_nothing(
    executor: Executor, jobs: Jobs, source: Path, tmp_path: Path
) -> None:
    output, gate = tmp_path / "main.out", tmp_path / "gate"
    with jobs.running(executor=executor):
        job = jobs.submit(Copy(source=source, output=output, gate=gate))
        neighbour = jobs.submit(Copy(source=source, output=tmp_path / "other.out", gate=gate))
        _until(lambda: {jobs.get(job.id).stage for job in (job, neighbour)} == {"gate"})
        assert output.exists()  # and the second file is still to come
        jobs.cancel(job.id)
        (ended,) = _ended(jobs, job)
        gate.touch()
        (other,) = _ended(jobs, neighbour)
    assert ended.state == "cancelled"
    assert not output.exists()
    assert (other.state, other.attempts) == ("done", 1)
    assert _is_clean(jobs, tmp_path)


def test_a_worker_that_dies_is_tried_again_and_then_given_up(
    executor: Executor, jobs: Jobs, tmp_path: Path
) -> None:
    cured, doomed = tmp_path / "cured", tmp_path / "doomed"
    with jobs.running(executor=executor, retries=_QUICK):
        done, dead = _ended(
            jobs,
            jobs.submit(Trouble(how="die", marker=cured, times=2)),
            jobs.submit(Trouble(how="die", marker=doomed)),
        )
    assert (done.state, done.attempts, done.failure) == ("done", 3, None)
    assert (dead.state, dead.attempts) == ("failed", 3)
    assert dead.failure is not None
    assert dead.failure.code == "worker_died"
    assert dead.failure.message.startswith("the process that worked on it died")
    assert doomed.read_text("ascii") == "xxx"


def test_a_failure_of_the_request_is_final_and_keeps_its_words(
    executor: Executor, jobs: Jobs, tmp_path: Path
) -> None:
    with jobs.running(executor=executor, retries=_QUICK):
        (failed,) = _ended(jobs, jobs.submit(Trouble(how="refuse", marker=tmp_path / "marker")))
    assert (failed.state, failed.attempts) == ("failed", 1)
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.hint) == ("not_audio", "Give it another.")


def test_a_job_that_takes_too_long_is_ended(executor: Executor, jobs: Jobs, tmp_path: Path) -> None:
    retries = Retries(attempts=2, wait_s=0.02)
    with jobs.running(executor=executor, limits=Limits(time_s=0.5), retries=retries):
        (failed,) = _ended(jobs, jobs.submit(Trouble(how="hang", marker=tmp_path / "marker")))
    assert (failed.state, failed.attempts) == ("failed", 2)
    assert failed.failure is not None
    assert failed.failure.code == "timed_out"
    assert _is_clean(jobs, tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits private memory")
def test_a_job_that_takes_too_much_memory_fails_and_its_worker_lives(
    executor: Executor, jobs: Jobs, tmp_path: Path, source: Path
) -> None:
    with jobs.running(executor=executor, limits=Limits(memory_mb=256), retries=Retries(attempts=1)):
        (failed,) = _ended(jobs, jobs.submit(Trouble(how="memory", marker=tmp_path / "marker")))
        assert failed.failure is not None
        assert failed.failure.code == "out_of_memory"
        (done,) = _ended(jobs, jobs.submit(Copy(source=source, output=tmp_path / "out")))
        assert done.state == "done"


def test_progress_arrives(executor: Executor, jobs: Jobs, source: Path, tmp_path: Path) -> None:
    with jobs.running(executor=executor):
        job = jobs.submit(Copy(source=source, output=tmp_path / "out", seconds=1.5))
        seen = list(jobs.events(job.id))
    assert seen[-1].state == "done"
    shares = [one.share for one in seen if one.stage == "write"]
    assert len(shares) >= 2
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (Greedy(gpu="required"), "a GPU was asked for, and "),
        (Greedy(memory_mb=100_000_000), "the job needs 100000000 MB of memory, and "),
    ],
)
def test_what_nobody_can_ever_do_is_refused_at_once(
    executor: Executor, jobs: Jobs, request_: Greedy, sentence: str
) -> None:
    if request_.gpu == "required" and _has_gpu():
        pytest.skip("this machine has a GPU")
    with jobs.running(executor=executor), pytest.raises(EnvironmentProblem) as raised:
        jobs.submit(request_)
    assert (raised.value.code, raised.value.exit_code) == (RESOURCE_ABSENT, 3)
    assert raised.value.message.startswith(sentence)
    assert raised.value.hint
    assert jobs.count() == {}
    job = jobs.submit(request_)  # by a process that does not know who will do it
    with jobs.running(executor=executor):
        (failed,) = _ended(jobs, job)
    assert (failed.state, failed.attempts) == ("failed", 1)
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.message) == (RESOURCE_ABSENT, raised.value.message)


def _has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None


def test_a_gpu_that_would_be_nice_is_no_condition(executor: Executor, jobs: Jobs) -> None:
    with jobs.running(executor=executor):
        (done,) = _ended(jobs, jobs.submit(Greedy(gpu="if_there", memory_mb=100)))
    assert done.state == "done"


def test_many_short_jobs_are_done_once_each(executor: Executor, jobs: Jobs, tmp_path: Path) -> None:
    markers = [tmp_path / f"marker{number}" for number in range(24)]
    found = jobs.submit_all([Trouble(how="fine", marker=path, times=0) for path in markers])
    with jobs.running(executor=executor):
        done = _ended(jobs, *found)
    assert {(job.state, job.attempts) for job in done} == {("done", 1)}
    assert [path.read_text("ascii") for path in markers] == ["x"] * 24


def test_the_main_process_is_killed_and_another_takes_over(
    executor: Executor, jobs: Jobs, source: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    outputs = [folder / f"{number}.out" for number in range(4)]
    gate = tmp_path / "gate"
    found = jobs.submit_all([Copy(source=source, output=output, gate=gate) for output in outputs])
    address = [] if type(executor).__name__ == "Lanes" else [request.getfixturevalue("cluster").address]
    command = [sys.executable, "-m", "tests.jobs.main_process", jobs.place.url, str(jobs.place.folder)]
    with subprocess.Popen(
        [*command, *address], cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        _until(lambda: [job for job in jobs.list(states=["running"]) if job.stage == "gate"])
        process.kill()
    gate.touch()
    with jobs.running(executor=executor, retries=_QUICK):
        done = _ended(jobs, *found)
    assert {(job.state, job.attempts) for job in done} == {("done", 1)}
    assert sum(job.interruptions for job in done) >= 1
    assert [output.read_text("utf-8") for output in outputs] == ["MUSIC"] * 4
    assert len(list(folder.iterdir())) == 8
    assert _is_clean(jobs, tmp_path)
