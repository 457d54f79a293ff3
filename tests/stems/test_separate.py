"""The separator: stems that line up and add up, whatever comes in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mastering.audio import Audio, AudioSource, Samples  # noqa: E402
from mastering.dsp.resample import resample  # noqa: E402
from mastering.errors import EnvironmentProblem, ModelError, ParameterError  # noqa: E402
from stems.cache import StemCache  # noqa: E402
from stems.separate import Separator  # noqa: E402

Known = Callable[..., Separator]
Music = Callable[..., Audio]
Whole = Callable[[AudioSource], Samples]

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("drums", "bass", "other", "vocals")

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.usefixtures("one_thread")]


def total(parts: Any, whole: Whole) -> Any:
    return np.sum([whole(part) for part in parts.values()], axis=0, dtype=np.float64)


def dbfs(error: Any) -> float:
    return float(20 * np.log10(np.abs(error).max() + 1e-30))


def test_it_is_demucs_without_its_constant(
    network: Callable[..., Any], model_file: Callable[..., Path], cache: StemCache, music: Music, whole: Whole
) -> None:
    from demucs.apply import apply_model

    audio = music(30_000, dc=0.05)
    found = Separator(model_file(), cache=cache, engine="torch").separate(audio)
    mix = torch.from_numpy(audio.samples.copy())
    mean, std = mix.mean(0).mean(), mix.mean(0).std() + 1e-8
    wanted = apply_model(network("hybrid"), ((mix - mean) / std)[None], shifts=0)[0] * std
    for name, stem in zip(SOURCES, wanted.numpy(), strict=True):
        assert np.abs(whole(found.own[name]) - stem).max() <= 1e-6
    assert dbfs(total(found.parts, whole) - audio.samples) < -120


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("frames", [1, 3, 100, 8_000, 30_011])
def test_stems_add_up(known: Known, music: Music, whole: Whole, channels: int, frames: int) -> None:
    audio = music(frames, channels=channels, dc=0.1)
    found = known().separate(audio)
    assert tuple(found.parts) == SOURCES
    assert {(part.sample_rate, part.channels, part.frames) for part in found.parts.values()} == {
        (8_000, channels, frames)
    }
    assert dbfs(total(found.parts, whole) - audio.samples) < -120
    assert dbfs(total(found.own, whole) + whole(found.residual) - audio.samples) < -120


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 96_000, 384_000])
@pytest.mark.parametrize("frames", [1, 2, 40_001])
def test_any_rate(known: Known, music: Music, whole: Whole, rate_hz: int, frames: int) -> None:
    audio = music(frames, rate_hz=rate_hz)
    found = known(rate_hz=44_100).separate(audio)
    assert found.parts["vocals"].frames == frames
    assert found.parts["vocals"].sample_rate == rate_hz
    assert dbfs(total(found.parts, whole) - audio.samples) < -120


@pytest.mark.parametrize("rate_hz", [32_000, 48_000, 96_000])
def test_stems_line_up_with_the_recording(known: Known, whole: Whole, rate_hz: int) -> None:
    """What a model lets through comes back where it was: 0.3 times the input, within the band of both."""
    rng = np.random.default_rng(3)
    narrow = resample((0.1 * rng.standard_normal((2, 16_000))).astype(np.float32), 16_000, rate_hz)
    found = known(rate_hz=44_100).separate(Audio(samples=narrow, sample_rate=rate_hz))
    inside = slice(rate_hz // 10, -rate_hz // 10)
    error = whole(found.own["vocals"]) - 0.3 * (narrow - narrow.mean())  # the constant is the residual's
    assert dbfs(error[:, inside]) < -100
    assert found.residual_share == pytest.approx(0.01, abs=0.001)  # 0.9 of the amplitude is the model's


def test_what_the_model_cannot_hear_is_in_other(known: Known, whole: Whole) -> None:
    """A tone above half the model's rate goes to the residual, whole."""
    time = np.arange(96_000) / 96_000
    tone = (0.5 * np.sin(2 * np.pi * 30_000 * time)).astype(np.float32)[None]
    found = known(rate_hz=44_100).separate(Audio(samples=tone, sample_rate=96_000))
    middle = slice(9_600, -9_600)
    assert dbfs(whole(found.parts["vocals"])[:, middle]) < -110
    assert dbfs((whole(found.parts["other"]) - tone)[:, middle]) < -110
    assert found.residual_share > 0.99


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_silence_gives_silence(known: Known, whole: Whole, value: float) -> None:
    separator = known()
    found = separator.separate(Audio(samples=np.full((2, 20_000), value, np.float32), sample_rate=8_000))
    for name in ("drums", "bass", "vocals"):
        assert not whole(found.parts[name]).any()
    assert (whole(found.parts["other"]) == np.float32(value)).all()
    assert found.residual_share == 0.0


