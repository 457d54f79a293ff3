"""Metrics, cases and verdict of the matching benchmark."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mido", reason="the bench extra is not installed")
match_metrics = pytest.importorskip("match_metrics", reason="tools/bench is not at hand")

import cases  # noqa: E402
import match  # noqa: E402
import match_report  # noqa: E402
import match_table  # noqa: E402
import match_verdict  # noqa: E402
import oracle  # noqa: E402
import renders  # noqa: E402
import songs  # noqa: E402
import systems  # noqa: E402
from filters import bell, filtered  # noqa: E402

RATE = 44_100


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Six seconds of pink noise with a side 12 dB under the mid, swelling, [frames, 2]."""
    rng = np.random.default_rng(5)
    spectrum = np.fft.rfft(rng.standard_normal((6 * RATE, 2)), axis=0)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 90.0))[:, None], axis=0)
    swell = 1.0 + 0.5 * np.sin(2 * np.pi * 0.5 * np.arange(len(pink)) / RATE)
    mid, side = (pink * swell[:, None]).T
    samples = np.stack([mid + 0.25 * side, mid - 0.25 * side], axis=1)
    return (0.1 * samples / samples.std()).astype(np.float32)


class TestMetrics:
    def test_gain_moves_only_the_level(self, noise: np.ndarray) -> None:
        row = match_metrics.Judge(noise, noise, noise).row(0.5 * noise)
        assert row["lufs"] == pytest.approx(6.02, abs=0.02)
        for key in ("ltas_m", "ltas_s", "plr", "width", "stft", "lra"):
            assert row[key] == pytest.approx(0.0, abs=0.02)

    def test_curve_of_known_mean_deviation(self, noise: np.ndarray) -> None:
        shelf = filtered(noise, lambda at: np.where(at < 710.0, 10.0 ** (3.0 / 20.0), 10.0 ** (-3.0 / 20.0)))
        row = match_metrics.Judge(noise, noise, noise).row(shelf)
        assert row["ltas_m"] == pytest.approx(3.0, abs=0.1)
        assert row["ltas_s"] == pytest.approx(0.0, abs=0.05)

    def test_narrowing_is_the_same_in_every_band(self, noise: np.ndarray) -> None:
        mid = noise.mean(axis=1, keepdims=True)
        row = match_metrics.Judge(noise, noise, noise).row(mid + 0.5 * (noise - mid))
        assert row["ltas_s"] == pytest.approx(6.02, abs=0.02)
        assert row["width"] == pytest.approx(6.02, abs=0.02)
        assert row["ltas_m"] == pytest.approx(0.0, abs=1e-3)

    def test_mono_and_nearly_mono_compare_as_the_same(self, noise: np.ndarray) -> None:
        mono = np.repeat(noise.mean(axis=1, keepdims=True), 2, axis=1)
        hiss = 1e-4 * np.random.default_rng(1).standard_normal((len(mono), 1)).astype(np.float32)
        row = match_metrics.Judge(mono, mono, mono).row(mono + hiss * np.array([1, -1], dtype=np.float32))
        assert row["ltas_s"] == pytest.approx(0.0, abs=1.0)
        assert row["width"] == 0.0

    @pytest.mark.parametrize("delay", [1, -3, 40])
    def test_a_delay_is_taken_out(self, noise: np.ndarray, delay: int) -> None:
        late = np.pad(noise, ((delay, 0), (0, 0))) if delay > 0 else noise[-delay:]
        found = match_metrics.lined_up(late, noise)
        assert found.shape == noise.shape
        assert found[100:-100] == pytest.approx(noise[100:-100], abs=1e-6)

    def test_polarity_does_not_hide_a_delay(self, noise: np.ndarray) -> None:
        assert match_metrics.lined_up(-noise[2:], noise)[100:-100] == pytest.approx(
            -noise[100:-100], abs=1e-6
        )

    def test_stft_distance_grows_with_what_was_done(self, noise: np.ndarray) -> None:
        judge = match_metrics.Judge(noise, noise, noise)
        little, much = (judge.row(filtered(noise, bell(1_000.0, g, 0.7)))["stft"] for g in (2.0, 8.0))
        assert 0.0 < little < much

    def test_harm_a_band_boosted_past_the_cap(self, noise: np.ndarray) -> None:
        judge = match_metrics.Judge(noise, noise, noise)
        assert judge.row(filtered(0.1 * noise, bell(40.0, 18.0, 3.0)))["boosted"] == 1.0
        assert judge.row(filtered(0.1 * noise, bell(40.0, 9.0, 3.0)))["boosted"] == 0.0

    def test_harm_side_noise(self, noise: np.ndarray) -> None:
        mid = noise.mean(axis=1, keepdims=True)
        quiet = mid + 1e-3 * (noise - mid)
        judge = match_metrics.Judge(quiet, quiet, quiet)
        assert judge.row(mid + 1e-2 * (noise - mid))["side_noise"] == 1.0
        assert judge.row(mid + 2e-3 * (noise - mid))["side_noise"] == 0.0

    def test_harm_true_peak(self, noise: np.ndarray) -> None:
        judge = match_metrics.Judge(noise, noise, noise)
        assert judge.row(noise * (1.05 / np.abs(noise).max()))["over_ceiling"] == 1.0
        assert judge.row(noise * (0.5 / np.abs(noise).max()))["over_ceiling"] == 0.0


