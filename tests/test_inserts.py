"""Plug-ins inserted into masters: where they go, what a recipe holds of them, and what a failure leaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mastering
from generation.piece import render_piece
from mastering.audio import Audio, Samples
from mastering.chain import Compressor, Equalizer, External, ParameterLane, PluginRef, Saturation, Step
from mastering.codec import from_json, to_json
from mastering.delivery import apply_recipe, master_album, master_file, plan_file
from mastering.errors import ParameterError, PluginCrashed, PluginMisbehaved, PluginNotFound, PluginTimedOut
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import (
    Insert,
    bypassed,
    insert_of,
    lanes_of,
    placed,
    ready,
    step_kinds,
)
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.presets import preset_data, state_data
from mastering.host.plugins.scan import scan
from mastering.host.plugins.stage import PluginStage
from mastering.host.plugins.values import WorkerLimits
from mastering.jobspec import MasterJob
from mastering.library import load_style
from mastering.report.model import Report
from mastering.report.text import render_text
from mastering.target import DeliverySpec, Recipe
from tests import plugin_fixtures as shared
from tests.host.plugins import support
from tests.host.plugins.support import RATE, Pieces, Remains, collected, noise, step_of, through

plugin_fixtures = shared.plugin_fixtures
Hosts = Callable[..., PluginHost]
JOB = MasterJob(
    style=load_style("balanced"),
    delivery=DeliverySpec(integrated_lufs=-14.0),
    matcher="closed-form",
    write_report=False,
)


@pytest.fixture(scope="module", autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from support.isolated(tmp_path_factory.mktemp("inserts"))


@pytest.fixture(scope="module")
def catalog(plugin_fixtures: dict[str, Path]) -> Catalog:
    return support.scanned(plugin_fixtures)


@pytest.fixture
def new_host(plugin_fixtures: dict[str, Path], catalog: Catalog) -> Iterator[Hosts]:
    made: list[PluginHost] = []

    def make(**given: Any) -> PluginHost:
        policy = support.allowing(*plugin_fixtures.values())
        made.append(PluginHost(**{"catalog": catalog, "policy": policy, "limits": support.LIMITS, **given}))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture(scope="module")
def host(plugin_fixtures: dict[str, Path], catalog: Catalog) -> Iterator[PluginHost]:
    """For what says nothing and fails nowhere."""
    with PluginHost(catalog, support.allowing(*plugin_fixtures.values()), support.LIMITS) as made:
        yield made


@pytest.fixture(scope="module")
def mix() -> Audio:
    return render_piece(seed=5, duration_s=5.0).mix()


@pytest.fixture
def song(tmp_path: Path, mix: Audio) -> Path:
    return written(tmp_path / "song.wav", mix.samples)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def written(path: Path, samples: Samples, rate: int = RATE) -> Path:
    soundfile.write(path, samples.T, rate, "PCM_24")
    return path


def read(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, dtype="int32")[0])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def recipe_of(path: Path) -> Recipe:
    file = path.with_name(f"{path.stem}.recipe.json")
    return from_json(Recipe, file.read_text("utf-8"), file.name)


def externals(report: Report) -> list[External]:
    return [step for step in report.recipe.chain.steps if isinstance(step, External)]


def codes(report: Report) -> list[str]:
    return [notice.code for notice in report.notices]


def job_with(host: PluginHost, *texts: str, at: str = "post", **changed: Any) -> MasterJob:
    return replace(JOB, inserts=tuple(insert_of(host, text, at) for text in texts), **changed)


# Masters


def test_a_plugin_before_the_limiter(new_host: Hosts, song: Path, out: Path) -> None:
    host = new_host()
    text = "Test Latency?gain=-3 dB&mode=warm&invert=on&latency=raw:0.25"
    report = master_file(song, out / "a.wav", job_with(host, text, write_report=True), plugins=host)
    assert report.passed
    assert report.after.integrated_lufs == pytest.approx(-14.0, abs=0.05)
    step = report.recipe.chain.steps[-1]
    assert isinstance(step, External)
    assert step.plugin == host.catalog.find("Test Latency").ref
    assert step.plugin.sha256
    assert step.parameters == {"gain": -3.0, "mode": "Warm", "invert": True}
    assert step.raw_parameters == {"latency": 0.25}
    assert base64.b64decode(step.state)
    assert recipe_of(out / "a.wav") == report.recipe
    assert names(out) == {"a.wav", "a.recipe.json", "a.report.html"}
    page = (out / "a.report.html").read_text("utf-8")
    for document in (page, render_text(report)):
        assert "Test Latency" in document


def test_the_recipe_repeats_the_master_bit_for_bit(new_host: Hosts, song: Path, out: Path) -> None:
    host = new_host()
    job = replace(
        JOB,
        inserts=(
            insert_of(host, "Test Latency?gain=-2 dB&mode=warm", "pre"),
            insert_of(host, "Test Echo?time=30&feedback=10&@mix=20%"),
            insert_of(host, "Test Mono?gain=1.5&@part=side"),
        ),
    )
    master_file(song, out / "a.wav", job, plugins=host)
    again = apply_recipe(
        recipe_of(out / "a.wav"), song, out / "b.wav", write_report=False, plugins=new_host()
    )
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav"))
    assert again.recipe.chain == recipe_of(out / "a.wav").chain
    bare = master_file(song, out / "c.wav", JOB, plugins=host)
    assert not np.array_equal(read(out / "a.wav"), read(out / "c.wav"))
    assert not any(code.startswith("plugin_") for code in (*codes(again), *codes(bare)))


def test_no_sample_is_shifted(new_host: Hosts, song: Path, out: Path) -> None:
    """A plug-in a thousand frames late, and all else neutral: the master lies on the mix."""
    host = new_host()
    job = job_with(
        host, "Test Latency", only=("level",), delivery=DeliverySpec(bit_depth=32, dither_seed=None)
    )
    master_file(song, out / "a.wav", job, plugins=host)
    master_file(song, out / "b.wav", replace(job, inserts=()), plugins=host)
    a, b = (soundfile.read(out / f"{name}.wav", dtype="float32")[0] for name in "ab")
    assert np.array_equal(a, b)


def test_what_comes_before_everything_is_matched(new_host: Hosts, song: Path, out: Path) -> None:
    """20 dB less from the plug-in are 20 dB more from the chain: the match hears the plug-in's sound."""
    host = new_host()
    plain = master_file(song, out / "a.wav", JOB, plugins=host)
    quiet = master_file(song, out / "b.wav", job_with(host, "Test Latency?gain=-20", at="pre"), plugins=host)
    assert isinstance(quiet.recipe.chain.steps[0], External)
    assert len(externals(quiet)) == 1
    assert quiet.after.integrated_lufs == pytest.approx(-14.0, abs=0.05)
    assert quiet.before.integrated_lufs == plain.before.integrated_lufs, "before is the mix as it came"
    assert quiet.recipe.chain.limiter is not None
    assert plain.recipe.chain.limiter is not None
    gains = [report.recipe.chain.limiter.input_gain_db for report in (quiet, plain)]  # type: ignore[union-attr]
    assert gains[0] - gains[1] == pytest.approx(20.0, abs=1.5)