def test_a_constant_goes_to_other_alone(known: Known, music: Music, whole: Whole) -> None:
    audio = music(40_000, dc=0.2)
    found = known().separate(audio)
    means = {name: float(whole(part).mean()) for name, part in found.parts.items()}
    assert means["other"] == pytest.approx(0.2, abs=2e-3)
    assert max(abs(means[name]) for name in ("drums", "bass", "vocals")) < 2e-3
    assert found.residual_share == pytest.approx(0.01, abs=1e-4)  # the constant does not count


def test_one_channel_at_a_time(known: Known, whole: Whole, music: Music) -> None:
    """Silence in one channel stays silence there, and the pairs of a surround mix do not mix."""
    samples = music(20_000, channels=6).samples.copy()
    samples[4:] = 0.0
    found = known().separate(Audio(samples=samples, sample_rate=8_000))
    vocals = whole(found.parts["vocals"])
    assert not vocals[4:].any()
    assert dbfs(vocals[:4] - 0.3 * (samples[:4] - samples[:4].mean(axis=1, keepdims=True))) < -60


def test_the_second_time_nothing_is_computed(known: Known, music: Music, whole: Whole) -> None:
    audio, shares = music(50_000), list[float]()
    first = known().separate(audio)
    again = known()
    second = again.separate(audio, on_progress=shares.append)
    assert (first.cached, second.cached) == (False, True)
    assert again._model is not None
    assert again._model.models[0].calls == 0  # type: ignore[union-attr]
    assert shares[-1] == 1.0
    for name in SOURCES:
        assert (whole(first.parts[name]) == whole(second.parts[name])).all()
    assert second.info == first.info


@pytest.mark.parametrize("changed", [{"overlap": 0.5}, {"shifts": 1}, {"engine": "auto"}])
def test_other_settings_are_other_entries(known: Known, music: Music, changed: dict[str, Any]) -> None:
    audio = music(20_000)
    known().separate(audio)
    assert not known(**changed).separate(audio).cached
    assert known(**changed).separate(audio).cached


