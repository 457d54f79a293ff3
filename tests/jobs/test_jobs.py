"""The contract of jobs, on every database: recorded, done once, ended when asked, given up with a reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError
from mastering.jobs.model import Job, Limits, Retries
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.jobs.work import Copy, Trouble, kinds

_LANES = {"short": 2, "long": 1}
_QUICK = Retries(wait_s=0.02)
_REPOSITORY = Path(__file__).resolve().parents[2]


def _until(true: Callable[[], object], timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, "it did not come to pass"
        time.sleep(0.02)


def _temporaries(folder: Path) -> list[Path]:
    return list(folder.rglob(".tonmeister-*"))


def _left_behind(jobs: Jobs) -> list[Path]:
    return list(jobs.place.journals.iterdir())


def _ended(jobs: Jobs, job: Job, timeout_s: float = 40.0) -> Job:
    return jobs.wait([job.id], timeout_s=timeout_s)[0]


def test_a_job_is_done_with_its_files_and_its_outcome(jobs: Jobs, source: Path) -> None:
    output = source.with_suffix(".out")
    job = jobs.submit(Copy(source=source, output=output))
    assert (job.state, job.kind, job.label, job.lane, job.attempts) == (
        "queued",
        "copy",
        "song.txt",
        "short",
        0,
    )
    with jobs.running(lanes=_LANES):
        done = _ended(jobs, job)
    assert done.state == "done"
    assert output.read_text("utf-8") == "MUSIC"
    assert [Path(file.path).name for file in done.files] == ["song.out", "song.second"]
    assert done.files[0].size_bytes == 5
    assert done.outcome is not None
    assert done.outcome.text == "5 letters"
    assert dict(done.outcome.entries[0]) == {"output": str(output), "silence": None}
    assert done.started_s is not None
    assert done.finished_s is not None
    assert done.created_s <= done.started_s <= done.finished_s
    assert not _temporaries(source.parent)
    assert not _left_behind(jobs)


def test_the_same_work_is_the_same_job(jobs: Jobs, source: Path) -> None:
    request = Copy(source=source, output=source.with_suffix(".out"))
    first = jobs.submit(request)
    assert jobs.submit(request).id == first.id
    assert jobs.submit(replace(request, force=True)).id != first.id
    source.write_text("other music", "utf-8")
    assert jobs.submit(request).id not in (first.id,)
    assert jobs.count() == {"queued": 3}
    with jobs.running(lanes=_LANES):
        jobs.wait([first.id], timeout_s=40.0)
        again = jobs.submit(request)
        assert jobs.get(again.id).id == again.id


def test_a_job_that_was_cleared_can_be_submitted_again(jobs: Jobs, source: Path) -> None:
    request = Copy(source=source, output=source.with_suffix(".out"), force=True)
    with jobs.running(lanes=_LANES):
        assert _ended(jobs, jobs.submit(request)).state == "done"
        assert jobs.clear() == 1
        assert jobs.list() == []
        assert _ended(jobs, jobs.submit(request)).state == "done"


def test_two_kinds_and_lists(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    copies = [Copy(source=source, output=tmp_path / f"{number}.out") for number in range(5)]
    jobs.submit_all([*copies, Trouble(how="bug", marker=tmp_path / "marker")])
    assert len(jobs.list()) == 6
    assert [job.kind for job in jobs.list(kinds=["trouble"])] == ["trouble"]
    pages = [jobs.list(limit=4), jobs.list(limit=4, offset=4)]
    assert [len(page) for page in pages] == [4, 2]
    assert len({job.id for page in pages for job in page}) == 6
    assert jobs.list(states=["done"]) == []
    with jobs.running(lanes=_LANES):
        jobs.wait([job.id for job in jobs.list()], timeout_s=40.0)
    assert jobs.count() == {"done": 5, "failed": 1}


def test_an_input_that_is_not_there_is_refused_at_once(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError) as raised:
        jobs.submit(Copy(source=tmp_path / "none.txt", output=tmp_path / "out"))
    assert raised.value.code == "file_missing"
    assert jobs.count() == {}


def test_a_failure_of_the_request_is_final(jobs: Jobs, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with jobs.running(lanes=_LANES, retries=_QUICK):
        failed = _ended(jobs, jobs.submit(Trouble(how="refuse", marker=marker)))
    assert failed.state == "failed"
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.message) == ("not_audio", "song.wav: no audio in it")
    assert failed.failure.hint == "Give it another."
    assert marker.read_text("ascii") == "x"


def test_a_worker_that_dies_is_tried_again_and_then_given_up(jobs: Jobs, tmp_path: Path) -> None:
    cured, doomed = tmp_path / "cured", tmp_path / "doomed"
    with jobs.running(lanes=_LANES, retries=_QUICK):
        first, second = jobs.submit_all(
            [Trouble(how="die", marker=cured, times=2), Trouble(how="die", marker=doomed)]
        )
        done, dead = jobs.wait([first.id, second.id], timeout_s=60.0)
    assert (done.state, done.attempts) == ("done", 3)
    assert done.failure is None
    assert (dead.state, dead.attempts) == ("failed", 3)
    assert dead.failure is not None
    assert dead.failure.code == "worker_died"
    assert doomed.read_text("ascii") == "xxx"


def test_a_worker_killed_in_the_middle_leaves_nothing_and_its_neighbour_goes_on(
    jobs: Jobs, source: Path, tmp_path: Path
) -> None:
    with jobs.running(lanes=_LANES, retries=_QUICK):
        slow = jobs.submit(Copy(source=source, output=tmp_path / "slow.out", seconds=2.0))
        _until(lambda: jobs.get(slow.id).stage == "write")
        neighbour = jobs.submit(Copy(source=source, output=tmp_path / "other.out", seconds=2.5))
        _until(lambda: jobs.get(neighbour.id).stage == "write")
        os.kill(_writer_of(jobs, slow), signal.SIGKILL)
        done, other = jobs.wait([slow.id, neighbour.id], timeout_s=60.0)
    assert (done.state, done.attempts) == ("done", 2)
    assert (other.state, other.attempts) == ("done", 1)
    assert not _temporaries(tmp_path)
    assert not _left_behind(jobs)


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


def test_a_job_that_takes_too_long_is_ended(jobs: Jobs, tmp_path: Path) -> None:
    request = Trouble(how="hang", marker=tmp_path / "marker")
    with jobs.running(lanes=_LANES, limits=Limits(time_s=0.5), retries=Retries(attempts=2, wait_s=0.02)):
        failed = _ended(jobs, jobs.submit(request))
    assert (failed.state, failed.attempts) == ("failed", 2)
    assert failed.failure is not None
    assert failed.failure.code == "timed_out"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits private memory")
def test_a_job_that_takes_too_much_memory_fails_and_its_worker_lives(
    jobs: Jobs, tmp_path: Path, source: Path
) -> None:
    with jobs.running(lanes={"short": 1}, limits=Limits(memory_mb=256), retries=Retries(attempts=1)):
        failed = _ended(jobs, jobs.submit(Trouble(how="memory", marker=tmp_path / "marker")))
        assert failed.failure is not None
        assert failed.failure.code == "out_of_memory"
        done = _ended(jobs, jobs.submit(Copy(source=source, output=tmp_path / "out")))
        assert done.state == "done"


def test_cancelling_what_is_queued(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    job = jobs.submit(Copy(source=source, output=tmp_path / "out"))
    assert jobs.cancel(job.id[:8]).state == "cancelled"
    with jobs.running(lanes=_LANES):
        other = jobs.submit(Copy(source=source, output=tmp_path / "other"))
        assert _ended(jobs, other).state == "done"
        assert jobs.get(job.id).state == "cancelled"
        assert not (tmp_path / "out").exists()
        assert jobs.retry(job.id).state == "queued"
        assert _ended(jobs, job).state == "done"


def test_cancelling_what_runs_removes_what_it_wrote(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "main.out"
    with jobs.running(lanes=_LANES):
        job = jobs.submit(Copy(source=source, output=output, seconds=4.0))
        _until(output.exists)  # the second file is still to come
        jobs.cancel(job.id)
        ended = _ended(jobs, job)
        assert ended.state == "cancelled"
        assert not output.exists()
        assert not _temporaries(tmp_path)
        assert not _left_behind(jobs)


def test_a_file_of_somebody_else_is_never_touched(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "main.out"
    output.write_text("precious", "utf-8")
    with jobs.running(lanes=_LANES, retries=_QUICK):
        failed = _ended(jobs, jobs.submit(Copy(source=source, output=output)))
    assert failed.failure is not None
    assert failed.failure.code == "file_exists"
    assert output.read_text("utf-8") == "precious"


def test_stopping_puts_back_what_runs(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    with jobs.running(lanes=_LANES):
        job = jobs.submit(Copy(source=source, output=tmp_path / "out", seconds=3.0))
        _until(lambda: jobs.get(job.id).stage == "write")
    left = jobs.get(job.id)
    assert (left.state, left.attempts, left.interruptions) == ("queued", 0, 0)
    assert not _temporaries(tmp_path)
    with jobs.running(lanes=_LANES):
        assert _ended(jobs, job).state == "done"


def test_stopping_in_the_middle_of_many_loses_none(jobs: Jobs, tmp_path: Path) -> None:
    marker = [tmp_path / f"marker{number}" for number in range(40)]
    found = jobs.submit_all([Trouble(how="fine", marker=path, times=0) for path in marker])
    for _ in range(4):
        with jobs.running(lanes=_LANES):
            time.sleep(0.4)
    with jobs.running(lanes=_LANES):
        done = jobs.wait([job.id for job in found], timeout_s=60.0)
    assert {job.state for job in done} == {"done"}


def test_a_long_job_does_not_hold_up_short_ones(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    with jobs.running(lanes={"short": 1, "long": 1}):
        long = jobs.submit(Copy(source=source, output=tmp_path / "long", seconds=60.0))
        _until(lambda: jobs.get(long.id).state == "running")
        short = jobs.submit(Copy(source=source, output=tmp_path / "short"))
        assert _ended(jobs, short).state == "done"
        assert jobs.get(long.id).state == "running"


def test_progress_and_events(jobs: Jobs, source: Path, tmp_path: Path) -> None:
    job = jobs.submit(Copy(source=source, output=tmp_path / "out", seconds=1.5))
    with jobs.running(lanes=_LANES):
        seen = list(jobs.events(job.id))
    assert seen[0].state == "queued"
    assert seen[-1].state == "done"
    shares = [one.share for one in seen if one.stage == "write"]
    assert shares
    assert shares == sorted(shares)


def test_the_beginning_of_an_id_is_enough_if_it_is_one(jobs: Jobs, source: Path) -> None:
    job = jobs.submit(Copy(source=source, output=source.with_suffix(".out")))
    assert jobs.get(job.id[:6]).id == job.id
    assert jobs.get(job.id).request["seconds"] == 0.0
    for wrong in ("", job.id[:2], "zzzzzz", "%"):
        with pytest.raises(ParameterError, match="there is no job"):
            jobs.get(wrong)
    with pytest.raises(ParameterError, match="only failed and cancelled"):
        jobs.retry(job.id)


def test_one_process_works_on_one_place(jobs: Jobs, tmp_path: Path) -> None:
    with (
        Jobs(Place.of(str(tmp_path / "other")), kinds=kinds()) as other,
        jobs.running(lanes=_LANES),
        pytest.raises(EnvironmentProblem, match="works on the jobs of another"),
        other.running(lanes=_LANES),
    ):
        pass


def _main(place: Place) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.main_process", place.url, str(place.folder)],
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("moment", ["temporary", "half", "claimed"])
def test_the_main_process_is_killed(
    moment: str, jobs: Jobs, place: Place, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    outputs = [folder / f"{number}.out" for number in range(4)]
    requests = [Copy(source=source, output=output, seconds=1.0) for output in outputs]
    found = jobs.submit_all(requests)
    process = _main(place)
    if moment == "temporary":
        _until(lambda: _temporaries(folder))
    elif moment == "half":
        _until(lambda: any(output.exists() for output in outputs))
    else:
        _until(lambda: jobs.count().get("running"))
    _kill(process)
    with jobs.running(lanes=_LANES, retries=_QUICK):
        done = jobs.wait([job.id for job in found], timeout_s=60.0)
    assert [job.state for job in done] == ["done"] * 4
    assert [output.read_text("utf-8") for output in outputs] == ["MUSIC"] * 4
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        name for number in range(4) for name in (f"{number}.out", f"{number}.second")
    )
    assert all(job.attempts == 1 for job in done)
    assert sum(job.interruptions for job in done) >= 1
    assert not _left_behind(jobs)


def test_work_that_was_finished_when_the_main_process_died_is_not_done_again(
    jobs: Jobs, place: Place, source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.txt"
    job = jobs.submit(Copy(source=source, output=output, seconds=1.0))
    process = _main(place)
    _until(lambda: jobs.get(job.id).stage == "write")
    os.kill(process.pid, signal.SIGSTOP)  # the worker goes on, and nobody hears of it
    _until(
        lambda: any('"finished"' in path.read_text("ascii") for path in jobs.place.journals.glob("*.journal"))
    )
    made_ns = output.stat().st_mtime_ns
    _kill(process)
    with jobs.running(lanes=_LANES):
        done = _ended(jobs, job)
    assert done.state == "done"
    assert output.stat().st_mtime_ns == made_ns
    assert not _left_behind(jobs)


def test_two_main_processes_share_the_work(jobs: Jobs, place: Place, tmp_path: Path, source: Path) -> None:
    marker = [tmp_path / f"marker{number}" for number in range(12)]
    found = jobs.submit_all([Trouble(how="fine", marker=path, times=0) for path in marker])
    process = _main(place)
    try:
        with jobs.running(lanes=_LANES):
            done = jobs.wait([job.id for job in found], timeout_s=60.0)
    finally:
        _kill(process)
    assert {job.state for job in done} == {"done"}
    assert [path.read_text("ascii") for path in marker] == ["x"] * 12


def test_each_process_takes_as_many_as_it_has_workers(
    jobs: Jobs, place: Place, source: Path, tmp_path: Path
) -> None:
    found = jobs.submit_all(
        [Copy(source=source, output=tmp_path / f"{number}.out", seconds=0.6) for number in range(9)]
    )
    most: dict[str, int] = {}
    with jobs.running(lanes={"short": 1}):
        process = _main(place)  # has two, and says so last
        try:
            while jobs.count().get("done", 0) < 9:
                with jobs._store.engine.connect() as connection:
                    query = sa.text("SELECT owner FROM tonmeister_jobs WHERE state = 'running'")
                    counted = Counter(connection.execute(query).scalars())
                most = {name: max(most.get(name, 0), counted[name]) for name in {*most, *counted}}
                time.sleep(0.02)
        finally:
            _kill(process)
        assert len(jobs.wait([job.id for job in found], timeout_s=60.0)) == 9
    assert sorted(most.values()) == [1, 2]


def test_what_is_recorded_is_plain(jobs: Jobs, source: Path) -> None:
    job = jobs.submit(Copy(source=source, output=source.with_name("odd\udcff.out")))
    known = jobs.get(job.id)
    assert json.loads(json.dumps(dict(known.request)))["output"].endswith("odd\udcff.out")
