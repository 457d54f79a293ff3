"""A short soak: good and bad renders in random order; nothing is lost or left."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mastering.errors import PluginCrashed, PluginError, PluginMisbehaved, PluginTimedOut
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.values import WorkerLimits
from tests.host.plugins.support import Remains, noise, resident_mb, through

Hosts = Callable[..., PluginHost]
JOBS = 60
GOOD: list[tuple[str, dict[str, Any], float]] = [
    ("Test Latency", {"parameters": {"gain": -6.0, "latency": 4_000.0}}, 10 ** (-6.0 / 20.0)),
    ("Test Latency", {"parameters": {"invert": True}}, -1.0),
    ("Test Mono", {"parameters": {"gain": 3.0}}, 10 ** (3.0 / 20.0)),
    ("Test Echo", {"parameters": {"feedback": 0.0}}, 1.0),
    ("Test Crash On Exit", {}, 1.0),
    ("Test Trouble", {}, 1.0),
]
BAD: list[tuple[str, type[PluginError]]] = [
    ("Crash", PluginCrashed),
    ("Abort", PluginCrashed),
    ("Throw", PluginMisbehaved),
    ("NaN", PluginMisbehaved),
    ("Inf", PluginMisbehaved),
    ("Silence", PluginMisbehaved),
    ("Hang", PluginTimedOut),
]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_good_and_bad_jobs_in_random_order(new_host: Hosts, remains: Remains) -> None:
    """Every job ends as it should, whatever ended before it."""
    rng, host = np.random.default_rng(5), new_host(limits=WorkerLimits(load_s=20.0, answer_s=2.0))
    outcomes: Counter[str] = Counter()
    memory_mb = 0.0
    for number in range(JOBS):
        given = noise(int(rng.integers(1_000, 9_000)), seed=number)
        if rng.random() < 0.65:
            name, settings, gain = GOOD[rng.integers(len(GOOD))]
            out = through(host, name, given, **settings)
            assert np.abs(out - gain * given).max() < 1e-6, (number, name)
            outcomes["good"] += 1
        else:
            kind, error = BAD[rng.choice(len(BAD), p=[0.16] * 6 + [0.04])]
            with pytest.raises(error, match="Test Trouble"):
                through(host, "Test Trouble", given, parameters={"trouble": kind})
            outcomes["bad"] += 1
        if number == JOBS // 3:
            memory_mb = resident_mb()
    assert outcomes.total() == JOBS
    assert min(outcomes.values()) > 10
    assert resident_mb() - memory_mb < 8.0
    host.close()
    remains.check()