def test_a_plan_writes_nothing(new_host: Hosts, song: Path, out: Path) -> None:
    host = new_host()
    job = job_with(host, "Test Latency?gain=-3")
    planned = plan_file(song, out / "a.wav", job, plugins=host)
    assert names(out) == set()
    done = master_file(song, out / "a.wav", job, plugins=host)
    assert externals(planned) == externals(done)
    assert "Test Latency" in render_text(planned)


def test_through_the_door_for_programs(new_host: Hosts, song: Path, out: Path) -> None:
    host = new_host()
    report = mastering.master(
        song, out / "a.wav", matcher="closed-form", inserts=["Test Latency?gain=-3 dB"], plugins=host
    )
    assert [step.parameters for step in externals(report)] == [{"gain": -3.0}]
    mastering.apply(report.recipe, song, out / "b.wav", plugins=host)
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav"))
    with pytest.raises(PluginNotFound, match="did you mean 'Test Latency'"):
        mastering.master(song, out / "c.wav", inserts=["Test Latenci"], plugins=host)
    assert "c.wav" not in names(out)


def test_another_rate_and_mono(new_host: Hosts, tmp_path: Path, out: Path, mix: Audio) -> None:
    mono = written(tmp_path / "mono.wav", mix.samples[:1], 48_000)
    host = new_host()
    job = job_with(
        host, "Test Latency?gain=-1", "Test Mono?gain=-1", delivery=DeliverySpec(sample_rate=44_100)
    )
    report = master_file(mono, out / "a.wav", job, plugins=host)
    assert (report.after.channels, report.after.sample_rate) == (1, 44_100)
    apply_recipe(recipe_of(out / "a.wav"), mono, out / "b.wav", plugins=host)
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav"))