def test_a_hit_imports_no_torch(known: Known, music: Music, cache: StemCache, tmp_path: Path) -> None:
    audio = music(20_000)
    np.save(tmp_path / "audio.npy", audio.samples)
    known().separate(audio)
    code = (
        "import sys, numpy as np; from pathlib import Path; from mastering.audio import Audio; "
        "from stems.cache import StemCache; from stems.separate import Separator; "
        f"audio = Audio(samples=np.load({str(tmp_path / 'audio.npy')!r}), sample_rate=8000); "
        f"maker = Separator(Path({str(tmp_path / 'known.safetensors')!r}), engine='torch', "
        f"cache=StemCache(Path({str(cache.folder)!r}))); "
        "found = maker.separate(audio); "
        "print(found.cached, sum(len(block) for block in found.parts['other'].blocks())); "
        "print('torch' in sys.modules, 'demucs' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.stdout.splitlines() == ["True 2", "False False"]


def test_shifts_are_always_the_same(known: Known, music: Music, whole: Whole, tmp_path: Path) -> None:
    audio = music(20_000)

    def answer(mix: Any) -> Any:  # depends on where the segment begins
        ramp = torch.linspace(0.1, 0.9, mix.shape[-1])
        return torch.stack([ramp * mix] * 4, dim=1)

    found = [
        known(answer=answer, shifts=2, cache=StemCache(tmp_path / name)).separate(audio)
        for name in ("a", "b")
    ]
    assert (whole(found[0].own["bass"]) == whole(found[1].own["bass"])).all()
    plain = known(answer=answer, cache=StemCache(tmp_path / "c")).separate(audio)
    assert (whole(found[0].own["bass"]) != whole(plain.own["bass"])).any()


def test_progress_goes_from_nothing_to_one(known: Known, music: Music) -> None:
    shares: list[float] = []
    known().separate(music(100_000), on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert len(shares) > 100_000 / 6_000


class Stop(Exception):
    """Somebody has had enough."""


@pytest.mark.parametrize("place", [0.1, 0.5, 0.96, 0.99])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025])
def test_an_interrupted_run_goes_on_where_it_was(
    known: Known, music: Music, whole: Whole, tmp_path: Path, place: float, rate_hz: int
) -> None:
    audio = music(120_000, rate_hz=rate_hz)

    def stop(share: float) -> None:
        if share >= place:
            raise Stop

    with pytest.raises(Stop):
        known().separate(audio, on_progress=stop)
    second = known()
    shares: list[float] = []
    resumed = second.separate(audio, on_progress=shares.append)
    other = known(cache=StemCache(tmp_path / "other"))
    straight = other.separate(audio)
    assert not resumed.cached
    for name in SOURCES:
        assert (whole(resumed.parts[name]) == whole(straight.parts[name])).all()
    assert resumed.residual_share == straight.residual_share
    assert second._model is not None
    assert other._model is not None
    saved = other._model.models[0].calls - second._model.models[0].calls  # type: ignore[operator]
    assert saved >= int(place * 0.9 * other._model.models[0].calls) - 2  # type: ignore[operator]


def test_a_read_only_cache_gives_way_to_a_temporary_one(
    known: Known, music: Music, tmp_path: Path, whole: Whole
) -> None:
    (tmp_path / "file").write_text("")
    audio = music(20_000)
    found = known(cache=StemCache(tmp_path / "file" / "cache")).separate(audio)
    assert [notice.code for notice in found.notices] == ["cache_unwritable"]
    folder = next(iter(found.own.values()))._lease.folder  # type: ignore[attr-defined]
    assert dbfs(total(found.parts, whole) - audio.samples) < -120
    del found
    assert not folder.exists()


