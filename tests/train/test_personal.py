"""Fine-tuning on one's own masters: what is learned from, what is written, and what is not."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.piece import render_piece
from mastering import library
from mastering.audio import Audio
from mastering.cli.signals import Interrupted
from mastering.errors import ModelError, ParameterError
from mastering.io.files import open_source
from mastering.io.weights import ModelRef, load_weights
from mastering.io.writer import open_writer
from mastering.match import learned
from mastering.match.exemplar import exemplar_of
from mastering.match.learned import LearnedMatcher
from mastering.match.tone import JUDGED
from mastering.measure.features import Features, analyse
from mastering.ports import MatchRequest
from mastering.train import places, tune
from mastering.train.export import write_model
from mastering.train.house import House, against, whole
from mastering.train.masters import Master, Masters, gather
from mastering.train.model import MatchNet
from mastering.train.personal import Order, Outcome, load_base, train_personal
from mastering.train.prepare import prepare
from mastering.train.takes import Take
from mastering.train.tune import Tuning, Weights

RATE = 44_100
QUICK = Tuning(versions=1, steps=10, batch=8, fresh=8, every=5, cases=24)
CARD = 'name = "matcher"\nversion = "test"\nlicence = "none"\nsha256 = ""\n'

Snapshot = dict[str, bytes]


def write(path: Path, audio: Audio) -> Path:
    with open_writer(
        path, sample_rate=audio.sample_rate, channels=audio.channels, frames=audio.frames, force=True
    ) as writer:
        for block in audio.blocks():
            writer.write(block)
    return path


def song(seed: int) -> Audio:
    """Forty seconds: ten composed ones, four times at other balances of the stems."""
    stems = render_piece(seed, 10.0, RATE)
    rng = np.random.default_rng(seed)
    parts = [
        sum(np.float32(rng.uniform(0.2, 1.2)) * stem.samples for stem in stems.parts.values())
        for _ in range(4)
    ]
    return Audio(samples=np.concatenate(parts, axis=1).astype(np.float32), sample_rate=RATE)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fine-tuning in this process leaves torch with one thread."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("masters")
    return [write(folder / f"{seed}.wav", song(seed)) for seed in (11, 12, 13, 14)]


@pytest.fixture(scope="module")
def masters(songs: list[Path]) -> Masters:
    return gather(songs[0].parent, songs)


@pytest.fixture(scope="module")
def takes(masters: Masters) -> dict[int, Take]:
    return prepare(masters.used, seed=1, versions=1, seconds=60.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelRef, Weights]:
    """An untrained network in the shipped one's place."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    state = MatchNet(96, 3).state_dict()
    write_model(folder, learned.MODEL, {name: value.numpy() for name, value in state.items()}, CARD)
    return load_base(folder)


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's presets: not there yet, as on a new machine."""
    folder = tmp_path / "config" / "presets"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture(scope="module")
def made(
    masters: Masters, base: tuple[ModelRef, Weights], tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    """A personal style named "mine"; its folder is that of `outcome.places`."""
    presets = tmp_path_factory.mktemp("made")
    return train_personal(masters, Order(name="mine"), base, presets=presets, tuning=QUICK)


def folder_of(outcome: Outcome) -> Path:
    return outcome.places.style.parents[1]


def snapshot(folder: Path) -> Snapshot:
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# The style


def test_the_style_is_the_mean_of_the_masters(made: Outcome, masters: Masters) -> None:
    style = library.load_style(made.places.style)
    assert (style.name, style.model, style.ceiling_dbtp) == ("mine", "mine", -1.0)
    assert style.limits == library.reference_limits()
    features = [master.features for master in masters.used]
    assert style.integrated_lufs == pytest.approx(np.mean([f.integrated_lufs for f in features]), abs=0.01)
    assert style.plr_low_db < np.mean([f.plr_db for f in features]) < style.plr_high_db
    levels = np.array([f.band_levels_mid_db for f in features])[:, JUDGED]
    mean = (levels - levels.mean(axis=1, keepdims=True)).mean(axis=0)
    assert np.array(style.band_levels_db)[JUDGED] == pytest.approx(mean, abs=0.01)


def test_a_band_the_songs_disagree_on_has_the_wider_corridor(made: Outcome, masters: Masters) -> None:
    style = library.load_style(made.places.style)
    levels = np.array([m.features.band_levels_mid_db for m in masters.used])[:, JUDGED]
    spread = (levels - levels.mean(axis=1, keepdims=True)).std(axis=0)
    tolerance = np.array(style.tone_tolerance_db)[JUDGED]
    heard = np.array(style.band_levels_db)[JUDGED] > -60.0
    assert np.corrcoef(spread[heard], tolerance[heard])[0, 1] > 0.95
    assert tolerance.min() >= 2.0 * np.sqrt(3.0 / (3.0 + len(masters.used))) - 0.01


def test_the_style_loads_by_its_name(made: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder_of(made)))
    assert library.load_style("mine") == library.load_style(made.places.style)
    (entry,) = [entry for entry in library.entries("styles") if entry.name == "mine"]
    assert (entry.error, entry.shipped) == ("", False)
    assert "4 masters" in entry.summary


