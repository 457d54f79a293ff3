"""A drop folder with very many files: memory of the watcher, cost of a look, time to take a file.

python tools/bench/drop_scale.py [--files 10000] [--for 120]

The files are short, so that taking them, not mastering them, is what is measured. Linux only.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from mastering.cli.inputs import AUDIO_SUFFIXES
from mastering.watch.scan import look


def main() -> int:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--for", dest="duration_s", type=float, default=120.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        _measure(Path(name), given.files, given.duration_s)
    return 0


def _measure(root: Path, files: int, duration_s: float) -> None:
    for name in ("in", "out"):
        (root / name).mkdir()
    rng = np.random.default_rng(1)
    for number in range(files):
        samples = 0.1 * rng.standard_normal(4_000)
        soundfile.write(root / "in" / f"{number:05}.wav", samples, 8_000, subtype="PCM_16")
    costs_s = []
    for _ in range(5):
        started_s = time.perf_counter()
        look(root / "in", AUDIO_SUFFIXES)
        costs_s.append(time.perf_counter() - started_s)
    command = [
        sys.executable,
        "-m",
        "mastering.cli",
        "watch",
        str(root / "in"),
        "--output",
        str(root / "out"),
    ]
    command += ["--database", str(root / "jobs"), "--no-report"]
    with (root / "log").open("wb") as log:
        watcher = subprocess.Popen(command, stderr=log)
    time.sleep(duration_s)
    memory_mb, cpu_s = _memory_mb(watcher.pid), _cpu_s(watcher.pid)
    watcher.send_signal(signal.SIGTERM)
    watcher.wait()
    lines = (root / "log").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    taken = [event for event in events if event["event"] == "taken"]
    done = sum(event["event"] == "mastered" for event in events)
    print(f"files     {files}; a look takes {1e3 * min(costs_s):.0f} ms")
    print(f"memory    {memory_mb:.0f} MB at most in the watcher's own process")
    print(f"in {duration_s:.0f} s  {len(taken)} taken, {done} mastered, {cpu_s:.1f} s of processor time")


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return 0.0


def _cpu_s(pid: int) -> float:
    """Processor time of the process itself, without its workers."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


if __name__ == "__main__":
    sys.exit(main())
