"""A real VST3 through the service: looked at, allowed, heard, written down, and forbidden again."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering.client import Job, ServiceError, Song, Tonmeister
from mastering.codec import to_json
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.scan import scan
from tests.service.conftest import noise
from tests.service.live import Live

_BUNDLE = Path("/usr/lib/vst3/ZaMaximX2.vst3")
_NAME = "ZaMaximX2"
_INSERT = {"plugin": _NAME, "parameters": {"threshold": -12.0, "release": 40.0}}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service on a machine whose last scan found one plug-in; the user's list of folders is empty."""
    if not _BUNDLE.is_dir():
        pytest.skip("zam-plugins are not installed")
    folder = tmp_path_factory.mktemp("vst3")
    found = scan([_BUNDLE], Catalog(), Policy(folders=(str(_BUNDLE.parent),)))
    (folder / "catalog.json").write_text(to_json(Catalog().with_bundles(found)), "utf-8")
    variables = {
        "TONMEISTER_PLUGIN_CATALOG": str(folder / "catalog.json"),
        "TONMEISTER_PLUGIN_POLICY": str(folder / "policy.json"),
    }
    for name, role in (("Ann", "admin"), ("Bob", "submit")):
        command = [sys.executable, "-m", "mastering.cli", "serve", "keys", "add", name, "--role", role]
        command += ["--data", str(folder / "data"), "--json"]
        added = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60.0)
        (folder / role).write_text(json.loads(added.stdout)["key"], "ascii")
    with Live(folder, variables=variables) as server:
        yield server


@pytest.fixture(scope="module")
def ann(live: Live) -> Iterator[Tonmeister]:
    """An admin."""
    with Tonmeister(live.url, key=(live.folder / "admin").read_text("ascii")) as desk:
        yield desk


@pytest.fixture(scope="module")
def bob(live: Live) -> Iterator[Tonmeister]:
    """Somebody who may submit."""
    with Tonmeister(live.url, key=(live.folder / "submit").read_text("ascii")) as desk:
        yield desk


@pytest.fixture(scope="module")
def song(live: Live, bob: Tonmeister) -> Song:
    path = live.folder / "song.wav"
    soundfile.write(path, noise(6.0), 44_100, subtype="PCM_24")
    return bob.upload(path)


def mastered(desk: Tonmeister, song: Song) -> Job:
    return desk.master(
        song, container="wav", bit_depth=32, inserts=[{"plugin": _NAME, "parameters": {"threshold": -12.0}}]
    )


def refused(ask: object, *given: object, **named: object) -> tuple[int, str]:
    assert callable(ask)
    with pytest.raises(ServiceError) as caught:
        ask(*given, **named)
    return caught.value.status, caught.value.code


def samples(wav: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(soundfile.read(io.BytesIO(wav), dtype="float32")[0])


def test_a_real_plug_in_from_the_catalogue_to_the_master_and_back(
    ann: Tonmeister, bob: Tonmeister, song: Song, tmp_path: Path
) -> None:
    (listed,) = bob.plugins()
    assert (listed["name"], listed["allowed"], bob.about()["plugins_allowed"]) == (_NAME, False, False)
    keys = {parameter["key"]: parameter for parameter in bob.plugin(_NAME)["parameters"]}
    assert (keys["threshold"]["unit"], keys["threshold"]["low"]) == ("dB", -30.0)
    assert refused(mastered, bob, song) == (403, "plugin_forbidden")
    assert refused(bob.allow_plugin, _NAME) == (403, "admin_needed")

    ann.allow_plugin(_NAME)
    assert bob.about()["plugins_allowed"] is True
    job = bob.wait(mastered(bob, song), timeout_s=120.0)
    assert job.state == "done", job.error
    recipe = bob.recipe(job)
    (step,) = [step for step in recipe["chain"]["steps"] if step["kind"] == "external"]
    assert (step["plugin"]["name"], step["plugin"]["sha256"]) == (_NAME, listed["sha256"])
    assert step["parameters"] == {"threshold": -12.0}
    assert any(_NAME in sentence for sentence in bob.validate(recipe)["sentences"])

    (path,) = bob.download(job, tmp_path)
    whole = np.asarray(soundfile.read(path, dtype="float32")[0])
    heard = samples(bob.preview(job, start_s=3.0, duration_s=2.0))
    assert np.array_equal(heard, whole[3 * 44_100 : 5 * 44_100])
    steps = [other for other in recipe["chain"]["steps"] if other != step]
    without = {**recipe, "chain": {**recipe["chain"], "steps": steps}}
    bare = samples(bob.preview(without, song=song, start_s=3.0, duration_s=2.0))
    assert np.abs(heard - bare).max() > 1e-2

    ann.forbid_plugin(_NAME)
    assert refused(bob.master, song, style="warm", inserts=[_INSERT]) == (403, "plugin_forbidden")
    assert refused(bob.apply, song, recipe) == (403, "plugin_forbidden")
    assert refused(bob.preview, job, start_s=0.0, duration_s=1.0) == (403, "plugin_forbidden")
    assert bob.job(job).state == "done"


@pytest.mark.parametrize(
    ("insert", "said"),
    [
        ({"plugin": _NAME, "parameters": {"threshold": 3.0}}, "threshold"),
        ({"plugin": _NAME, "parameters": {"treshold": -3.0}}, "treshold"),
        ({"plugin": _NAME, "at": "after:nothing"}, "nothing"),
    ],
)
def test_what_a_plug_in_has_not_is_refused(
    ann: Tonmeister, bob: Tonmeister, song: Song, insert: dict[str, object], said: str
) -> None:
    ann.allow_plugin(_NAME)
    with pytest.raises(ServiceError, match=said) as caught:
        bob.submit({"kind": "master", "song": song.id, "options": {"inserts": [insert]}})
    assert caught.value.status == 422
    ann.forbid_plugin(_NAME)
