"""A catalogue with its outbox and its place for jobs, `tonmeister batch` on it, and an S3 server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mastering.cli.app import app

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Catalogue:
    """A catalogue of a test."""

    root: Path

    @property
    def inputs(self) -> Path:
        return self.root / "in"

    @property
    def outbox(self) -> Path:
        return self.root / "out"

    def song(self, name: str, seed: int, *, seconds: float = 0.6) -> Path:
        """Noise that no other seed gives."""
        import soundfile

        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(seed).standard_normal((int(44_100 * seconds), 2)) * 0.1
        soundfile.write(path, samples, 44_100, subtype="PCM_16")
        return path

    def command(self, *arguments: str | Path) -> list[str]:
        """The arguments of `tonmeister`."""
        given = [str(one) for one in arguments]
        if "--output" not in given and not any(one.endswith("batch.json") for one in given):
            given += ["--output", str(self.outbox)]
        if "--jobs" not in given:
            given += ["--jobs", "1"]
        return ["batch", *given, "--database", str(self.root / "jobs")]

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """What a run in this process says."""
        done = CliRunner().invoke(app, self.command(*arguments), prog_name="tonmeister")
        assert done.exit_code == code, done.output
        return done.output

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """A run in a process of its own, which leads a group."""
        return subprocess.Popen(
            [sys.executable, "-m", "mastering.cli", *self.command(*arguments)],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def record(self) -> dict[str, Any]:
        """The run's state."""
        found: dict[str, Any] = json.loads((self.outbox / "batch.json").read_text("utf-8"))
        return found

    def states(self) -> dict[str, str]:
        """Output -> state."""
        return {song["output"]: song["state"] for song in self.record["songs"]}

    def files(self) -> dict[str, bytes]:
        """What lies in the outbox, hidden files too, without the run's own."""
        return {
            path.relative_to(self.outbox).as_posix(): path.read_bytes()
            for path in sorted(self.outbox.rglob("*"))
            if path.is_file() and path.name not in ("batch.json", "batch.csv", "batch.html")
        }

    def masters(self) -> dict[str, bytes]:
        """Masters; nothing else than they and what belongs to them may lie there."""
        files = self.files()
        masters = {name: data for name, data in files.items() if not name.endswith((".json", ".html"))}
        beside = [
            f"{name.rpartition('.')[0]}{end}" for name in masters for end in (".recipe.json", ".report.html")
        ]
        assert sorted([*masters, *beside]) == sorted(files)
        return masters

    def here(self, name: str, **settings: Any) -> bytes:
        """The master of an input, made in this process without any job."""
        import mastering

        output = self.root / "here" / Path(name).with_suffix(".wav").name
        output.parent.mkdir(exist_ok=True)
        mastering.master(self.inputs / name, output, force=True, write_report=False, **settings)
        return output.read_bytes()

    def journals(self) -> list[str]:
        """Left by attempts."""
        return sorted(path.name for path in (self.root / "jobs" / "attempts").iterdir())


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """An empty catalogue."""
    (tmp_path / "in").mkdir()
    return Catalogue(tmp_path)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """URL of a real S3 server on loopback."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'tonmeister[remote]'")
    pytest.importorskip("flask_cors", reason="moto's server is not installed: the extra test-remote")
    server = pytest.importorskip("moto.server", reason="moto is not installed: the extra test-remote")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, and what finds it in the environment."""
    import fsspec

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "tester",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"label-{secrets.token_hex(4)}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(name)
    return f"s3://{name}"
