"""Both executors. The cluster is started once, and each executor once for a module: workers stay warm."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mastering.cli.job_kinds import KINDS
from mastering.jobs.executor import Executor
from mastering.jobs.kinds import Kinds
from mastering.jobs.lanes import Lanes
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.jobs import work
from tests.jobs.contract.cluster import TestCluster, started

LANES = {"short": 2, "long": 1}


@pytest.fixture(scope="session")
def cluster() -> Iterator[TestCluster]:
    """A Ray cluster of one node with two cores."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'tonmeister[cluster]'")
    with pytest.MonkeyPatch.context() as patch, started() as running:
        patch.setenv("RAY_AUTH_TOKEN", running.token)
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the jobs."""
    return Place.of(str(tmp_path_factory.mktemp("shared"))).folder


@pytest.fixture(scope="module", params=["local", "ray"])
def executor(request: pytest.FixtureRequest, shared: Path) -> Iterator[Executor]:
    """Each executor, with two workers for short jobs and one for long ones."""
    made: Executor
    if request.param == "local":
        with pytest.MonkeyPatch.context() as patch:
            repository = str(Path(__file__).resolve().parents[3])
            patch.setattr(sys, "path", [*sys.path, repository])
            made = Lanes(LANES)
            yield made
            made.stop()
        return
    from mastering.jobs.cluster.lanes import RayLanes

    address = request.getfixturevalue("cluster").address
    made = RayLanes(LANES, address=address, folder=shared)
    yield made
    made.stop()


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Place:
    """An empty database; the journals are in the shared folder."""
    return Place.of(str(tmp_path / "database"), folder=shared)


@pytest.fixture
def jobs(place: Place) -> Iterator[Jobs]:
    """Jobs of the kinds of the tests, and of the program."""
    every = [*(_named(work.kinds())), *(_named(KINDS))]
    with Jobs(place, kinds=Kinds(every)) as opened:
        yield opened


def _named(kinds: Kinds) -> list[work.Kind]:
    return [kinds.named(name) for name in kinds.names]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Numerical libraries take one thread, in the command, too: sums depend on their number."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.setenv(name, os.environ.get(name, "1"))
        yield
