"""A drop folder with its outbox and its place for jobs, and `tonmeister watch --once` on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Drop:
    """A drop folder of a test."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "in"

    @property
    def outbox(self) -> Path:
        return self.root / "out"

    def song(self, name: str, seed: int, *, seconds: float = 0.6, gain: float = 0.1) -> Path:
        """Noise that no other seed gives."""
        import soundfile

        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(seed).standard_normal((int(44_100 * seconds), 2)) * gain
        soundfile.write(path, samples, 44_100, subtype="PCM_16")
        return path

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A watcher in a process of its own."""
        command = [sys.executable, "-m", "mastering.cli", "watch", str(self.inbox), *arguments]
        if "--output" not in arguments:
            command += ["--output", str(self.outbox)]
        command += ["--database", str(self.root / "jobs"), "--interval", "0.1"]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=_ROOT, env=environment, stderr=subprocess.PIPE)

    def once(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The events of a run with --once."""
        process = self.start("--once", *arguments)
        text = process.communicate(timeout=50)[1].decode()
        assert process.returncode == code, text
        return events(text)

    def files(self, folder: str) -> list[str]:
        """What lies in a folder and below it, hidden files too."""
        root = self.root / folder
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def masters(self) -> list[str]:
        """Masters in the outbox; nothing else than they and what belongs to them may lie there."""
        files = self.files("out")
        masters = [name for name in files if not name.endswith((".json", ".html"))]
        beside = [
            str(Path(name).with_suffix(end)) for name in masters for end in (".recipe.json", ".report.html")
        ]
        assert sorted([*masters, *beside]) == files
        return masters


def events(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def counted(found: list[dict[str, Any]]) -> Counter[str]:
    """How often each event came."""
    return Counter(event["event"] for event in found)


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """An empty drop folder."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return Drop(tmp_path)