# Recipes elsewhere


@pytest.fixture
def recipe(new_host: Hosts, song: Path, out: Path) -> Recipe:
    host = new_host()
    master_file(song, out / "a.wav", job_with(host, "Test Latency?gain=-6&mode=warm"), plugins=host)
    return recipe_of(out / "a.wav")


def test_a_missing_plugin_is_named_and_nothing_is_written(
    new_host: Hosts, recipe: Recipe, song: Path, out: Path
) -> None:
    before = names(out)
    with pytest.raises(PluginNotFound) as caught:
        apply_recipe(recipe, song, out / "b.wav", plugins=new_host(catalog=Catalog()))
    assert "Test Latency 1.2.3 by Tonmeister Tests" in caught.value.message
    assert "--on-plugin-failure bypass" in caught.value.hint
    assert names(out) == before


def test_going_on_without_a_missing_plugin(new_host: Hosts, recipe: Recipe, song: Path, out: Path) -> None:
    host = new_host(catalog=Catalog(), on_failure="bypass")
    report = apply_recipe(recipe, song, out / "b.wav", plugins=host)
    assert [step.bypass for step in externals(report)] == [True]
    assert codes(report).count("plugin_bypassed") == 1
    (message,) = [n.message for n in report.notices if n.code == "plugin_bypassed"]
    assert message.startswith("Test Latency was left out:")
    without = replace(
        recipe, chain=replace(recipe.chain, steps=bypassed(recipe.chain.steps, ["test latency"]))
    )
    apply_recipe(without, song, out / "c.wav", plugins=new_host(catalog=Catalog()))
    assert np.array_equal(read(out / "b.wav"), read(out / "c.wav"))
    assert not np.array_equal(read(out / "a.wav"), read(out / "b.wav"))
    assert recipe_of(out / "b.wav") == report.recipe, "the file's own recipe says what was done"
    apply_recipe(recipe_of(out / "b.wav"), song, out / "d.wav", plugins=new_host(catalog=Catalog()))
    assert np.array_equal(read(out / "b.wav"), read(out / "d.wav"))


def test_bypassing_by_name(host: PluginHost) -> None:
    steps: tuple[Step, ...] = (
        step_of(host, "Test Latency"),
        Equalizer(),
        step_of(host, "Test Echo"),
        step_of(host, "Test Latency"),
    )
    flags = [isinstance(s, External) and s.bypass for s in bypassed(steps, ["TEST latency"])]
    assert flags == [True, False, False, True]
    with pytest.raises(ParameterError, match="the chain has Test Latency, Test Echo") as caught:
        bypassed(steps, ["Reverb"])
    assert caught.value.code == "plugin_not_in_chain"
    with pytest.raises(ParameterError, match="the chain has no plug-ins"):
        bypassed((Equalizer(),), ["Reverb"])


def test_another_build_is_told_and_used(new_host: Hosts, recipe: Recipe, song: Path, out: Path) -> None:
    def other(step: Step) -> Step:
        if not isinstance(step, External):
            return step
        return replace(step, plugin=replace(step.plugin, sha256="0" * 64, version="9.0.0"))

    changed = replace(recipe, chain=replace(recipe.chain, steps=tuple(map(other, recipe.chain.steps))))
    report = apply_recipe(changed, song, out / "b.wav", plugins=new_host())
    assert codes(report).count("plugin_changed") == 1
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav"))


def test_steps_survive_a_recipe(host: PluginHost) -> None:
    step = External(
        plugin=host.catalog.find("Test Latency").ref,
        parameters={"gain": -3.0, "mode": "Warm", "invert": True, "latency": 0.0},
        raw_parameters={"gain": 0.1234567890123},
        state="QUJD",
        part="side",
        mix_percent=33.3,
        bypass=True,
        automation=(ParameterLane(parameter="gain", points=((0.0, -3.0), (1.5, 0.0))),),
    )
    again = from_json(External, to_json(step), "step")
    assert again == step
    assert {key: type(value) for key, value in again.parameters.items()} == {
        "gain": float,
        "mode": str,
        "invert": bool,
        "latency": float,
    }


def test_all_missing_plugins_are_given_up_at_once(new_host: Hosts) -> None:
    nobody = External(plugin=PluginRef(id="1", name="Nobody"))
    quiet = External(plugin=PluginRef(id="2", name="Somebody"), bypass=True)
    host = new_host(on_failure="bypass")
    assert ready((nobody, quiet), host) == (replace(nobody, bypass=True), quiet)
    assert len(host.notices) == 1
    with pytest.raises(PluginNotFound):
        ready((nobody,), new_host())


