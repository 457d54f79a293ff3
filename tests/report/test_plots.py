"""Plots: well-formed, deterministic, small, free of styles and addresses; PNGs with something on them."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.measure.features import THIRD_OCTAVES_HZ, Features
from mastering.report import plots
from mastering.report.model import Curves, Report
from mastering.report.plots import process
from mastering.report.plots.axes import _spread, time_axis
from mastering.report.plots.series import pool
from mastering.report.plots.style import COLOURS, MANY, pen
from mastering.report.shares import shares_of
from mastering.target import DeliverySpec, Recipe

SVG = {
    "spectrum": plots.spectrum_svg,
    "loudness": plots.loudness_svg,
    "equalizer": plots.equalizer_svg,
    "reduction": plots.reduction_svg,
    "waveform": plots.waveform_svg,
    "width": plots.width_svg,
}
SPACE = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SPACE}text")]


@pytest.mark.parametrize("name", SVG)
def test_svg_is_well_formed_and_self_contained(name: str, report: Report) -> None:
    svg = SVG[name](report)
    root = ET.fromstring(svg)
    assert root.tag == f"{SPACE}svg"
    assert root.get("aria-label")
    assert "style" not in {key for element in root.iter() for key in element.attrib}
    assert not list(root.iter(f"{SPACE}style"))
    assert not list(root.iter(f"{SPACE}script"))
    assert not re.search(r"(?:href|src)=\"(?!#)", svg)
    assert svg.count("http") == 1, "only the name space"
    assert not re.search(r"\bnan\b|\binf\b", svg, re.IGNORECASE)
    assert len(svg) < 60_000


@pytest.mark.parametrize("name", SVG)
def test_svg_ids_are_used_and_unique(name: str, reports: dict[str, Report]) -> None:
    svg = SVG[name](reports["normal"])
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert set(ids) == set(re.findall(r'(?:href="|url\()#([^")]*)', svg))


@pytest.mark.parametrize("name", SVG)
def test_svg_is_deterministic(name: str, reports: dict[str, Report]) -> None:
    assert SVG[name](reports["normal"]) == SVG[name](reports["normal"])


def test_axes_say_their_units_and_curves_their_names(reports: dict[str, Report]) -> None:
    normal = reports["normal"]
    assert {"Frequency (Hz)", "Level against average (dB)", "before", "after", "reference"} <= set(
        texts(plots.spectrum_svg(normal))
    )
    assert {"Time (min:s)", "Short-term loudness (LUFS)", "target -14.0"} <= set(
        texts(plots.loudness_svg(normal))
    )
    assert {"wanted", "kept", "rendered", "Mid gain (dB)", "Extra side gain (dB)"} <= set(
        texts(plots.equalizer_svg(normal))
    )
    assert {"Gain reduction (dB)", "limiter", "below 120 Hz", "120 Hz to 5 kHz", "above 5 kHz"} <= set(
        texts(plots.reduction_svg(normal))
    )
    assert {"Before (FS = 1)", "After (FS = 1)", "ceiling"} <= set(texts(plots.waveform_svg(normal)))
    assert "Side against mid (dB)" in texts(plots.width_svg(normal))


def test_the_expected_error_is_a_band_with_its_name_and_its_number(reports: dict[str, Report]) -> None:
    judged, plain = plots.equalizer_svg(reports["judged"]), plots.equalizer_svg(reports["normal"])
    assert texts(judged).count("expected error") == 2
    assert "expected error" not in texts(plain)
    label = ET.fromstring(judged).get("aria-label") or ""
    assert "The band around kept is the matcher's expected error" in label
    assert "0.8 dB on mid and 1.2 dB on side beyond mid." in label
    assert "expected error" not in (ET.fromstring(plain).get("aria-label") or "")
    quiet = [e for e in ET.fromstring(judged).iter() if e.get("fill", "").startswith("var(--target")]
    opacity = [float(e.get("opacity") or e.get("fill-opacity") or 1.0) for e in quiet]
    assert opacity.count(0.2) == 4, "two bands and their two samples"


def test_the_band_lies_around_what_was_kept(reports: dict[str, Report]) -> None:
    tone, _ = shares_of(reports["judged"])
    assert tone is not None
    axes = Figure().add_axes((0.1, 0.1, 0.6, 0.8))
    process.equalizer(axes, tone, np.array([20.0, 20_000.0]), np.zeros(2))
    (band,) = axes.collections
    edge = band.get_paths()[0].vertices
    match = reports["judged"].match
    assert match is not None
    around = zip(THIRD_OCTAVES_HZ, match.kept_mid_db, match.expected_error_mid_db, strict=True)
    for at_hz, kept, error in around:
        heights = edge[np.isclose(edge[:, 0], at_hz), 1]
        assert heights.max() == pytest.approx(kept + error)
        assert heights.min() == pytest.approx(kept - error)
    assert axes.get_ylim()[0] < min(np.subtract(match.kept_mid_db, match.expected_error_mid_db))


@pytest.mark.parametrize("name", ["level_only", "judged_mono", "odd_errors"])
def test_no_band_where_nothing_was_judged(name: str, reports: dict[str, Report]) -> None:
    bands = {"level_only": 0, "judged_mono": 1, "odd_errors": 1}
    shown = texts(plots.equalizer_svg(reports[name]))
    assert shown.count("expected error") == bands[name]
    assert ("there is no side signal" in shown) == (name == "judged_mono")


def test_the_equaliser_is_a_png_too(reports: dict[str, Report], tmp_path: Path) -> None:
    plots.equalizer_png(reports["judged"], tmp_path / "judged.png")
    plots.equalizer_png(reports["normal"], tmp_path / "normal.png")
    judged, normal = pixels(tmp_path / "judged.png"), pixels(tmp_path / "normal.png")
    assert np.median(judged) == 1.0, "white paper"
    tint = np.array([0.91, 0.84, 0.89])  # a fifth of the target's colour on white
    shares = [float((np.abs(image - tint).max(axis=2) < 0.015).mean()) for image in (judged, normal)]
    assert shares[0] > 0.03
    assert shares[1] < 0.001
    with pytest.raises(EnvironmentProblem, match="cannot write the plot"):
        plots.equalizer_png(reports["judged"], tmp_path / "missing" / "x.png")


def test_idle_bands_are_not_drawn_and_names_come_as_they_are(new_report: Callable[..., Report]) -> None:
    curves = {"below 120 Hz": (0.0,) * 9, "120 Hz to 1 kHz": (-1.0,) * 9, "all bands": (-0.5,) * 9}
    shown = texts(plots.reduction_svg(new_report(curves=Curves(step_s=0.1, compressor_reduction_db=curves))))
    assert {"120 Hz to 1 kHz", "all bands"} <= set(shown)
    assert "below 120 Hz" not in shown


def test_a_references_level_is_called_that(new_report: Callable[..., Report]) -> None:
    normal = new_report()
    assert normal.match is not None
    free = Recipe(chain=normal.recipe.chain, delivery=DeliverySpec())
    match = replace(normal.match, integrated_lufs=-9.8)
    shown = texts(plots.loudness_svg(replace(normal, recipe=free, match=match)))
    assert "reference -9.8" in shown
    assert not any("target" in text for text in shown)
    kept = replace(match, integrated_lufs=normal.before.integrated_lufs)  # --only tone
    assert not any("-20.3" in text for text in texts(plots.loudness_svg(replace(normal, match=kept))))


def test_silence_and_mono_say_so(reports: dict[str, Report]) -> None:
    assert "silent" in texts(plots.spectrum_svg(reports["silence"]))
    assert "before: mono" in texts(plots.width_svg(reports["mono"]))
    assert texts(plots.waveform_svg(reports["silence"])).count("silent") == 2


def test_curves_are_told_apart_without_colour() -> None:
    roles = [pen(role) for role in ("before", "after", "reference", "target")]
    for group in (roles, MANY):
        for a, b in itertools.combinations(group, 2):
            assert (a.line, a.marker) != (b.line, b.marker)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_are_readable_as_text_in_light_dark_and_print() -> None:
    import importlib.resources

    css = importlib.resources.files("mastering.report").joinpath("report.css").read_text(encoding="utf-8")
    schemes = [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in css.split(":root {")[1:4]]
    assert len(schemes) == 3
    for scheme in schemes:
        for role in {*COLOURS, "kept", "missed"} - {"grid"}:
            assert contrast(scheme[role], scheme["paper"]) >= 4.5, role
    assert {role: schemes[0][role] for role in COLOURS} == COLOURS


def in_a_fresh_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_importing_plots_does_not_import_matplotlib() -> None:
    in_a_fresh_python(
        "import sys, mastering.report.html, mastering.report.plots; assert 'matplotlib' not in sys.modules"
    )


def test_drawing_does_not_import_pyplot() -> None:
    in_a_fresh_python(
        "import sys; from mastering.report.plots.style import drawing, new_figure\n"
        "from mastering.report.plots.themed import figure_svg\n"
        "with drawing(): figure_svg(new_figure(100.0, 100.0), 'a', 'b')\n"
        "assert 'matplotlib.backends.backend_svg' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )


def test_matplotlib_settings_are_put_back(reports: dict[str, Report]) -> None:
    import matplotlib

    def settings() -> dict[str, object]:
        # Reading "backend" would choose one, and import pyplot for it.
        return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}

    with matplotlib.rc_context({"svg.fonttype": "path", "text.color": "red", "font.size": 30.0}):
        before = settings()
        document = plots.width_svg(reports["normal"])
        assert settings() == before
    assert document == plots.width_svg(reports["normal"]), "the user's settings do not show"


def test_threads_draw_the_same(reports: dict[str, Report]) -> None:
    wanted = plots.width_svg(reports["normal"])
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(plots.width_svg(reports["normal"]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4


def pixels(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return np.asarray(imread(path))[..., :3]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_features_png_is_drawn(count: int, features: Callable[..., Features], tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    many = [features(seed=seed, lufs=-20.0 + seed) for seed in range(count)]
    plots.features_png(many, [f"song {i}.wav" for i in range(count)], path)
    image = pixels(path)
    assert image.shape[0] > 1000
    assert image.shape[1] > 1500
    half_y, half_x = image.shape[0] // 2, image.shape[1] // 2
    for part in (
        image[:half_y, :half_x],
        image[:half_y, half_x:],
        image[half_y:, :half_x],
        image[half_y:, half_x:],
    ):
        assert part.std() > 0.03
    assert np.median(image) == 1.0, "white paper"


def test_png_files_are_deterministic(features: Callable[..., Features], tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        plots.features_png([features()], ["a.wav"], tmp_path / name)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.parametrize(
    "name", ["\U0001f3b8.wav", "$x^2$ _.wav", "日本語.wav", "a\x1b[2J\udcff.wav", "", "x" * 300]
)
def test_any_name_can_be_drawn(
    name: str, features: Callable[..., Features], silence: Features, mono: Features, tmp_path: Path
) -> None:
    plots.features_png([features(), silence, mono], [name, "b", name], tmp_path / "f.png")
    plots.compare_png(features(), silence, (name, name), tmp_path / "c.png")
    assert pixels(tmp_path / "f.png").std() > 0.03
    assert pixels(tmp_path / "c.png").std() > 0.03


def test_compare_png_shows_a_difference(features: Callable[..., Features], tmp_path: Path) -> None:
    plots.compare_png(features(), features(), ("a", "b"), tmp_path / "same.png")
    plots.compare_png(features(), features(tilt=-2.0), ("a", "b"), tmp_path / "other.png")
    same, other = pixels(tmp_path / "same.png"), pixels(tmp_path / "other.png")
    assert same.shape == other.shape
    third = slice(same.shape[1] // 3, 2 * same.shape[1] // 3)
    difference = np.abs(same - other)[: same.shape[0] // 2, third]
    assert (difference > 0.3).mean() > 0.01, "bars in the middle panel"


def test_png_refuses_what_it_cannot_do(features: Callable[..., Features], tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="allowed one name each"):
        plots.features_png([features()], [], tmp_path / "x.png")
    with pytest.raises(ParameterError):
        plots.features_png([], [], tmp_path / "x.png")
    with pytest.raises(EnvironmentProblem, match="cannot write the plot"):
        plots.features_png([features()], ["a"], tmp_path / "missing" / "x.png")


def test_pooling_keeps_the_extremes_and_the_time() -> None:
    values = np.zeros(10_001)
    values[7_777] = 3.0
    values[100] = -5.0
    at, highest = pool(values, 300, "max")
    assert len(at) <= 300
    assert highest.max() == 3.0
    assert abs(at[highest.argmax()] - 7_777) <= 17
    assert pool(values, 300, "min")[1].min() == -5.0
    assert pool([1.0, -np.inf, 3.0, -np.inf], 2, "mean")[1].tolist() == [1.0, 3.0]
    assert np.isnan(pool([-np.inf, -np.inf], 1, "max")[1]).all()
    assert pool([], 10, "max")[1].size == 0


def test_labels_keep_apart_in_order_and_inside() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = rng.uniform(0.0, 200.0, 6).tolist()
        found = _spread(wanted, 15.0, 200.0)
        order = np.argsort(wanted)
        assert (np.diff(np.array(found)[order]) >= 15.0 - 1e-9).all()
        assert min(found) >= 0.0
        assert max(found) <= 200.0 + 1e-9
    assert _spread([50.0, 100.0], 15.0, 200.0) == [50.0, 100.0]


@pytest.mark.parametrize(
    ("length_s", "first", "last"), [(30.0, "0", "30"), (61.5, "0:00", "1:00"), (245.0, "0:00", "4:00")]
)
def test_time_axis_counts_minutes_and_seconds(length_s: float, first: str, last: str) -> None:
    axes = Figure().add_subplot()
    time_axis(axes, length_s)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert (labels[0], labels[-1]) == (first, last)
    assert len(set(labels)) == len(labels)