# The weights


def mix() -> Features:
    dull = song(21).samples
    dull = 0.25 * (dull + np.roll(dull, 1, axis=1) + np.roll(dull, 2, axis=1))
    return analyse(Audio(samples=dull.astype(np.float32), sample_rate=RATE))


def test_mastering_to_the_style_uses_the_personal_weights(
    made: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder_of(made)))
    monkeypatch.setattr(learned, "_shipped", lambda: pytest.fail("the shipped weights were asked for"))
    style = library.load_style("mine")
    request = MatchRequest(features=mix(), style=style, limits=style.limits)
    result = LearnedMatcher().match(request)
    assert result.chain.origin.matcher == "learned"
    assert len(result.expected_error_mid_db) == 31
    assert min(result.expected_error_mid_db) > 0.0
    assert np.abs(result.kept_mid_db).max() > 0.3
    _, weights = load_weights(folder_of(made) / "models", "mine")
    assert LearnedMatcher(weights).match(request).kept_mid_db == result.kept_mid_db
    turned = {**weights, "head.bias": weights["head.bias"] + np.float32(0.5)}
    assert LearnedMatcher(turned).match(request).kept_mid_db != result.kept_mid_db


def test_the_exemplar_is_the_mean_of_all_masters(made: Outcome, masters: Masters) -> None:
    _, weights = load_weights(folder_of(made) / "models", "mine")
    exemplar = exemplar_of(weights)
    assert exemplar is not None
    lufs = np.mean([master.features.integrated_lufs for master in masters.used])
    assert exemplar.integrated_lufs == pytest.approx(lufs, abs=1e-4)
    assert exemplar.chunks_mid.shape == (30, 31)


def test_the_card_tells_where_the_weights_come_from(made: Outcome, base: tuple[ModelRef, Weights]) -> None:
    card = tomllib.loads(made.places.card.read_text("utf-8"))
    assert card["sha256"] == made.sha256 == hashlib.sha256(made.places.weights.read_bytes()).hexdigest()
    assert (card["licence"], card["songs"], card["seed"]) == ("the trainer's own", 4, 1)
    assert card["minutes"] == pytest.approx(4 * 40.0 / 60.0, abs=0.05)
    assert card["base"]["digest"] == base[0].sha256
    assert card["validation"]["before"]["loss"] > card["validation"]["after"]["loss"]
    assert (card["validation"]["songs"], card["training"]["songs"]) == (1, 3)


def test_spoiled_weights_are_refused(made: Outcome, presets: Path) -> None:
    for path in made.places.all():
        place = presets / path.relative_to(folder_of(made))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    weights = presets / "models" / "mine.safetensors"
    spoiled = bytearray(weights.read_bytes())
    spoiled[-1] ^= 1
    weights.write_bytes(spoiled)
    request = MatchRequest(features=mix(), style=library.load_style("mine"))
    with pytest.raises(ModelError, match="SHA-256") as raised:
        LearnedMatcher().match(request)
    assert raised.value.code == "model_checksum"


# Fine-tuning