# Failures


@pytest.mark.parametrize(
    ("settings", "error", "at"),
    [
        ("trouble=NaN&after=3000", PluginMisbehaved, "post"),
        ("trouble=NaN&after=3000", PluginMisbehaved, "pre"),
        ("trouble=Crash&after=3000", PluginCrashed, "post"),
        ("trouble=Hang", PluginTimedOut, "pre"),
    ],
)
def test_a_failure_leaves_nothing_half_written(
    new_host: Hosts, song: Path, out: Path, settings: str, error: type[Exception], at: str
) -> None:
    host = new_host(limits=WorkerLimits(answer_s=0.7) if "Hang" in settings else support.LIMITS)
    job = job_with(host, f"Test Trouble?{settings}", at=at, write_report=True)
    with pytest.raises(error, match="the plug-in Test Trouble "):
        master_file(song, out / "a.wav", job, plugins=host)
    assert names(out) == set()


@pytest.mark.parametrize(("kind", "at"), [("NaN", "pre"), ("Crash", "post")])
def test_bypassing_a_failure(new_host: Hosts, song: Path, out: Path, kind: str, at: str) -> None:
    host = new_host(on_failure="bypass")
    text = f"Test Trouble?trouble={kind}&after=3000"
    report = master_file(song, out / "a.wav", job_with(host, text, at=at), plugins=host)
    assert report.passed
    assert [step.bypass for step in externals(report)] == [True]
    assert codes(report).count("plugin_bypassed") == 1
    assert "Test Trouble was left out" in render_text(report)
    master_file(song, out / "b.wav", JOB, plugins=host)
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav")), "as if it had never been there"
    apply_recipe(recipe_of(out / "a.wav"), song, out / "c.wav", plugins=new_host(catalog=Catalog()))
    assert np.array_equal(read(out / "a.wav"), read(out / "c.wav"))


def test_a_master_leaves_no_process(new_host: Hosts, song: Path, out: Path) -> None:
    master_file(song, out / "warm.wav", JOB)
    remains, host = Remains(), new_host()
    master_file(song, out / "a.wav", job_with(host, "Test Latency", "Test Mono"), plugins=host)
    host.close()
    remains.check()


