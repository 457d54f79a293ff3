"""What the tests of the plug-in host share: a catalog of fixtures, signals, and a look at what is left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mastering.audio import Audio, AudioSource, Samples
from mastering.chain import External
from mastering.host.plugins import bundles, catalog, policy
from mastering.host.plugins.bundles import find_bundles
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.scan import scan
from mastering.host.plugins.stage import PluginStage
from mastering.host.plugins.values import Scanned, WorkerLimits

RATE = 44_100
LIMITS = WorkerLimits(load_s=20.0, answer_s=15.0)
"""Generous: a machine that runs tests is busy."""
GOOD = ("Latency", "Echo", "Instrument", "Mono", "Trouble", "CrashOnExit")
ZAM = Path("/usr/lib/vst3")
SHARED_MEMORY = Path("/dev/shm")


def isolated(folder: Path) -> Iterator[None]:
    """Keep the user's catalog, policy and folders out of a session of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(catalog.FILE_VARIABLE, str(folder / "catalog.json"))
        patch.setenv(policy.FILE_VARIABLE, str(folder / "policy.json"))
        patch.delenv(bundles.PATH_VARIABLE, raising=False)
        yield


def scanned(fixtures: dict[str, Path]) -> Catalog:
    """The catalog of the fixtures that load."""
    paths = [fixtures[name] for name in GOOD]
    return Catalog().with_bundles(scan(paths, Catalog(), allowing(*paths), LIMITS))


@dataclass(frozen=True)
class Timed:
    """What a scan found, and how long it took."""

    entries: tuple[Scanned, ...]
    seconds: float


def timed_scan(folder: Path) -> Timed:
    """Scan the zam-plugins of a folder."""
    started_s = time.monotonic()
    bundles = [bundle for bundle in find_bundles([folder]) if bundle.name.startswith("Za")]
    entries = tuple(scan(bundles, Catalog(), Policy(folders=(str(folder),))))
    return Timed(entries, time.monotonic() - started_s)


def allowing(*paths: Path) -> Policy:
    """A policy that allows the folders of some bundles."""
    return Policy(folders=tuple(sorted({str(path.parent) for path in paths})))


def noise(frames: int, channels: int = 2, seed: int = 7) -> Samples:
    """White noise at -20 dBFS RMS."""
    rng = np.random.default_rng(seed)
    return np.asarray(0.1 * rng.standard_normal((channels, frames)), np.float32)


@dataclass
class Pieces:
    """A source that gives its samples in pieces of some sizes, over and over."""

    samples: Samples
    sizes: Sequence[int]
    sample_rate: int = RATE

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    def blocks(self) -> Iterator[Samples]:
        start = number = 0
        while start < self.frames:
            stop = start + self.sizes[number % len(self.sizes)]
            yield self.samples[:, start:stop]
            start, number = stop, number + 1


def step_of(host: PluginHost, name: str, **settings: Any) -> External:
    """A step with one of the catalog's plug-ins."""
    return External(plugin=host.catalog.find(name).ref, **settings)


def collected(source: AudioSource) -> Samples:
    """All samples of a source."""
    return np.concatenate([np.zeros((source.channels, 0), np.float32), *source.blocks()], axis=1)


def through(
    host: PluginHost, name: str, samples: Samples, rate: int = RATE, tail_frames: int = 0, **settings: Any
) -> Samples:
    """What a plug-in makes of samples."""
    audio = Audio(samples=samples, sample_rate=rate)
    return collected(PluginStage(audio, step_of(host, name, **settings), host, tail_frames=tail_frames))


def children() -> set[int]:
    """The living and dead children of this process."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.add(int(stat.parent.name))
    return found


def handles() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def shared_files() -> set[Path]:
    """What workers have left behind in shared memory."""
    return set(SHARED_MEMORY.glob("tonmeister-plugin-*"))


def resident_mb(pid: int | str = "self", field: str = "VmRSS") -> float:
    """Memory of a process as Linux counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1]) / 1024.0
    raise AssertionError(f"no {field}")


class Remains:
    """What is there that was not there before."""

    def __init__(self) -> None:
        self._children, self._handles, self._files = children(), handles(), shared_files()

    def check(self) -> None:
        """Nothing is left over."""
        assert children() == self._children, "processes"
        assert shared_files() - self._files == set(), "shared memory"
        assert handles() <= self._handles, "open files"
