"""Metrics, baselines, table and run of the separation benchmark."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

for package in ("mido", "librosa"):
    pytest.importorskip(package, reason="the bench extra is not installed")
separate_metrics = pytest.importorskip("separate_metrics", reason="tools/bench is not at hand")

import separate  # noqa: E402
import separate_baselines as baselines  # noqa: E402
import separate_cases  # noqa: E402
import separate_report  # noqa: E402
import separate_systems  # noqa: E402
from separate_cases import Case, Places, Spec  # noqa: E402
from separate_systems import System  # noqa: E402
from separate_table import Table, verdict  # noqa: E402
from separator.tracks import SOURCES, group, is_master  # noqa: E402

RATE = 44_100
MULTITRACK = Path(__file__).resolve().parents[3] / "shared" / "data" / "multitrack"


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((2, int(seconds * RATE))).astype(np.float32)


def tone(hz: float, seconds: float = 5.0) -> np.ndarray:
    wave = np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)
    return np.stack([wave, wave])


@pytest.fixture(scope="module")
def band() -> dict[str, np.ndarray]:
    """Clicks, a low tone, noise that differs by channel, and a tone in the middle."""
    clicks = np.zeros((2, 5 * RATE), np.float32)
    clicks[:, RATE // 4 :: RATE // 2] = 5.0
    parts = {"drums": clicks, "bass": 0.2 * tone(60.0), "vocals": 0.2 * tone(880.0)}
    return {**parts, "other": 0.2 * tone(1500.0) * np.array([[1.0], [0.0]], np.float32)}


class TestMetrics:
    @pytest.mark.parametrize("wanted_db", [-10.0, 0.0, 15.0])
    def test_noise_that_is_not_alike_gives_its_level(self, wanted_db: float) -> None:
        true, other = noise(1).astype(np.float64), noise(2).astype(np.float64)
        other -= true * (true * other).sum() / (true * true).sum()
        other *= np.sqrt((true**2).sum() / (other**2).sum()) * 10.0 ** (-wanted_db / 20.0)
        assert separate_metrics.si_sdr_db(true, true + other) == pytest.approx(wanted_db, abs=1e-6)
        assert separate_metrics.sdr_db(true, true + other) == pytest.approx(wanted_db, abs=1e-6)

    def test_the_level_is_free_in_one_and_counts_in_the_other(self) -> None:
        true, estimate = noise(1), noise(1) + 0.3 * noise(2)
        quiet = separate_metrics.si_sdr_db(true, 0.01 * estimate)
        assert quiet == pytest.approx(separate_metrics.si_sdr_db(true, estimate), abs=1e-3)
        quarter_db = -20.0 * np.log10(0.75)
        assert separate_metrics.sdr_db(true, 0.25 * true) == pytest.approx(quarter_db, abs=1e-4)

    def test_silence_has_no_si_sdr_and_zero_sdr(self) -> None:
        assert separate_metrics.si_sdr_db(noise(1), 0.0 * noise(1)) is None
        assert separate_metrics.sdr_db(noise(1), 0.0 * noise(1)) == pytest.approx(0.0, abs=1e-9)

    def test_seconds_are_those_of_museval(self) -> None:
        if importlib.util.find_spec("museval") is None:
            pytest.skip("museval is not installed")
        true = {"drums": noise(1, 3.0), "other": noise(2, 3.0)}
        made = {
            "drums": true["drums"] + 0.4 * noise(3, 3.0),
            "other": 0.7 * true["other"] + 0.1 * noise(4, 3.0),
        }
        theirs = separate_metrics.museval_sdr_db(true, made)
        mix = true["drums"] + true["other"]
        for stem in true:
            ours = separate_metrics.score(true[stem], made[stem], mix).seconds_db
            assert ours == pytest.approx(list(theirs[stem]), abs=1e-4)

    def test_windows_in_which_a_stem_rests_or_plays_alone_do_not_count(self) -> None:
        true, rest = noise(1, 40.0), noise(2, 40.0)
        true[:, : 10 * RATE] = 0.0
        rest[:, 30 * RATE :] *= 1e-3
        score = separate_metrics.score(true, true + 0.1 * rest, true + rest)
        assert [value is None for value in score.windows_db] == [True, False, False, True]
        assert [value is None for value in score.seconds_db] == [True] * 10 + [False] * 30
        assert score.windows_db[1] == pytest.approx(20.0, abs=0.2)

    def test_a_last_window_counts_from_half_its_length(self) -> None:
        assert len(separate_metrics.score(noise(1, 14.9), noise(1, 14.9), noise(2, 14.9)).windows_db) == 1
        assert len(separate_metrics.score(noise(1, 15.1), noise(1, 15.1), noise(2, 15.1)).windows_db) == 2


class TestBaselines:
    def test_each_kind_of_sound_goes_where_the_recipe_says(self, band: dict[str, np.ndarray]) -> None:
        mix = np.sum(list(band.values()), axis=0)
        made = baselines.hpss_centre(mix)
        for stem, true in band.items():
            before = separate_metrics.si_sdr_db(true, mix)
            assert separate_metrics.si_sdr_db(true, made[stem]) > before + 6.0

    def test_parts_of_hpss_and_of_the_ideal_mask_sum_to_the_mixture(
        self, band: dict[str, np.ndarray]
    ) -> None:
        mix = np.sum(list(band.values()), axis=0)
        for made in (baselines.hpss_centre(mix), baselines.quarter(mix), baselines.ideal_ratio(mix, band)):
            total = np.sum([made[stem] for stem in SOURCES], axis=0)
            assert np.sqrt(np.mean((total - mix) ** 2)) < 2e-3 * np.sqrt(np.mean(mix**2))

    def test_the_ideal_mask_is_above_all_others(self, band: dict[str, np.ndarray]) -> None:
        mix = np.sum(list(band.values()), axis=0)
        ideal = baselines.ideal_ratio(mix, band)
        for made in (baselines.quarter(mix), baselines.hpss_centre(mix), baselines.repet_sim(mix)):
            for stem, true in band.items():
                own = separate_metrics.si_sdr_db(true, ideal[stem])
                assert own > separate_metrics.si_sdr_db(true, made[stem])

    def test_the_ideal_mask_leaves_a_stem_that_is_not_there_silent(self, band: dict[str, np.ndarray]) -> None:
        without = {stem: samples for stem, samples in band.items() if stem != "bass"}
        made = baselines.ideal_ratio(np.sum(list(without.values()), axis=0), without)
        assert not made["bass"].any()

    def test_repet_leaves_out_what_repeats(self) -> None:
        """A loop of one second with a glide over it: the glide is sung."""
        seconds = 12
        loop = np.tile(noise(1, 1.0), (1, seconds))
        time_s = np.arange(seconds * RATE) / RATE
        glide = 0.2 * np.sin(2 * np.pi * (300.0 * time_s + 60.0 * time_s**2)).astype(np.float32)
        sung = np.stack([glide, glide])
        made = baselines.repet_sim(loop + sung)
        before = separate_metrics.si_sdr_db(sung, loop + sung)
        assert separate_metrics.si_sdr_db(sung, made["vocals"]) > before + 3.0


class TestTracks:
    def test_names_that_say_it(self) -> None:
        wanted = {
            "VOX LEAD": "vocals",
            "BGVOX BUILD": "vocals",
            "SY BASS": "bass",
            "BASS STAB": "bass",
            "HVY KICK": "drums",
            "K & SN": "drums",
            "SNARE BUILD": "drums",
            "CRASH FADE": "drums",
            "BUILD PRC": "drums",
            "MINILOGUE_SYNTH_mobile": "other",
            "PLUCK": "other",
            "EDM BUILD": "other",
            "SINE": "other",
        }
        assert {name: group(name) for name in wanted} == wanted

    def test_the_song_decides_where_two_differ(self) -> None:
        assert group("7.Francium_Stem_FILL BUILD.m4a") == "drums"
        assert group("3.Sodium_Stem_FILL BUILD") == group("FILL BUILD") == "other"

    def test_masters_are_no_tracks(self) -> None:
        assert is_master("6.Caesium_Master_mobile.m4a")
        assert not is_master("6.Caesium_Stem_KICK")

    def test_every_song_has_what_it_is_used_for(self) -> None:
        if not MULTITRACK.is_dir():
            pytest.skip("the multitracks are not at hand: expected ../shared/data/multitrack")
        found = {
            song.name: {group(path.stem) for path in song.glob("*Stem*.m4a")}
            for song in MULTITRACK.iterdir()
            if song.is_dir()
        }
        assert found["6.Caesium"] == {"drums", "other", "vocals"}
        assert found["3.Sodium"] == found["2.Lithium"] == set(SOURCES)


class TestCases:
    def test_a_render_s_drums_and_bass_are_heard(self) -> None:
        stems = {"drums": 0.01 * noise(1), "bass": noise(2), "other": 0.5 * noise(3)}
        made = separate_cases._balanced(stems, np.random.default_rng(1))
        assert np.array_equal(made["other"], stems["other"])
        for stem, (low, high) in separate_cases.BALANCE_DB.items():
            level_db = 10.0 * np.log10(np.mean(made[stem] ** 2) / np.mean(made["other"] ** 2))
            assert low <= level_db <= high

    def test_nothing_that_was_trained_on(self) -> None:
        specs = separate_cases.specs()
        assert all(800 <= spec.number < 860 for spec in specs if spec.set == "renders")
        assert all(spec.number >= 9000 for spec in specs if spec.set == "band")
        assert len({spec.name for spec in specs}) == len(specs)

    def test_a_piece_of_the_band_is_sung_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(separate_cases, "SECONDS", 4)
        places = Places(tmp_path, tmp_path, tmp_path, tmp_path)
        sung = tmp_path / "cases" / f"caesium-{separate_cases.version()}"
        sung.mkdir(parents=True)
        np.save(sung / "vocals.npy", 0.3 * tone(440.0, 6.0))
        case = separate_cases.build(Spec("band", "band-9000", 9000), places)
        assert list(case.stems) == list(SOURCES)
        assert np.allclose(case.mix, np.sum(list(case.stems.values()), axis=0), atol=1e-6)
        band = case.mix - case.stems["vocals"]
        level_db = 10.0 * np.log10(np.mean(case.stems["vocals"] ** 2) / np.mean(band**2))
        assert separate_cases.VOICE_DB[0] <= level_db <= separate_cases.VOICE_DB[1]
        again = separate_cases.build(Spec("band", "band-9000", 9000), places)
        assert np.array_equal(again.mix, case.mix)


def model_file(folder: Path) -> Path:
    """A tiny untrained HDemucs as demucs writes it."""
    torch = pytest.importorskip("torch")
    hdemucs = pytest.importorskip("demucs.hdemucs")
    from safetensors.torch import save_file

    torch.manual_seed(1)
    kwargs = {"sources": list(SOURCES), "channels": 4, "depth": 5, "segment": 2}
    model = hdemucs.HDemucs(**kwargs)
    path = folder / "tiny.safetensors"
    metadata = {"klass": "demucs.hdemucs.HDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, metadata)
    return path


class TestSystems:
    def test_a_line_for_what_is_absent(self, tmp_path: Path) -> None:
        listed = separate_systems.systems([str(tmp_path / "no.safetensors")], None, tmp_path, "apply")
        missing = {system.name: system.missing for system in listed if system.missing}
        assert missing["no"] == "no.safetensors is not there"
        assert missing["fold"] == "no --fold-model"
        assert set(separate_systems.OFFICIAL) <= set(missing)
        free = [system.name for system in listed if system.kind == "free"]
        assert free == ["silence", "quarter", "hpss", "repet"]

    def test_only_the_fold_s_model_is_judged_on_its_song(self, tmp_path: Path) -> None:
        path = model_file(tmp_path)
        listed = {s.name: s for s in separate_systems.systems([str(path)], path, None, "apply")}
        assert "sodium" not in listed["tiny"].sets
        assert listed["fold"].sets == ("sodium",)
        assert listed["fold"].weights.startswith("tiny.safetensors, ")
        assert not listed["fold"].missing

    def test_a_model_by_path_runs_as_demucs_runs_it(self, tmp_path: Path) -> None:
        path = model_file(tmp_path)
        system = separate_systems.systems([str(path)], None, None, "apply")[-3]
        case = Case(Spec("band", "x"), {"drums": noise(1, 3.0), "other": noise(2, 3.0) + 0.2})
        made = system.run(case)
        assert list(made) == list(SOURCES)
        assert all(samples.shape == case.mix.shape for samples in made.values())

        import torch
        from demucs.apply import apply_model
        from demucs.hf import load_safetensors_model

        mix = torch.from_numpy(case.mix)
        mono = mix.mean(0)
        model = load_safetensors_model(path)
        whole = apply_model(model, ((mix - mono.mean()) / mono.std())[None], shifts=0, overlap=0.25)[0]
        wanted = (whole * mono.std() + mono.mean()).numpy()
        assert np.allclose(np.stack(list(made.values())), wanted, atol=1e-5)

    def test_the_product_s_stems_are_demucs_s_but_for_the_residual_in_other(self, tmp_path: Path) -> None:
        path = model_file(tmp_path)
        case = Case(Spec("band", "x"), {"drums": noise(1, 3.0), "other": noise(2, 3.0)})
        theirs = separate_systems.systems([str(path)], None, None, "apply")[-3].run(case)
        ours = separate_systems.systems([str(path)], None, None, "separator")[-3].run(case)
        assert list(ours) == list(SOURCES)
        assert np.allclose(np.sum(list(ours.values()), axis=0), case.mix, atol=1e-5)
        for stem in ("drums", "bass", "vocals"):
            steady = theirs[stem] - theirs[stem].mean(axis=1, keepdims=True)
            difference = ours[stem] - ours[stem].mean(axis=1, keepdims=True) - steady
            assert np.sqrt(np.mean(difference**2)) < 1e-2 * np.sqrt(np.mean(steady**2))

    def test_other_weights_are_another_version(self, tmp_path: Path) -> None:
        path = model_file(tmp_path)
        before = separate_systems.systems([str(path)], None, None, "apply")[-3].version()
        path.write_bytes(path.read_bytes() + b"x")
        assert separate_systems.systems([str(path)], None, None, "apply")[-3].version() != before


def system(name: str, kind: str, run=None, sets: tuple[str, ...] = ("caesium",)) -> System:
    return System(name, name, run or (lambda case: {}), kind, lambda: "1", "", sets)


def rows(values: dict[str, list[float]], whole: dict[str, float]) -> list[dict]:
    """A row for each system, all stems alike."""
    stems = ("drums", "other", "vocals")
    found = []
    for name, windows in values.items():
        one = {"si_sdr_db": whole[name], "sdr_db": 1.0, "windows_db": windows, "seconds_db": [1.0, None, 3.0]}
        found.append(
            {"case": "caesium", "set": "caesium", "system": name, "stems": dict.fromkeys(stems, one)}
        )
    return found


class TestTable:
    SPECS = (Spec("caesium", "caesium"),)

    def table(self, model_db: float) -> Table:
        values = {
            "quarter": [-5.0, None, -3.0],
            "hpss": [-9.0, None, -8.0],
            "draft": [model_db, None, model_db],
        }
        whole = {"quarter": -4.5, "hpss": -9.0, "draft": model_db}
        systems = [system("quarter", "free"), system("hpss", "free"), system("draft", "model")]
        return Table(rows(values, whole), self.SPECS, systems)

    def test_means_leave_out_windows_that_do_not_count(self) -> None:
        score = self.table(2.0).score("caesium", "quarter", "drums")
        assert score.windows is not None
        assert score.windows.value == pytest.approx(-4.0)
        assert (score.windows.low, score.windows.high) == (-5.0, -3.0)
        assert score.second_db == 2.0
        assert self.table(2.0).stems("caesium") == ["drums", "other", "vocals"]

    def test_the_bar_is_measured_from_the_best_baseline(self) -> None:
        assert self.table(2.0).best_free("caesium", "drums").name == "quarter"

    @pytest.mark.parametrize(
        ("model_db", "reached"),
        [
            (-1.2, [False] * 4 + [False, False]),
            (-0.5, [True] * 4 + [False, False]),
            (0.5, [True] * 5 + [False]),
            (4.5, [True] * 6),
        ],
    )
    def test_verdict(self, model_db: float, reached: list[bool]) -> None:
        table = self.table(model_db)
        assert [point.reached for point in verdict(table, table.systems[-1])] == reached

    def test_whole_and_windows_must_both_lie_above_the_bar(self) -> None:
        table = self.table(2.0)
        for row in table.rows:
            if row["system"] == "draft":
                row["stems"] = {stem: {**one, "si_sdr_db": -3.0} for stem, one in row["stems"].items()}
        assert not verdict(table, table.systems[-1])[0].reached

    def test_without_baselines_only_the_vocals_are_judged(self) -> None:
        table = self.table(2.0)
        alone = Table([r for r in table.rows if r["system"] == "draft"], table.specs, table.systems)
        points = verdict(alone, table.systems[-1])
        assert [point.reached for point in points] == [True, False]

    def test_a_silent_model_does_not_pass(self) -> None:
        table = self.table(2.0)
        for row in table.rows:
            if row["system"] == "draft":
                silent = {"si_sdr_db": None, "sdr_db": 0.0, "windows_db": [None] * 3, "seconds_db": [0.0]}
                row["stems"] = dict.fromkeys(row["stems"], silent)
        assert not any(point.reached for point in verdict(table, table.systems[-1]))

    def test_page_and_plot(self, tmp_path: Path) -> None:
        about = {
            "machine": "m",
            "seconds": 1,
            "absent": ["htdemucs: absent, weights not present"],
            "museval": "",
        }
        table = self.table(2.0)
        table.systems.append(System("fold", "fold", dict, "model", str, "no weights", ("caesium",)))
        page = separate_report.write(table, about, tmp_path)
        assert "## Verdict: draft, 5 of 6 reached" in page
        assert "absent, weights not present" in page
        assert "| fold | absent | absent | absent |" in page
        assert "| hpss | -8.50 [-9.00, -8.00] |" in page
        assert (tmp_path / "separate.caesium.png").stat().st_size > 1_000
        numbers = json.loads((tmp_path / "separate.json").read_text())
        assert numbers["sets"]["caesium"]["systems"]["draft"]["vocals"]["windows"]["value"] == 2.0
        assert numbers["sets"]["caesium"]["windows"]["drums"] == 2


class TestRun:
    def test_goes_on_where_it_was(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stems = {"drums": noise(1, 10.0), "other": noise(2, 10.0), "vocals": noise(3, 10.0)}
        case = Case(Spec("band", "band-9000", 9000), stems)
        monkeypatch.setattr(separate_cases, "build", lambda spec, places: case)
        calls = []

        def separated(given: Case) -> dict[str, np.ndarray]:
            calls.append(given.spec.name)
            return dict.fromkeys(SOURCES, given.mix)

        places = Places(tmp_path, tmp_path, tmp_path, tmp_path)
        ours = [
            system("draft", "model", separated, ("band",)),
            system("fold", "model", separated, ("sodium",)),
        ]
        first = separate.run([case.spec], ours, places)
        again = separate.run([case.spec], ours, places)
        assert first == again
        assert calls == ["band-9000"]
        assert [row["system"] for row in first] == ["draft"]
        whole = first[0]["stems"]["drums"]["si_sdr_db"]
        assert whole == pytest.approx(-10.0 * np.log10(2.0), abs=0.1)

        (tmp_path / "rows.jsonl").unlink()
        kept = separate.run([case.spec], ours, places)
        assert calls == ["band-9000"]
        assert kept[0]["stems"] == first[0]["stems"]