def test_fine_tuning_helps_an_untrained_network(made: Outcome) -> None:
    trial = made.trial
    assert trial.improved
    assert trial.after["loss"] < trial.before["loss"]
    assert (trial.steps, trial.cases) == (QUICK.steps, QUICK.cases)
    assert 0 < trial.best_step <= QUICK.steps
    assert {m.path for m in made.trained} & {m.path for m in made.held} == set()
    assert (len(made.trained), len(made.held)) == (3, 1)


def test_one_seed_gives_one_set_of_weights(
    masters: Masters, base: tuple[ModelRef, Weights], made: Outcome, tmp_path: Path
) -> None:
    again = train_personal(masters, Order(name="other"), base, presets=tmp_path, tuning=QUICK)
    assert again.sha256 == made.sha256


def test_weights_that_fine_tuning_spoils_are_not_kept(
    masters: Masters, base: tuple[ModelRef, Weights], tmp_path: Path
) -> None:
    spoiling = replace(QUICK, rate=30.0, steps=4, every=4)
    outcome = train_personal(masters, Order(name="mine"), base, presets=tmp_path, tuning=spoiling)
    assert not outcome.trial.improved
    _, weights = load_weights(tmp_path / "models", "mine")
    for name, array in base[1].items():
        assert np.array_equal(weights[name], array), name
    assert exemplar_of(weights) is not None
    card = tomllib.loads(outcome.places.card.read_text("utf-8"))
    assert "did not help" in card["weights"]


def test_no_song_is_compared_with_itself(takes: dict[int, Take], monkeypatch: pytest.MonkeyPatch) -> None:
    songs = list(takes.values())
    wholes = [whole(take).mid for take in songs]
    seen: list[tuple[Take, int]] = []

    def joined(pieces: list[object]) -> object:
        seen.append((songs[0], len(pieces)))
        return pieces

    def checked(take: Take, pieces: list[object], rng: np.random.Generator) -> str:
        own = wholes[next(index for index, song in enumerate(songs) if song is take)]
        assert not any(np.array_equal(piece.mid, own) for piece in pieces)  # type: ignore[attr-defined]
        return "case"

    monkeypatch.setattr("mastering.train.house.joined", joined)
    monkeypatch.setattr("mastering.train.house.against", checked)
    house, rng = House(songs), np.random.default_rng(0)
    assert {house(songs, rng) for _ in range(60)} == {"case"}
    assert {count for _, count in seen} == {1, 2, 3}


def test_a_finished_song_has_nothing_to_do(takes: dict[int, Take]) -> None:
    one, other, *_ = takes.values()
    rng = np.random.default_rng(4)
    cases = [against(one, whole(other), rng) for _ in range(40)]
    left = [case for case in cases if case.kind == "leave"]
    assert 4 <= len(left) <= 22
    assert all(np.abs(case.truth).max() == 0.0 and case.plr == 0.0 for case in left)
    assert all(np.abs(case.evidence.wanted).max() > 0.5 for case in left)
    assert sum(np.abs(case.truth).max() > 0.3 for case in cases) >= 10


def test_time_that_runs_out_leaves_songs_out_but_three(masters: Masters) -> None:
    prepared = prepare(masters.used, seed=1, versions=0, seconds=0.0)
    assert len(prepared) == 3
    assert list(prepared) == list(prepare(masters.used, seed=1, versions=0, seconds=60.0))[:3]


def test_time_that_runs_out_stops_the_steps(
    masters: Masters, base: tuple[ModelRef, Weights], tmp_path: Path
) -> None:
    outcome = train_personal(
        masters, Order(name="mine", minutes=0.0), base, presets=tmp_path, tuning=replace(QUICK, versions=0)
    )
    assert outcome.trial.steps == 1
    assert len(outcome.trained) + len(outcome.held) == 3


