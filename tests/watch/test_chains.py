"""Plug-ins and stems in the drop folder, typed and set by folders, end to end on a short song."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from generation.piece import render_piece
from mastering.host.plugins import catalog as catalogs
from mastering.host.plugins.bundles import PATH_VARIABLE
from mastering.host.plugins.scan import scan
from mastering.jobs.service import Jobs
from tests import plugin_fixtures as shared
from tests.host.plugins import support
from tests.watch.conftest import Drop, Here

Once = Callable[..., Here]
_STEMS = {"drums", "bass", "other", "vocals"}


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of the procedural band, four seconds long."""
    path = tmp_path_factory.mktemp("piece") / "song.wav"
    mix = render_piece(seed=5, duration_s=4.0).mix()
    soundfile.write(path, mix.samples.T, mix.sample_rate, "PCM_24")
    return path


def _copy(piece: Path, to: Path, *, first_frame: int = 0) -> Path:
    """The song, or the end of it: other content, the same sound."""
    samples, rate_hz = soundfile.read(piece)
    to.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(to, samples[first_frame:], rate_hz, "PCM_24")
    return to


def _recipe(drop: Drop, name: str) -> dict[str, Any]:
    path = drop.outbox / f"{name}.master.recipe.json"
    return dict(json.loads(path.read_text("utf-8")))


@pytest.fixture
def plugged(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that knows two of the plug-in fixtures, and no other plug-in."""
    tool, dpf = shared.load_tool(), shared.dpf_folder()
    if sentence := tool.missing(dpf):
        pytest.skip(f"the plug-in fixtures cannot be built: {sentence}")
    folder = tmp_path_factory.getbasetemp() / "plugin-fixtures"
    bundles = list(tool.build(folder, dpf, ("Latency", "Trouble")).values())
    own = {
        catalogs.FILE_VARIABLE: str(tmp_path / "own" / "catalog.json"),
        "TONMEISTER_PLUGIN_POLICY": str(tmp_path / "own" / "policy.json"),
        PATH_VARIABLE: str(folder),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, text in own.items():
            patch.setenv(name, text)
        found = scan(bundles, catalogs.Catalog(), support.allowing(*bundles), support.LIMITS)
        catalogs.save_catalog(catalogs.Catalog().with_bundles(found))
        yield own


def _gains(recipe: dict[str, Any]) -> list[float]:
    steps = [step for step in recipe["chain"]["steps"] if step["kind"] == "external"]
    return [step["parameters"]["gain"] for step in steps]


def test_inserts(drop: Drop, piece: Path, plugged: dict[str, str]) -> None:
    """Typed for all, another one for a folder, and one that crashes: its song fails, the others do not."""
    _copy(piece, drop.inbox / "a.wav")
    _copy(piece, drop.inbox / "soft/b.wav", first_frame=100)
    drop.put("soft/tonmeister.toml", 'insert = "Test Latency?gain=-9 dB"\ninsert_at = "pre"\n')
    _copy(piece, drop.inbox / "crash/c.wav", first_frame=200)
    drop.put("crash/tonmeister.toml", 'insert = "Test Trouble?trouble=crash"\n')
    _copy(piece, drop.inbox / "none/d.wav", first_frame=300)
    drop.put("none/tonmeister.toml", 'insert = "Test Nothing"\n')
    found = drop.once("--insert", "Test Latency?gain=-3 dB", code=1, **plugged)
    assert drop.masters() == ["a.master.wav", "soft/b.master.wav"]
    assert _gains(_recipe(drop, "a")) == [pytest.approx(-3.0, abs=0.05)]
    assert _gains(_recipe(drop, "soft/b")) == [pytest.approx(-9.0, abs=0.05)]
    (failed,) = [event for event in found if event["event"] == "failed"]
    assert (failed["file"], failed["code"]) == ("crash/c.wav", "plugin_crashed")
    (waiting,) = [event for event in found if event["event"] == "waiting"]
    assert waiting["file"] == "none/d.wav"
    assert "insert: " in waiting["message"]
    assert (drop.inbox / "none/d.wav").exists()


@pytest.fixture
def entries(drop: Drop, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """What the job of a song says of its stems; stems are kept in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(drop.root / "cache"))

    def found(label: str) -> Any:
        (job,) = [job for job in jobs.list(kinds=["drop"]) if job.label == label]
        outcome = jobs.get(job.id).outcome
        assert outcome is not None
        return outcome.entries[0].get("stems")

    return found


def test_stems(drop: Drop, piece: Path, once: Once, entries: Callable[[str], Any]) -> None:
    """With the embedded model: set by a folder that has a reference, and not by its neighbour."""
    _copy(piece, drop.inbox / "stems/a.wav")
    _copy(piece, drop.inbox / "stems/reference.wav", first_frame=1_000)
    drop.put("stems/tonmeister.toml", 'stems = true\nmodel = "draft"\n')
    _copy(piece, drop.inbox / "plain/b.wav", first_frame=200)
    once()
    assert drop.masters() == ["plain/b.master.wav", "stems/a.master.wav"]
    assert entries("b.wav") is None
    assert entries("a.wav")["separator"]["model"] == "draft"
    assert {stem["stem"] for stem in entries("a.wav")["stems"]} == _STEMS


def test_stems_typed(drop: Drop, piece: Path, once: Once, entries: Callable[[str], Any]) -> None:
    """Typed for all, with a reference; a song of a folder that wants none is mastered as it is."""
    reference = _copy(piece, drop.root / "reference.wav", first_frame=1_000)
    _copy(piece, drop.inbox / "c.wav")
    _copy(piece, drop.inbox / "whole/d.wav", first_frame=200)
    drop.put("whole/tonmeister.toml", "stems = false\n")
    once("--stems", "--reference", str(reference))
    assert drop.masters() == ["c.master.wav", "whole/d.master.wav"]
    assert entries("c.wav")["separator"]["model"] == "draft"
    assert entries("d.wav") is None
