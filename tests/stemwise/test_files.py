"""Stem-aware mastering of files: recipe, report, repeating, refusing; and nothing new without a separator."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import mastering
from mastering import codec, delivery, intake, pipeline
from mastering.audio import Audio
from mastering.delivery import apply_recipe, master_album, master_file, plan_file
from mastering.errors import ModelError, ParameterError
from mastering.jobspec import MasterJob, load_recipe
from mastering.report.html import render_html
from mastering.report.stems import stems_document
from mastering.report.text import render_text
from mastering.target import Recipe

Mix = Callable[[Mapping[str, Audio]], Audio]
Separators = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path, song: dict[str, Audio], muffled: dict[str, Audio], mix: Mix) -> tuple[Path, Path]:
    """The mix with vocals too low, and the reference."""
    paths = tmp_path / "in.wav", tmp_path / "ref.wav"
    for path, stems in zip(paths, (muffled, song), strict=True):
        soundfile.write(path, mix(stems).samples.T, 44_100, "FLOAT")
    return paths


@pytest.fixture
def job(pair: tuple[Path, Path]) -> MasterJob:
    return MasterJob(references=(pair[1],))


@pytest.fixture
def knowing(song: dict[str, Audio], muffled: dict[str, Audio], separators: Separators) -> Any:
    return separators(song, muffled)


def read(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, dtype="int32")[0])


def test_a_master_by_stems_and_its_recipe(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path
) -> None:
    stages = set()
    report = master_file(
        pair[0], tmp_path / "a.wav", job, separator=knowing, progress=lambda stage, share: stages.add(stage)
    )
    assert report.passed
    assert report.stems is not None
    assert "separate" in stages
    assert {"separate", "match stems"} <= set(report.seconds)
    document = json.loads((tmp_path / "a.recipe.json").read_text())
    assert document["schema"] == 2
    assert [chain["stem"] for chain in document["stems"]["chains"]] == ["vocals"]
    assert document["stems"]["separator"] == {
        "model": "knowing",
        "label": "official",
        "sha256": ["a" * 64],
        "settings": {"overlap": 0.25, "shifts": 0},
    }
    recipe = load_recipe(tmp_path / "a.recipe.json")
    assert recipe == report.recipe
    again = apply_recipe(recipe, pair[0], tmp_path / "b.wav", separator=knowing)
    assert np.array_equal(read(tmp_path / "a.wav"), read(tmp_path / "b.wav"))
    assert again.recipe.stems == recipe.stems
    assert "vocals changed as the recipe says" in render_text(again)
    assert "The chains of single stems" in (tmp_path / "b.report.html").read_text()


def test_the_stem_comes_back_and_the_plain_master_does_not_bring_it(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path, song: dict[str, Audio]
) -> None:
    """Vocals against the rest, by least squares on the true stems: 6 dB were missing."""
    vocals = song["vocals"].samples.ravel().astype(np.float64)
    rest = sum(part.samples for name, part in song.items() if name != "vocals").ravel().astype(np.float64)

    def missing_db(path: Path) -> float:
        out = soundfile.read(path)[0].T.ravel()
        gains = np.linalg.lstsq(np.stack([vocals, rest], axis=1), out, rcond=None)[0]
        return float(20.0 * np.log10(gains[1] / gains[0]))

    plain = replace(job, delivery=replace(job.delivery, bit_depth=32))
    master_file(pair[0], tmp_path / "plain.wav", plain)
    master_file(pair[0], tmp_path / "stems.wav", plain, separator=knowing)
    assert missing_db(tmp_path / "plain.wav") > 5.0
    assert missing_db(tmp_path / "stems.wav") < 3.5


def test_without_a_separator_recipe_and_master_are_what_they_were(
    pair: tuple[Path, Path], job: MasterJob, tmp_path: Path
) -> None:
    report = master_file(pair[0], tmp_path / "a.wav", job)
    document = json.loads((tmp_path / "a.recipe.json").read_text())
    assert list(document) == ["schema", "chain", "delivery"]
    assert document["schema"] == 1
    assert report.stems is None
    assert "Stem by stem" not in (tmp_path / "a.report.html").read_text()


def test_stems_of_the_same_song_change_no_sample(
    pair: tuple[Path, Path], knowing: Any, tmp_path: Path
) -> None:
    job = MasterJob(references=(pair[0],))
    report = master_file(pair[0], tmp_path / "stems.wav", job, separator=knowing)
    master_file(pair[0], tmp_path / "plain.wav", job)
    assert np.array_equal(read(tmp_path / "stems.wav"), read(tmp_path / "plain.wav"))
    assert report.recipe.stems is None


def test_long_files_stream_to_the_same_samples(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master_file(pair[0], tmp_path / "held.wav", job, separator=knowing)
    for module in (pipeline, delivery):
        monkeypatch.setattr(module, "HOLD_BYTES", 0)
    monkeypatch.setattr(intake, "CACHE_BYTES", 0)
    master_file(pair[0], tmp_path / "streamed.wav", job, separator=knowing)
    assert np.array_equal(read(tmp_path / "held.wav"), read(tmp_path / "streamed.wav"))


def test_a_dry_run_writes_nothing_and_says_the_same(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path
) -> None:
    planned = plan_file(pair[0], tmp_path / "a.wav", job, separator=knowing)
    assert not (tmp_path / "a.wav").exists()
    real = master_file(pair[0], tmp_path / "a.wav", job, separator=knowing)
    assert planned.recipe.stems == real.recipe.stems
    assert planned.recipe.chain.steps == real.recipe.chain.steps


def test_a_recipe_of_another_model_is_refused(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, separators: Separators, tmp_path: Path
) -> None:
    recipe = master_file(pair[0], tmp_path / "a.wav", job, separator=knowing).recipe
    with pytest.raises(ModelError, match="another one") as refused:
        apply_recipe(recipe, pair[0], tmp_path / "b.wav", separator=separators(sha256=("b" * 64,)))
    assert refused.value.code == "model_changed"
    with pytest.raises(ParameterError, match="there is no separator"):
        apply_recipe(recipe, pair[0], tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


def test_other_settings_are_noticed(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path
) -> None:
    recipe = master_file(pair[0], tmp_path / "a.wav", job, separator=knowing).recipe
    knowing.settings = {"overlap": 0.5, "shifts": 0}
    report = apply_recipe(recipe, pair[0], tmp_path / "b.wav", separator=knowing)
    (notice,) = (notice for notice in report.notices if notice.code == "separation_settings")
    assert "another overlap" in notice.message


def test_an_album_and_a_style_alone_are_refused(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="there is none"):
        master_file(pair[0], tmp_path / "a.wav", replace(job, references=()), separator=knowing)
    with pytest.raises(TypeError):
        master_album([(pair[0], tmp_path / "a.wav")], job, separator=knowing)  # type: ignore[call-arg]
    assert knowing.asked == 0


def test_report_and_document_show_each_stem(
    pair: tuple[Path, Path], job: MasterJob, knowing: Any, tmp_path: Path
) -> None:
    report = master_file(pair[0], tmp_path / "a.wav", job, separator=knowing)
    text = render_text(report)
    assert "Stems separated by the model 'knowing'" in text
    assert "Vocals: raised by" in text
    assert len(text.splitlines()) <= 30
    page = render_html(report)
    assert page.count("<h2 id=") == len(set(page.split('<h2 id="')[1:]))
    for stem in ("Drums", "Bass", "Other", "Vocals"):
        assert f'<th scope="row">{stem}</th>' in page
    document = codec.to_json(stems_document(report))
    assert [one["stem"] for one in json.loads(document)["stems"]] == ["drums", "bass", "other", "vocals"]


def test_the_door_for_programs(pair: tuple[Path, Path], knowing: Any, tmp_path: Path) -> None:
    report = mastering.master(pair[0], tmp_path / "a.wav", reference=pair[1], separator=knowing)
    again = mastering.apply(report.recipe, pair[0], tmp_path / "b.wav", separator=knowing)
    assert isinstance(again.recipe, Recipe)
    assert np.array_equal(read(tmp_path / "a.wav"), read(tmp_path / "b.wav"))
