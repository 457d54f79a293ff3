"""The tests' cluster, seen from the tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TestCluster", "started"]

_REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class TestCluster:
    """A cluster whose nodes have two cores each.

    Attributes:
        address: of its head.
        token: that it asks for.
    """

    __test__ = False

    address: str
    token: str
    process: subprocess.Popen[str]

    def tell(self, command: str) -> None:
        """Have it add a node ("add"), or lose it ("kill")."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextlib.contextmanager
def started() -> Iterator[TestCluster]:
    """A cluster of one node, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tm-ray-", dir="/tmp"))
    token = secrets.token_hex(32)
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(_REPOSITORY)]))
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "1000",
        "PYTHONPATH": path,
    }
    with (folder / "cluster.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.contract.cluster_process", str(folder)],
            cwd=_REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, (folder / "cluster.log").read_text()
        yield TestCluster(address, token, process)
    finally:
        process.stdin.close()
        try:
            process.wait(30.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)
