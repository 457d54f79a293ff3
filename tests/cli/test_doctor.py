"""`doctor` on machines that lack something."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import Result

from mastering.cli import diagnosis

Run = Callable[..., Result]


def findings(run: Run, code: int) -> dict[str, dict[str, str]]:
    result = run("doctor", "--json")
    assert result.exit_code == code, result.output
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}


def without(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if a distribution were not installed."""
    real = importlib.metadata.version

    def version(wanted: str) -> str:
        if wanted == name:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(wanted)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_something_essential_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "soxr")
    found = findings(run, 3)["soxr"]
    assert (found["found"], found["state"]) == ("not installed", "broken")
    assert "pip install --upgrade soxr" in found["hint"]
    assert "BROKEN" in run("doctor").stdout


def test_something_optional_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch")
    assert findings(run, 0)["torch"]["state"] == "missing"
    assert "What to do" in run("doctor").stdout


def test_a_library_that_does_not_load(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def load(name: str, package: str | None = None) -> ModuleType:
        if name == "soundfile":
            raise OSError("libsndfile.so: cannot open shared object file")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", load)
    found = findings(run, 3)
    assert "cannot open shared object file" in found["soundfile"]["found"]
    assert "libsndfile" not in found


def test_a_codec_that_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import mastering.io.writer

    real = mastering.io.writer.open_writer

    def open_writer(path: Path, **settings: object) -> object:
        if path.suffix == ".mp3":
            raise RuntimeError("no encoder")
        return real(path, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(mastering.io.writer, "open_writer", open_writer)
    found = findings(run, 0)
    assert (found["mp3"]["state"], found["mp3"]["found"]) == ("missing", "fails: no encoder")
    assert found["wav"]["state"] == "ok"


def test_a_matcher_that_is_not_registered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())
    found = findings(run, 3)["learned"]
    assert found["state"] == "broken"
    assert "Install tonmeister" in found["hint"]


def test_models_are_the_matchers_and_their_weights(run: Run) -> None:
    found = findings(run, 0)
    assert found["closed-form"]["group"] == found["learned"]["group"] == found["weights"]["group"] == "models"
    assert found["learned"]["found"].startswith("matcher mastering.match")
    assert found["weights"]["found"].startswith("matcher 1, sha256 ")


def test_spoiled_weights_are_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mastering.match import learned

    monkeypatch.setattr(learned, "shipped_models", lambda: tmp_path)
    found = findings(run, 3)
    assert found["weights"]["state"] == "broken"
    assert "matcher.toml" in found["weights"]["found"]


def test_broken_presets_are_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "mine.toml").write_text("nonsense")
    monkeypatch.setenv("TONMEISTER_PRESETS", str(tmp_path))
    assert findings(run, 0)["mine"]["state"] == "missing"


def test_folders_that_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis.os, "access", lambda path, mode: False)
    found = findings(run, 3)
    assert found["temporary files"]["state"] == "broken"
    assert found["this folder"]["state"] == "missing"
    assert "compiles again" in found["compiled code"]["found"]
