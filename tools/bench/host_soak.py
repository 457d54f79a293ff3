"""A soak of the plug-in host: good and bad plug-ins in random order, and nothing may be left behind."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mastering.audio import Audio, Samples
from mastering.chain import External
from mastering.errors import PluginError
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.setting import with_settings
from mastering.host.plugins.values import WorkerLimits
from mastering.host.render import Rendered

__all__ = ["soak"]

RATE = 44_100
SEED = 20_261_123
LIMITS = WorkerLimits(load_s=10.0, answer_s=0.5, memory_mb=768)
GOOD = ("ZaMultiCompX2", "ZaMaximX2", "ZamEQ2", "ZamCompX2", "Test Latency", "Test Mono", "Test Echo")
TROUBLES = {
    "Crash": "plugin_crashed",
    "Abort": "plugin_crashed",
    "Hang": "plugin_timed_out",
    "Throw": "plugin_threw",
    "NaN": "plugin_not_finite",
    "Inf": "plugin_not_finite",
    "Leak": "plugin_memory",
    "Silence": "plugin_silent",
    "Denormals": "plugin_subnormal",
}
"""Command of Test Trouble -> the code of the error it must end in."""
BAD_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class _Left:
    """What a process holds."""

    children: int
    files: int
    shared: int
    memory_mb: float


def soak(catalog: Catalog, policy: Policy, count: int) -> Iterator[str]:
    """Render `count` times and tell what came of it, in lines of Markdown."""
    rng = np.random.default_rng(SEED)
    audio = Audio(samples=(rng.standard_normal((2, 2 * RATE)) * 0.1).astype(np.float32), sample_rate=RATE)
    outcomes: Counter[str] = Counter()
    expected: dict[str, Samples] = {}
    start = time.perf_counter()
    with PluginHost(catalog, policy, LIMITS) as host:
        for number in range(count):
            outcomes[_one(host, audio, rng, expected)] += 1
            if number == count // 10:
                early = _left()
        late = _left()
    end = _left()
    seconds = time.perf_counter() - start
    yield f"Soak: {count} renders of two seconds, good and bad plug-ins in random order (seed {SEED}), in "
    yield f"{seconds:.0f} s:"
    yield ""
    yield from (f"- {outcome}: {times}" for outcome, times in sorted(outcomes.items()))
    yield f"- lost or wrong: {count - sum(n for o, n in outcomes.items() if o.startswith('as it must'))}"
    yield f"- after {count // 10} renders / after all / after closing the host: child processes "
    yield f"  {early.children} / {late.children} / {end.children}, open files {early.files} / {late.files} / "
    yield f"  {end.files}, files in shared memory {early.shared} / {late.shared} / {end.shared}, memory "
    yield f"  {early.memory_mb:.0f} / {late.memory_mb:.0f} / {end.memory_mb:.0f} MB"
    yield ""


def _one(host: PluginHost, audio: Audio, rng: np.random.Generator, expected: dict[str, Samples]) -> str:
    bad = rng.random() < BAD_SHARE
    if not bad:
        name = str(rng.choice(GOOD))
        out = _rendered(host, audio, External(plugin=host.catalog.find(name).ref))
        same = np.array_equal(expected.setdefault(name, out), out)
        return "as it must be: rendered, the same samples each time" if same else f"WRONG: {name} differs"
    trouble = str(rng.choice(sorted(TROUBLES)))
    info = host.catalog.find("Test Trouble")
    after_ms = int(rng.integers(0, 1500)) if trouble not in ("Silence", "Denormals") else 0
    step = with_settings(External(plugin=info.ref), info, [f"trouble={trouble}", f"after={after_ms}"])
    try:
        _rendered(host, audio, step)
    except PluginError as error:
        right = error.code == TROUBLES[trouble]
        return (
            f"as it must be: {trouble} ended as {error.code}" if right else f"WRONG: {trouble}: {error.code}"
        )
    return f"WRONG: {trouble} went unnoticed"


def _rendered(host: PluginHost, audio: Audio, step: External) -> Samples:
    return np.concatenate(list(Rendered(audio, (step,), plugins=host).blocks()), axis=1)


def _left() -> _Left:
    status: dict[str, Any] = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
    )
    return _Left(
        children=len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
        files=len(list(Path("/proc/self/fd").iterdir())),
        shared=len(list(Path("/dev/shm").glob("tonmeister-plugin-*"))),
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
    )