def test_a_disk_that_fills_up_is_said_and_the_work_is_kept(
    known: Known, music: Music, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stems.raw

    audio, real, written = music(120_000), stems.raw._write_all, 0

    def write(file: Any, samples: Samples) -> None:
        nonlocal written
        written += samples.nbytes
        if written > 1_500_000:
            raise OSError(28, "No space left on device")
        real(file, samples)

    monkeypatch.setattr(stems.raw, "_write_all", write)
    with pytest.raises(EnvironmentProblem, match="the disk is full") as caught:
        known().separate(audio)
    assert caught.value.code == "disk_full"
    monkeypatch.undo()
    after = known()
    after.separate(audio)
    assert after._model is not None
    assert after._model.models[0].calls < 15  # type: ignore[operator]


def test_memory_that_is_short_makes_segments_shorter(known: Known, music: Music, whole: Whole) -> None:
    def answer(mix: Any) -> Any:
        if mix.shape[-1] > 16_000:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")
        return torch.stack([0.2 * mix] * 4, dim=1)

    audio = music(100_000)
    found = known(answer=answer, segment=8.0).separate(audio)
    assert [notice.code for notice in found.notices] == ["segment_shortened"]
    assert found.info.settings["segment_s"] == 2.0
    assert dbfs(total(found.parts, whole) - audio.samples) < -120


def test_memory_that_is_never_enough_is_said(known: Known, music: Music) -> None:
    def answer(mix: Any) -> Any:
        raise MemoryError

    with pytest.raises(EnvironmentProblem, match=r"not enough memory for a segment of 1\.0 s") as caught:
        known(answer=answer, segment=4.0).separate(music(20_000))
    assert caught.value.code == "out_of_memory"


def test_another_error_of_the_model_is_not_about_memory(known: Known, music: Music) -> None:
    def answer(mix: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        known(answer=answer).separate(music(20_000))


def test_a_model_that_answers_nan_is_refused(known: Known, music: Music) -> None:
    with pytest.raises(ModelError, match="not finite"):
        known(answer=lambda mix: torch.stack([mix * float("nan")] * 4, dim=1)).separate(music(20_000))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_is_not_there(
    known: Known, music: Music, monkeypatch: pytest.MonkeyPatch, device: Any
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match=device) as caught:
        known(device=device).separate(music(9_000))
    assert caught.value.code == "device_missing"
    assert known(device="auto").separate(music(9_000)).cached is False


def test_one_stem_and_the_rest(known: Known, music: Music, whole: Whole) -> None:
    audio = music(30_000)
    found = known(only="vocals").separate(audio)
    assert tuple(found.parts) == ("vocals", "no_vocals")
    assert found.rest == "no_vocals"
    assert dbfs(total(found.parts, whole) - audio.samples) < -120
    assert known().separate(audio).cached  # all stems were made, and are kept
    with pytest.raises(ParameterError, match="did you mean 'vocals'"):
        known(only="vocal").separate(audio)


def test_a_bag_runs_only_what_counts_for_one_stem(
    known: Known, music: Music, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    import stems.separate

    weights = tuple(tuple(float(row == column) for column in range(4)) for row in range(4))
    identify = stems.separate.identify
    monkeypatch.setattr(
        stems.separate,
        "identify",
        lambda *given: replace(identify(*given), sources=SOURCES, weights=weights),
    )

    def bag(**settings: Any) -> Separator:
        separator = known(**settings)
        assert separator._model is not None
        models = [type(separator._model.models[0])(None, 8_000, 1.0) for _ in range(4)]
        separator._model = replace(separator._model, models=models, weights=[list(row) for row in weights])
        return separator

    audio, separator = music(30_000), bag(only="bass")
    found = separator.separate(audio)
    assert separator._model is not None
    assert [model.calls > 0 for model in separator._model.models] == [False, True, False, False]  # type: ignore[operator]
    assert dbfs(whole(found.parts["bass"]) - 0.2 * audio.samples) < -50
    assert dbfs(total(found.parts, whole) - audio.samples) < -120
    assert bag(only="bass").separate(audio).cached
    assert not bag(only="drums").separate(audio).cached
    everything = bag().separate(audio)
    assert not everything.cached
    assert bag(only="vocals").separate(audio).cached
    assert (whole(everything.own["bass"]) == whole(found.own["bass"])).all()


@pytest.mark.parametrize(
    "wrong", [{"overlap": 1.0}, {"shifts": -1}, {"engine": "steam"}, {"device": "abacus"}]
)
def test_settings_outside_their_range(known: Known, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        known(**wrong)


class Endless:
    """A recording that is made as it is read."""

    def __init__(self, blocks: int) -> None:
        self._blocks, self.sample_rate, self.channels = blocks, 44_100, 1
        self.frames = blocks * 65_536

    def blocks(self) -> Iterator[Samples]:
        rng = np.random.default_rng(0)
        block = (0.1 * rng.standard_normal((1, 65_536))).astype(np.float32)
        for place in range(self._blocks):
            yield block * np.float32(1 + place % 7)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
def test_memory_does_not_grow_with_the_length(known: Known, tmp_path: Path) -> None:
    def peak_bytes() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def separate(blocks: int) -> None:
        found = known(rate_hz=44_100, cache=StemCache(tmp_path / str(blocks))).separate(Endless(blocks))
        for _ in found.parts["other"].blocks():
            pass

    separate(20)  # half a minute
    before = peak_bytes()
    separate(80)  # two minutes: 21 MB of samples, 210 MB as demucs holds them
    assert peak_bytes() - before < 16e6
