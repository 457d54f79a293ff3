"""Shell completion: the scripts, and what they are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from mastering.cli.app import app
from mastering.library import names

Run = Callable[..., Result]


def completed(words: str) -> set[str]:
    """What bash is offered for the last of `words`."""
    count = len(words.split(" ")) - 1
    environment = {"_TONMEISTER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    output = CliRunner().invoke(app, [], prog_name="tonmeister", env=environment).stdout
    return {line.partition(",")[2] for line in output.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_names_the_command_and_its_variable(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_TONMEISTER_COMPLETE={shell}_complete" in result.stdout
    assert result.stderr == ""


def test_another_shell_is_refused(run: Run) -> None:
    assert run("completion", "csh").exit_code == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_accepts_the_script(run: Run) -> None:
    script = run("completion", "bash").stdout
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_commands_options_and_presets() -> None:
    assert completed("tonmeister ma") == {"master"}
    assert completed("tonmeister presets ") == {"list", "show", "validate", "path"}
    assert "--style" in completed("tonmeister master --st")
    assert completed("tonmeister master --style ") == set(names("styles"))
    assert completed("tonmeister master --target spot") == {"spotify", "spotify-loud"}
    assert completed("tonmeister master --only tone,w") == {"tone,width"}
    assert completed("tonmeister presets show --kind styles war") == {"warm"}


def test_a_broken_preset_folder_does_not_break_completion(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TONMEISTER_PRESETS", str(tmp_path_factory.mktemp("x") / "nowhere"))
    assert completed("tonmeister master --style bal") == {"balanced"}