def failing_from(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    """Let plug-ins crash on songs of some length or longer."""
    render = PluginStage._render

    def rendered(self: PluginStage, *, fresh: bool) -> Any:
        if self.frames >= frames:
            raise PluginCrashed(f"the plug-in {self._step.plugin.name} crashed (SIGSEGV)")
        return render(self, fresh=fresh)

    monkeypatch.setattr(PluginStage, "_render", rendered)


def test_runs_that_share_a_host_do_not_hear_of_each_other(
    new_host: Hosts, song: Path, out: Path, tmp_path: Path, mix: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first song's failure is neither in the second one's notices nor in its recipe."""
    host = new_host(on_failure="bypass")
    short = written(tmp_path / "short.wav", mix.samples[:, : 3 * RATE])
    failing_from(monkeypatch, 4 * RATE)
    job = job_with(host, "Test Latency?gain=-6&mode=warm")
    first = master_file(song, out / "long.wav", job, plugins=host)
    second = master_file(short, out / "short.wav", job, plugins=host)
    assert [step.bypass for step in externals(first)] == [True]
    assert "plugin_bypassed" in codes(first)
    assert [step.bypass for step in externals(second)] == [False]
    assert "plugin_bypassed" not in codes(second)


# Albums


def test_an_album_with_a_plugin(new_host: Hosts, song: Path, out: Path, tmp_path: Path, mix: Audio) -> None:
    host = new_host()
    other = written(tmp_path / "other.wav", mix.samples[:, ::-1] * np.float32(0.7))
    pairs = [(song, out / "1.wav"), (other, out / "2.wav")]
    reports = master_album(pairs, job_with(host, "Test Latency?gain=-3&mode=warm", at="pre"), plugins=host)
    assert [len(externals(report)) for report in reports] == [1, 1]
    assert externals(reports[0]) == externals(reports[1])
    for source, path in pairs:
        apply_recipe(recipe_of(path), source, path.with_name(f"again {path.name}"), plugins=host)
        assert np.array_equal(read(path), read(path.with_name(f"again {path.name}")))


def test_a_plugin_that_fails_on_one_song_of_an_album(
    new_host: Hosts, song: Path, out: Path, tmp_path: Path, mix: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done to each song, its own recipe does it again."""
    host = new_host(on_failure="bypass")
    short = written(tmp_path / "short.wav", mix.samples[:, : 3 * RATE])
    failing_from(monkeypatch, 4 * RATE)
    pairs = [(short, out / "1.wav"), (song, out / "2.wav")]
    reports = master_album(pairs, job_with(host, "Test Latency?gain=-6&mode=warm"), plugins=host)
    assert "plugin_bypassed" in codes(reports[1])
    for source, path in pairs:
        again = path.with_name(f"again {path.name}")
        apply_recipe(recipe_of(path), source, again, plugins=new_host())
        assert np.array_equal(read(path), read(again)), path.name


# Places


def test_places_in_a_matched_chain(new_host: Hosts) -> None:
    eq, glue, colour = Equalizer(), Compressor(threshold_dbfs=-20.0), Saturation()
    host = new_host()
    plugin = step_of(host, "Test Latency")

    def at(place: str) -> tuple[Step, ...]:
        return placed((eq, glue, colour), [Insert(step=plugin, at=place)], host)

    assert at("pre") == (eq, glue, colour)
    assert at("post") == at("before:limiter") == (eq, glue, colour, plugin)
    assert at("before:equalizer") == (plugin, eq, glue, colour)
    assert at("before:compressor") == at("after:equalizer") == (eq, plugin, glue, colour)
    assert at("after:saturation") == (eq, glue, colour, plugin)
    assert host.notices == []
    assert at("before:width") == (eq, glue, colour, plugin)
    (notice,) = host.notices
    assert notice.code == "plugin_placed_last"
    assert "The chain has no width: Test Latency went to its end." in notice.message


def test_several_inserts_keep_their_order(host: PluginHost) -> None:
    eq, glue = Equalizer(), Compressor(threshold_dbfs=-20.0)
    one, two, three = (step_of(host, f"Test {name}") for name in ("Latency", "Echo", "Mono"))
    inserts = [
        Insert(step=one, at="before:compressor"),
        Insert(step=two, at="before:compressor"),
        Insert(step=three),
    ]
    assert placed((eq, glue), inserts, host) == (eq, one, two, glue, three)


@pytest.mark.parametrize("place", ["", "last", "after:limiter", "before:", "before:reverb", "pre:compressor"])
def test_places_there_are_not(host: PluginHost, place: str) -> None:
    with pytest.raises(ParameterError, match="--insert-at") as caught:
        insert_of(host, "Test Latency", place)
    assert caught.value.code == "plugin_place"
    assert "multiband_compressor" in caught.value.message


def test_kinds_of_steps_are_those_of_recipes() -> None:
    assert set(step_kinds()) >= {
        Equalizer().kind,
        Saturation().kind,
        "linear_phase_eq",
        "multiband_compressor",
    }


# What is the host's own


def test_settings_of_the_host(host: PluginHost) -> None:
    step = insert_of(host, "Test Latency?@mix=25%&gain=-3&@part=mid").step
    assert (step.mix_percent, step.part, step.parameters) == (25.0, "mid", {"gain": -3.0})


@pytest.mark.parametrize(
    "text",
    [
        "@mix=150%",
        "@mix=half",
        "@mix=",
        "@part=left",
        "@colour=red",
        "@",
        "@state=/no/file",
        "@preset=/no/file",
    ],
)
def test_settings_the_host_has_not(host: PluginHost, text: str) -> None:
    with pytest.raises(mastering.errors.TonmeisterError) as caught:
        insert_of(host, f"Test Latency?{text}")
    assert caught.value.message


def test_states_presets_and_automation_from_files(host: PluginHost, tmp_path: Path) -> None:
    info, given = host.catalog.find("Test Latency"), noise(5_000)
    step = step_of(host, "Test Latency", parameters={"gain": -9.0})
    (tmp_path / "a.state").write_bytes(state_data(host, info, step))
    (tmp_path / "a.vstpreset").write_bytes(preset_data(host, info, step))
    (tmp_path / "a.json").write_text(json.dumps({"gain": [[0, -9.0], [1, -9]]}))
    for setting in ("@state={}/a.state", "@preset={}/a.vstpreset", "@automation={}/a.json"):
        made = insert_of(host, f"Test Latency?{setting.format(tmp_path)}").step
        out = collected(PluginStage(Audio(samples=given, sample_rate=RATE), made, host))
        assert np.abs(out - given * 10 ** (-9.0 / 20.0)).max() < 1e-6, setting


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a JSON document"),
        ("[" * 100_000, "not a JSON document"),
        ("[1]", "not a table"),
        ('{"gain": 3}', "gain is not a list"),
        ('{"gain": [[0]]}', "gain is not a list"),
        ('{"gain": [[0, "loud"]]}', "gain is not a list"),
        ('{"gain": [[0, true]]}', "gain is not a list"),
        ('{"gain": [[0, NaN]]}', "gain is not a list"),
        ('{"gain": [[0, 99]]}', "allowed -60..12 dB"),
        ('{"gain": []}', "at least one"),
        ('{"gain": [[1, 0], [0.5, 0]]}', "rising"),
        ('{"gian": [[0, 0]]}', "did you mean gain"),
        ('{"mode": [[0, 1]]}', "Clean, Warm, Dirty"),
    ],
)
def test_automation_there_is_not(host: PluginHost, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(ParameterError) as caught:
        lanes_of(host.catalog.find("Test Latency"), file)
    assert words in caught.value.message


# The real thing


@pytest.fixture(scope="module")
def zam_host() -> Iterator[PluginHost]:
    """ZaMaximX2 and ZaMultiCompX2."""
    bundles = [support.ZAM / f"{name}.vst3" for name in ("ZaMaximX2", "ZaMultiCompX2")]
    if not all(bundle.is_dir() for bundle in bundles):
        pytest.skip("zam-plugins are not installed")
    policy = Policy(folders=(str(support.ZAM),))
    with PluginHost(Catalog().with_bundles(scan(bundles, Catalog(), policy)), policy) as made:
        yield made


def excerpt(music_dir: Path, seconds: float = 6.0) -> Samples:
    """The middle of a real recording."""
    path = min(music_dir.rglob("*.ogg"), key=lambda file: ("Vibe_Ace" not in file.name, file.name))
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    start = len(samples) // 2
    part = samples[start : start + round(seconds * rate)].T
    return np.ascontiguousarray(np.repeat(part, 2, axis=0) if len(part) == 1 else part)


def test_real_plugins_in_a_master_of_real_music(
    zam_host: PluginHost, music_dir: Path, tmp_path: Path, out: Path
) -> None:
    music = written(tmp_path / "music.wav", excerpt(music_dir))
    job = replace(
        JOB,
        inserts=(
            insert_of(zam_host, "ZaMultiCompX2?zamcomp_2_on=on&threshold_2=-30", "before:limiter"),
            insert_of(zam_host, "ZaMaximX2?thresh=-6 dB"),
        ),
    )
    report = master_file(music, out / "a.wav", job, plugins=zam_host)
    assert report.passed
    assert [step.plugin.name for step in externals(report)] == ["ZaMultiCompX2", "ZaMaximX2"]
    apply_recipe(recipe_of(out / "a.wav"), music, out / "b.wav", plugins=zam_host)
    assert np.array_equal(read(out / "a.wav"), read(out / "b.wav"))
    given, made = (soundfile.read(path, dtype="float64")[0].sum(axis=1) for path in (music, out / "a.wav"))
    size = 2 * len(given)
    correlation = np.fft.irfft(np.conj(np.fft.rfft(given, size)) * np.fft.rfft(made, size), size)
    assert correlation.argmax() == 0


@pytest.mark.parametrize("name", ["ZaMaximX2", "ZaMultiCompX2"])
def test_real_plugins_are_aligned_and_do_not_mind_blocks(
    zam_host: PluginHost, music_dir: Path, name: str
) -> None:
    given = excerpt(music_dir, 2.0)
    whole = through(zam_host, name, given)
    size = 2 * given.shape[1]
    spectra = [np.fft.rfft(samples[0].astype(np.float64), size) for samples in (given, whole)]
    assert np.fft.irfft(np.conj(spectra[0]) * spectra[1], size).argmax() == 0
    step = step_of(zam_host, name)
    for sizes in ((333, 1, 4_097), (1_024,), (65_536,)):
        assert np.array_equal(collected(PluginStage(Pieces(given, sizes), step, zam_host)), whole)
    short = given[:, :3_000]
    one_by_one = collected(PluginStage(Pieces(short, (1,)), step, zam_host))
    assert np.array_equal(one_by_one, through(zam_host, name, short))
