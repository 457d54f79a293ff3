"""`tonmeister serve`: keys, checks, and what it says where it cannot."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mastering.cli.app import app


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["serve", *map(str, arguments)])


def test_keys_are_added_listed_and_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    added = run("keys", "add", "Ann", "--role", "admin", "--data", data, "--json")
    key = json.loads(added.stdout)
    assert key["key"].startswith("tm_")
    (listed,) = json.loads(run("--data", data, "keys", "list", "--json").stdout)["keys"]
    assert (listed["name"], listed["role"]) == ("Ann", "admin")
    assert key["key"] not in run("keys", "list", "--data", data).stdout
    assert run("keys", "remove", listed["id"], "--data", data).exit_code == 0
    gone = run("keys", "remove", listed["id"], "--data", data)
    assert (gone.exit_code, "there is no key" in gone.stderr) == (2, True)
    assert (data.stat().st_mode & 0o777) == 0o700


def test_a_check_says_what_is_there(tmp_path: Path) -> None:
    good = run("--check", "--port", "0", "--data", tmp_path / "data")
    assert good.exit_code == 0, good.output
    assert "none: only this machine reaches it" in good.stdout
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = run("--check", "--port", str(taken.getsockname()[1]), "--data", tmp_path / "data")
    assert (bad.exit_code, "cannot listen there" in bad.stdout) == (3, True)
    opened = run("--check", "--host", "0.0.0.0", "--port", "0", "--data", tmp_path / "data")
    assert (opened.exit_code, "without a key" in opened.stdout) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["--host", "0.0.0.0", "--port", "0"], 3, "without a key only this machine"),
        (["--config", "none.toml"], 3, "cannot be read"),
        (["--host", "203.0.113.7", "--port", "0"], 3, "cannot listen there"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], exit_code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_setting_that_is_unknown_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONMEISTER_SERVE_PROT", "1")
    result = run("--data", tmp_path)
    assert result.exit_code == 2
    assert "did you mean 'port'" in result.stderr
