"""tools/check and .ci/run as programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.mark.parametrize("script", ["tools/check", ".ci/run"])
def test_bash_accepts_the_script_and_may_run_it(script: str) -> None:
    path = REPOSITORY / script
    assert os.access(path, os.X_OK)
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("answer", "code"), [("true", 0), ("false", 1)])
def test_check_runs_every_step_from_anywhere_and_fails_if_one_does(
    tmp_path: Path, answer: str, code: int
) -> None:
    log = tmp_path / "log"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$PWD $2" >> {log}\n{answer}\n')
    python.chmod(0o755)
    done = subprocess.run(
        [REPOSITORY / "tools" / "check"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    steps = [line.split()[1] for line in log.read_text().splitlines()]
    assert steps[:3] == ["ruff", "ruff", "mypy"]
    assert (len(steps), steps[-1]) == (5, "pytest")
    assert all(line.startswith(str(REPOSITORY)) for line in log.read_text().splitlines())
    assert ("FAILED: format lint types floors tests" in done.stderr) is bool(code)


def test_check_refuses_other_arguments() -> None:
    done = subprocess.run(
        [REPOSITORY / "tools" / "check", "--fats"],
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "tools/check --fast" in done.stderr


def test_every_allowed_skip_is_a_reason_that_some_test_gives() -> None:
    lines = (REPOSITORY / ".ci" / "allowed-skips.txt").read_text("utf-8").splitlines()
    allowed = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    tests = "".join(path.read_text("utf-8") for path in (REPOSITORY / "tests").rglob("*.py"))
    assert [reason for reason, why in allowed if reason not in tests or not why] == []
