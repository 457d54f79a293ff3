"""Delivery on real files: what is written, what repeats, what is refused, and what is left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mastering
from generation.piece import render_piece
from mastering import delivery, intake, pipeline
from mastering.audio import Audio
from mastering.codec import from_json
from mastering.delivery import apply_recipe, master_album, master_file, plan_file
from mastering.errors import AudioFileError, ParameterError
from mastering.jobspec import MasterJob
from mastering.library import load_style, load_target
from mastering.target import CONTAINERS, DeliverySpec, Recipe

RATE = 44_100
STYLE = load_style("balanced")
JOB = MasterJob(style=STYLE, delivery=DeliverySpec(integrated_lufs=-14.0), write_report=False)


@pytest.fixture(scope="module")
def mix() -> Audio:
    return render_piece(seed=5, duration_s=8.0).mix()


@pytest.fixture
def song(tmp_path: Path, mix: Audio) -> Path:
    path = tmp_path / "in" / "sóng 歌.wav"
    path.parent.mkdir()
    soundfile.write(path, mix.samples.T, RATE, "PCM_24")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, np.asarray(samples, np.float32).T, rate, "FLOAT")
    return path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_master_with_recipe_and_report(song: Path, out: Path) -> None:
    before = song.read_bytes()
    report = master_file(song, out / "a.wav", replace(JOB, write_report=True))
    assert files(out) == {"a.wav", "a.recipe.json", "a.report.html"}
    assert song.read_bytes() == before
    assert report.passed
    assert report.after.integrated_lufs == pytest.approx(-14.0, abs=0.05)
    assert report.after.true_peak_dbtp <= -1.0 + 0.05
    assert soundfile.info(out / "a.wav").subtype == "PCM_24"
    assert soundfile.info(out / "a.wav").frames == 8 * RATE
    assert set(report.seconds) >= {"measure", "match", "render", "limit and write", "verify"}


def test_the_recipe_repeats_the_master_bit_for_bit(song: Path, out: Path) -> None:
    master_file(song, out / "a.wav", JOB)
    recipe = from_json(Recipe, (out / "a.recipe.json").read_text(), "a.recipe.json")
    apply_recipe(recipe, song, out / "b.wav", write_report=False)
    a, b = (soundfile.read(out / name, dtype="int32")[0] for name in ("a.wav", "b.wav"))
    assert np.array_equal(a, b)


@pytest.mark.parametrize("container", CONTAINERS)
def test_two_runs_write_the_same_bytes_in_every_format(song: Path, out: Path, container: str) -> None:
    bit_depth = 24 if container in ("wav", "flac", "aiff") else 16
    spec = DeliverySpec(integrated_lufs=-12.0, container=container, bit_depth=bit_depth)  # type: ignore[arg-type]
    first, second = (out / f"{name}.{container}" for name in ("first", "second"))
    report = master_file(song, first, replace(JOB, delivery=spec))
    master_file(song, second, replace(JOB, delivery=spec))
    assert first.read_bytes() == second.read_bytes()
    assert report.after.true_peak_dbtp <= -1.0 + 0.05, "also after decoding a lossy file"
    assert report.after.integrated_lufs == pytest.approx(-12.0, abs=0.2)


def test_long_files_stream_to_the_same_samples(
    song: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master_file(song, out / "held.wav", JOB)
    monkeypatch.setattr(pipeline, "HOLD_BYTES", 0)
    monkeypatch.setattr(delivery, "HOLD_BYTES", 0)
    monkeypatch.setattr(intake, "CACHE_BYTES", 0)
    master_file(song, out / "streamed.wav", JOB)
    held, streamed = (soundfile.read(out / f"{n}.wav", dtype="int32")[0] for n in ("held", "streamed"))
    assert np.array_equal(held, streamed)


def test_a_file_and_its_samples_in_memory_give_the_same_master(song: Path, out: Path) -> None:
    spec = DeliverySpec(integrated_lufs=-14.0, bit_depth=32)
    report = master_file(song, out / "a.wav", replace(JOB, delivery=spec))
    samples, _ = soundfile.read(song, dtype="float32")
    audio = Audio(samples=np.ascontiguousarray(samples.T), sample_rate=RATE)
    done = pipeline.master(
        audio,
        pipeline.MatchRequest(features=report.before, style=STYLE, delivery=spec, limits=STYLE.limits),
    )
    written, _ = soundfile.read(out / "a.wav", dtype="float32")
    assert np.array_equal(written.T, done.audio.samples)


def test_an_album_keeps_relative_levels_and_shares_its_chain(tmp_path: Path, out: Path, mix: Audio) -> None:
    quiet = render_piece(seed=6, duration_s=8.0).mix().samples * 0.4
    pairs = [
        (write(tmp_path / "1.wav", mix.samples), out / "1.wav"),
        (write(tmp_path / "2.wav", quiet), out / "2.wav"),
    ]
    reports = master_album(pairs, JOB)
    assert reports[0].recipe.chain.steps == reports[1].recipe.chain.steps
    before = reports[0].before.integrated_lufs - reports[1].before.integrated_lufs
    after = reports[0].after.integrated_lufs - reports[1].after.integrated_lufs
    assert after == pytest.approx(before, abs=0.2)
    assert max(r.after.true_peak_dbtp for r in reports) <= -1.0 + 0.05
    assert all(r.passed for r in reports)
    assert "album_lufs" in {check.name for check in reports[0].checks}


def test_a_dry_run_predicts_and_writes_nothing(song: Path, out: Path) -> None:
    planned = plan_file(song, out / "a.wav", JOB)
    assert files(out) == set()
    real = master_file(song, out / "a.wav", JOB)
    assert planned.after.integrated_lufs == pytest.approx(real.after.integrated_lufs, abs=0.05)
    assert planned.recipe.chain.steps == real.recipe.chain.steps


def test_loudness_out_of_reach_is_a_failed_check_and_the_ceiling_holds(song: Path, out: Path) -> None:
    spec = DeliverySpec(integrated_lufs=-3.0, ceiling_dbtp=-6.0)
    report = master_file(song, out / "a.wav", replace(JOB, delivery=spec))
    checks = {check.name: check for check in report.checks}
    assert not checks["integrated_lufs"].passed
    assert checks["true_peak_dbtp"].passed
    assert report.after.true_peak_dbtp <= -6.0 + 0.05
    assert "loudness_not_reached" in {notice.code for notice in report.notices}


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros((2, RATE)), "silent"),
        (np.full((2, RATE), 0.25), "silent"),
        (np.ones((2, 1)), "too_short"),
        (0.1 * np.ones((2, int(0.39 * RATE))), "too_short"),
        (np.zeros((2, 0)), "no_frames"),
        (np.full((2, RATE), np.nan), "not_finite"),
        (np.zeros((6, RATE)), "too_many_channels"),
    ],
    ids=["silence", "dc", "1 frame", "0.39 s", "0 frames", "nan", "six channels"],
)
@pytest.mark.parametrize("as_reference", [False, True], ids=["input", "reference"])
def test_what_cannot_be_mastered_is_refused_and_leaves_nothing(
    tmp_path: Path, song: Path, out: Path, samples: np.ndarray, code: str, as_reference: bool
) -> None:
    bad = write(tmp_path / "bad.wav", samples)
    job = replace(JOB, references=(bad,), style=None) if as_reference else JOB
    with pytest.raises(AudioFileError) as caught:
        master_file(song if as_reference else bad, out / "a.wav", job)
    assert caught.value.code == code
    assert "bad.wav" in caught.value.message
    assert caught.value.hint
    assert files(out) == set()


@pytest.mark.parametrize("existing", ["a.wav", "a.recipe.json", "a.report.html"])
def test_nothing_is_replaced_without_force(song: Path, out: Path, existing: str) -> None:
    (out / existing).write_text("precious")
    job = replace(JOB, write_report=True)
    with pytest.raises(AudioFileError) as caught:
        master_file(song, out / "a.wav", job)
    assert caught.value.code == "file_exists"
    assert files(out) == {existing}
    master_file(song, out / "a.wav", replace(job, force=True))
    assert (out / existing).read_bytes() != b"precious"


def test_the_input_is_never_written_over(song: Path) -> None:
    before = song.read_bytes()
    with pytest.raises(AudioFileError) as caught:
        master_file(song, song, replace(JOB, force=True))
    assert caught.value.code == "output_is_input"
    assert song.read_bytes() == before
    assert files(song.parent) == {song.name}


def test_a_reference_equal_to_the_input_changes_only_peaks(song: Path, out: Path) -> None:
    report = master_file(
        song, out / "a.wav", replace(JOB, references=(song,), style=None, delivery=DeliverySpec())
    )
    assert "reference_is_input" in {notice.code for notice in report.notices}
    assert report.recipe.chain.steps == ()
    assert report.after.integrated_lufs == pytest.approx(report.before.integrated_lufs, abs=0.1)


def test_opus_is_delivered_at_48_khz(song: Path, out: Path) -> None:
    report = master_file(song, out / "a.opus", replace(JOB, delivery=DeliverySpec(container="opus")))
    assert report.recipe.delivery.sample_rate == 48_000
    assert "rate_changed" in {notice.code for notice in report.notices}
    with pytest.raises(ParameterError):
        spec = DeliverySpec(container="opus", sample_rate=44_100)
        master_file(song, out / "b.opus", replace(JOB, delivery=spec))
    assert files(out) == {"a.opus", "a.recipe.json"}


def test_mono_stays_mono(tmp_path: Path, out: Path, mix: Audio) -> None:
    mono = write(tmp_path / "mono.wav", mix.samples[:1])
    report = master_file(mono, out / "a.wav", JOB)
    assert soundfile.info(out / "a.wav").channels == 1
    assert report.passed


def test_a_failure_in_the_middle_leaves_nothing(
    song: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery, "analyse", fail)  # of the written file
    with pytest.raises(KeyboardInterrupt):
        master_file(song, out / "a.wav", JOB)
    assert files(out) == set()


def test_the_api_of_the_readme(song: Path, out: Path) -> None:
    assert mastering.analyse(song).duration_s == pytest.approx(8.0)
    report = mastering.master(song, out / "a.flac", reference=song, target="spotify")
    assert report.recipe.delivery.integrated_lufs == load_target("spotify").delivery.integrated_lufs
    assert report.target == "spotify"
    mastering.apply(report.recipe, song, out / "b.wav")
    assert json.loads((out / "b.recipe.json").read_text())["schema"] == 1
    with pytest.raises(ParameterError):
        mastering.master(song, out / "a.xyz")


def test_refining_changes_the_chain_and_keeps_loudness_and_ceiling(
    song: Path, out: Path, tmp_path: Path
) -> None:
    reference = write(tmp_path / "reference.wav", 0.5 * render_piece(seed=9, duration_s=8.0).mix().samples)
    job = MasterJob(references=(reference,), amount_percent=100.0, write_report=False)
    plain = master_file(song, out / "plain.wav", job)
    refined = master_file(song, out / "refined.wav", replace(job, refine_steps=8))
    assert refined.recipe.chain.steps != plain.recipe.chain.steps
    assert refined.passed
    assert refined.after.integrated_lufs == pytest.approx(plain.after.integrated_lufs, abs=0.1)