class TestCases:
    def test_the_list_holds_enough_songs_and_none_of_the_validation_artist(self) -> None:
        listed = songs.listed()
        assert len(listed) >= 24
        assert sum(song.rendered for song in listed) >= 8
        assert not [song for song in listed if "M374LX" in song.artist]
        assert all(len(song.sha256) == 64 and set(song.sha256) <= set("0123456789abcdef") for song in listed)
        assert all(song.number <= 20 for song in listed if song.rendered)
        assert len({song.name for song in listed}) == len({song.sha256 for song in listed}) == len(listed)

    def test_a_changed_file_is_noticed(self, tmp_path: Path) -> None:
        song = next(song for song in songs.listed() if not song.rendered)
        path = tmp_path / song.source
        path.parent.mkdir(parents=True)
        path.write_bytes(b"another song")
        places = songs.Places(tmp_path, tmp_path, tmp_path, tmp_path)
        with pytest.raises(SystemExit, match="is not the file"):
            songs.check([song], places)
        path.unlink()
        with pytest.raises(SystemExit, match="missing"):
            songs.check([song], places)

    def test_every_song_meets_every_task_and_another_artist_in_t2(self) -> None:
        listed = songs.listed()
        specs = cases.specs(listed)
        assert len({spec.name for spec in specs}) == len(specs) == len(listed) * sum(cases.PER_SONG.values())
        for spec in specs:
            if spec.task == "T2":
                assert spec.other is not None
                assert spec.other != spec.song
                assert spec.other.artist != spec.song.artist or spec.song.rendered

    def test_cases_are_what_their_task_says(self, music_dir: Path, tmp_path: Path) -> None:
        places = songs.Places(music_dir, tmp_path, tmp_path, tmp_path)
        real = [song for song in songs.listed() if not song.rendered]
        song, other = sorted(real, key=lambda song: song.used_s)[:2]
        first, second = songs.halves(song, places)
        for task in cases.TASKS:
            case = cases.build(cases.Spec(task, song, 1, other), places)
            assert case.source.shape == case.truth.shape
            assert np.abs(case.source).max() <= 1.0
            if task != "T2":
                assert np.array_equal(case.truth, second)
                assert np.array_equal(case.reference, first)
            assert np.array_equal(case.source, case.truth) == (task == "T0")
            again = cases.build(cases.Spec(task, song, 1, other), places)
            assert np.array_equal(case.source, again.source)

    def test_digest_of_code_is_blind_to_comments_and_docstrings(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cases, "__file__", str(tmp_path / "cases.py"))
        texts = {"a.py": '"""One."""\nX = 1  # one\n', "b.py": '"""Two."""\nX = 1\n', "c.py": "X = 2\n"}
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        digests = [cases.code_digest(name) for name in texts]
        assert digests[0] == digests[1] != digests[2]