def test_mono_at_another_rate_is_learned_from_too(masters: Masters, tmp_path: Path) -> None:
    with open_source(masters.used[0].path) as source:
        samples = source.audio().samples[:1, ::2]
    audio = Audio(samples=np.ascontiguousarray(samples), sample_rate=RATE // 2)
    mono = Master(path=write(tmp_path / "mono.wav", audio), features=analyse(audio))
    take = prepare([mono], seed=1, versions=1, seconds=60.0)[0]
    stereo = prepare([masters.used[0]], seed=1, versions=1, seconds=60.0)[0]
    assert take.spectra.shape == stereo.spectra.shape
    assert np.abs(take.spectra[0, :, 1]).max() == 0.0


# What is written


def test_nothing_is_left_of_an_interrupted_run(
    masters: Masters, base: tuple[ModelRef, Weights], presets: Path
) -> None:
    for wanted in ("prepare", "train"):

        def interrupt(stage: str, share: float, wanted: str = wanted) -> None:
            if stage == wanted and share > 0.4:
                raise Interrupted(2)

        with pytest.raises(Interrupted):
            train_personal(
                masters, Order(name="mine"), base, presets=presets, tuning=QUICK, progress=interrupt
            )
        assert not presets.exists()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("error", [Interrupted(2), OSError(28, "No space left on device")])
def test_the_files_appear_all_or_none(
    made: Outcome, presets: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, existing: bool
) -> None:
    def stage() -> Path:
        staged = presets / ".staged"
        for path in made.places.all():
            place = staged / path.relative_to(folder_of(made))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
        return staged

    if existing:
        for place in places.places_of("mine", presets).all():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"before")
    before = snapshot(presets)
    move: Callable[[Path, Path], Path] = Path.replace
    for after in range(6 if existing else 3):
        count = 0

        def failing(path: Path, target: Path, after: int = after) -> Path:
            nonlocal count
            count += 1
            if count == after + 1:
                raise error
            return move(path, target)

        staged = stage()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", failing)
            with pytest.raises((Interrupted, Exception)):
                places.publish(staged, presets, "mine")
        left = {name: data for name, data in snapshot(presets).items() if not name.startswith(".staged")}
        assert left == before
    places.publish(stage(), presets, "mine")
    assert library.load_style("mine").model == "mine"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "a\\b", "..", "x.toml", "x.json", "a\nb", "-x", "x" * 65]
)
def test_names_that_are_no_file_names(name: str, presets: Path) -> None:
    with pytest.raises(ParameterError, match="plain file name"):
        places.check_name(name, presets, force=True)


def test_names_that_are_taken(presets: Path) -> None:
    with pytest.raises(ParameterError, match="comes with tonmeister"):
        places.check_name("warm", presets, force=False)
    places.check_name("warm", presets, force=True)
    places.check_name("My Sound 2.1", presets, force=False)
    for place in places.places_of("mine", presets).all():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        with pytest.raises(ParameterError, match="of yours"):
            places.check_name("mine", presets, force=False)
        places.check_name("mine", presets, force=True)
        place.unlink()
    places.check_name("mine", presets, force=False)


def test_force_replaces_a_style_of_that_name(
    masters: Masters, base: tuple[ModelRef, Weights], presets: Path
) -> None:
    def run(seed: int, *, force: bool = False) -> Outcome:
        order = Order(name="mine", seed=seed, force=force)
        return train_personal(masters, order, base, presets=presets, tuning=replace(QUICK, versions=0))

    first = run(1)
    before = snapshot(presets)
    assert set(before) == {"styles/mine.toml", "models/mine.toml", "models/mine.safetensors"}
    with pytest.raises(ParameterError, match="of yours"):
        run(2)
    assert snapshot(presets) == before
    second = run(2, force=True)
    assert second.sha256 != first.sha256
    assert set(snapshot(presets)) == set(before)
    load_weights(presets / "models", "mine")


def test_a_base_of_another_version_is_refused(tmp_path: Path, base: tuple[ModelRef, Weights]) -> None:
    arrays = {**base[1], "token.weight": np.zeros((96, 7), np.float32)}
    write_model(tmp_path, learned.MODEL, arrays, CARD)
    with pytest.raises(ModelError, match="another tonmeister"):
        load_base(tmp_path)
    with pytest.raises(ModelError) as raised:
        load_base(tmp_path / "nowhere")
    assert raised.value.code == "model_missing"


def test_the_quick_tuning_is_not_the_usual_one() -> None:
    assert tune.USUAL.steps >= 200
    assert tune.USUAL.rate < 1e-3