def test_oracle_reaches_given_levels(noise: np.ndarray) -> None:
    channel = noise.mean(axis=1)
    shaped = filtered(noise, bell(300.0, -6.0, 0.8), bell(6_000.0, 5.0, 1.0)).mean(axis=1)
    from metrics import CENTRES_HZ, third_octaves_db

    gains = oracle.solved_db(channel, third_octaves_db(shaped, RATE))
    wanted = 20.0 * np.log10(np.abs(bell(300.0, -6.0, 0.8)(CENTRES_HZ) * bell(6_000.0, 5.0, 1.0)(CENTRES_HZ)))
    assert gains[4:29] == pytest.approx(wanted[2:27], abs=0.5)


def test_chord_names_become_pitches() -> None:
    assert renders._pitches("C:maj") == [0, 4, 7]
    assert renders._pitches("Bb:min7/b3") == [10, 1, 5]
    assert renders._pitches("F#:sus4(b7)") == [6, 11, 1]
    assert renders._pitches("B:dim") == [11, 2, 5]
    assert renders._pitches("Cb:maj") == [11, 3, 6]
    assert renders._pitches("N") == []


def made_up(learned_db: float) -> match_table.Table:
    """A table of invented rows in which identity is 2 dB off, Matchering 1.8, shrinkage 1.5."""
    specs = [spec for spec in cases.specs(songs.listed()) if spec.task in ("T0", "T1c")]
    levels = {"identity": 2.0, "matchering": 1.8, "shrinkage": 1.5, "learned": learned_db}
    rng = np.random.default_rng(4)
    rows = []
    for spec in specs:
        factor = rng.uniform(0.8, 1.2)
        for name, level in levels.items():
            row = dict.fromkeys((*match_metrics.ERRORS, *match_metrics.TO_REFERENCE), level * factor)
            row |= dict.fromkeys((*match_metrics.HARMS, "true_peak_dbtp", "gain_db"), 0.0)
            row |= {"case": spec.name, "system": name, "families": ["air"], "version": "1", "seconds": 0.1}
            if name == "learned":
                row["ref_lufs"] = 0.01
            rows.append(row)
    chosen = [system for system in systems.systems(0) if system.name in levels]
    return match_table.Table(rows, specs, chosen)


class TestReport:
    def test_verdict_of_a_good_and_of_a_poor_matcher(self) -> None:
        good = {point.asked: point.reached for point in match_verdict.verdict(made_up(0.7), "learned")}
        poor = {point.asked: point.reached for point in match_verdict.verdict(made_up(2.2), "learned")}
        assert all(reached for asked, reached in good.items() if "aim at" not in asked)
        assert not any(reached for asked, reached in poor.items() if asked.startswith("T1c LTAS-M"))
        assert not any(reached for asked, reached in poor.items() if asked.startswith("worse than identity"))

    def test_page_and_json_hold_every_system(self) -> None:
        table = made_up(0.7)
        about = {"machine": "a machine", "seconds": 60, "notes": ["oracle: left out, a test"]}
        text = match_report.page(table, about)
        for system in table.systems:
            assert text.count(f"| {system.title} |") >= 4
        assert "- oracle: left out, a test." in text
        for line in text.splitlines():
            if line.startswith("|---"):
                width = line.count("|")
            elif line.startswith("| ") and "width" in locals() and "|---" not in line:
                assert line.count("|") >= 3
        assert width
        held = json.loads(match_report.as_json(table, about))
        assert len(held["rows"]) == len(table.rows)
        assert held["medians"]["T1c"]["identity"]["ltas_m"]["value"] == pytest.approx(2.0, abs=0.1)


class TestKept:
    def test_fresh_systems_and_other_versions_are_made_again(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        rows = [{"case": "T0/a/0", "system": name, "version": "1", "ltas_m": 0.0} for name in ("x", "y")]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert set(match.read_kept(path, [])) == {("T0/a/0", "x", "1"), ("T0/a/0", "y", "1")}
        assert set(match.read_kept(path, ["x"])) == {("T0/a/0", "y", "1")}
        assert match.read_kept(tmp_path / "none.jsonl", []) == {}


def test_modules_of_the_tool_hide_no_module_of_python() -> None:
    names = {path.stem for path in (Path(cases.__file__).parent).glob("*.py")}
    assert not names & sys.stdlib_module_names
    for name in names:
        ast.parse((Path(cases.__file__).parent / f"{name}.py").read_text())
