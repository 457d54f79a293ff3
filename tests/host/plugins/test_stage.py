"""A plug-in as a step: aligned to the sample, as long as it was, the same however the audio came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mastering.audio import BLOCK_FRAMES, Audio, Samples
from mastering.chain import Compressor, EqBand, Equalizer, External, ParameterLane, PluginRef, Step
from mastering.errors import PluginCrashed, PluginError, PluginMisbehaved, PluginTimedOut
from mastering.host.plugins import spool as spool_module
from mastering.host.plugins.checks import Watch
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.stage import PluginStage
from mastering.host.plugins.stream import lanes, stream
from mastering.host.plugins.values import WorkerLimits
from mastering.host.render import Rendered, render
from tests.host.plugins.support import (
    LIMITS,
    RATE,
    Pieces,
    Remains,
    collected,
    handles,
    noise,
    step_of,
    through,
)

Hosts = Callable[..., PluginHost]


def lag(a: Samples, b: Samples) -> int:
    """By how many frames b comes after a: the peak of their cross-correlation."""
    size = 2 * a.shape[1]
    spectrum = np.fft.rfft(b[0], size) * np.conj(np.fft.rfft(a[0], size))
    peak = int(np.fft.irfft(spectrum, size).argmax())
    return peak if peak < size // 2 else peak - size


# Latency and length


@pytest.mark.parametrize("latency", [0, 1, 2, 64, 1_000, 1_023, 1_024, 1_025, 4_097, 8_191, 8_192])
def test_no_latency_is_left(host: PluginHost, latency: int) -> None:
    given = noise(30_000)
    out = through(host, "Test Latency", given, parameters={"latency": float(latency)})
    assert lag(given, out) == 0
    assert np.array_equal(out, given)


@pytest.mark.parametrize("frames", [0, 1, 2, 1_023, 1_024, 1_025, 65_535, 65_536, 65_537, 131_073])
@pytest.mark.parametrize("name", ["Test Latency", "Test Mono"])
def test_lengths_are_kept(host: PluginHost, name: str, frames: int) -> None:
    given = noise(frames)
    out = through(host, name, given)
    assert out.shape == (2, frames)
    assert out.dtype == np.float32
    assert np.array_equal(out, given)


@pytest.mark.parametrize("frames", [200, 4_000, 70_000, 131_100])
def test_the_last_block_may_be_short(host: PluginHost, frames: int) -> None:
    audio = Audio(samples=noise(frames), sample_rate=RATE)
    blocks = list(PluginStage(audio, step_of(host, "Test Latency"), host).blocks())
    assert [block.shape[1] for block in blocks] == [block.shape[1] for block in audio.blocks()]
    assert all(block.flags.c_contiguous for block in blocks)


@pytest.mark.parametrize(
    "rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000, 384_000]
)
def test_sample_rates(host: PluginHost, rate: int) -> None:
    given = noise(rate // 4 + 3)
    assert np.array_equal(through(host, "Test Latency", given, rate), given)
    out = through(host, "Test Echo", given, rate, parameters={"time": 80.0, "feedback": 50.0})
    delay = round(0.08 * rate)
    expected = given.astype(np.float64)
    for start in range(delay, given.shape[1], delay):
        part = expected[:, start : start + delay]
        part += 0.5 * expected[:, start - delay : start - delay + part.shape[1]]
    assert np.abs(out - expected).max() < 1e-6, "the plug-in knows the rate: its echo comes after 80 ms"


SIZES: dict[str, tuple[int, ...]] = {
    "one frame": (1,),
    "odd": (1, 7, 333, 1_025, 3_000),
    "a buffer": (1_024,),
    "prime": (1_021,),
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("case", ["latency", "echo", "dual mono", "automation", "block size"])
def test_how_the_audio_comes_makes_no_difference(host: PluginHost, sizes: Sequence[int], case: str) -> None:
    given = noise(3_500 if sizes == (1,) else 30_000)
    step = {
        "latency": step_of(host, "Test Latency", parameters={"gain": -3.0, "latency": 777.0, "mode": "Warm"}),
        "echo": step_of(host, "Test Echo", parameters={"time": 30.0}),
        "dual mono": step_of(host, "Test Mono", parameters={"gain": -3.0}),
        "automation": step_of(
            host,
            "Test Latency",
            automation=(ParameterLane(parameter="gain", points=((0.0, 0.0), (0.05, -12.0))),),
        ),
        "block size": step_of(host, "Test Trouble", parameters={"trouble": "BlockSize"}),
    }[case]
    whole = collected(PluginStage(Audio(samples=given, sample_rate=RATE), step, host, tail_frames=500))
    cut = collected(PluginStage(Pieces(given, sizes), step, host, tail_frames=500))
    assert np.array_equal(whole, cut)


def test_an_echo_rings_out_into_the_tail(host: PluginHost) -> None:
    click = np.zeros((2, 5_000), np.float32)
    click[:, 0] = 1.0
    settings: dict[str, Any] = {"parameters": {"time": 50.0, "feedback": 50.0}}
    out = through(host, "Test Echo", click, tail_frames=10_000, **settings)
    assert out.shape == (2, 15_000)
    expected = np.zeros(15_000)
    expected[::2_205] = 0.5 ** np.arange(7)
    assert np.abs(out - expected).max() < 1e-6
    assert np.array_equal(through(host, "Test Echo", click, **settings), out[:, :5_000]), "without a tail"


def test_a_tail_longer_than_a_block(host: PluginHost) -> None:
    out = through(host, "Test Latency", noise(100), tail_frames=2 * BLOCK_FRAMES)
    assert out.shape == (2, 100 + 2 * BLOCK_FRAMES)
    assert np.array_equal(out[:, :100], noise(100))
    assert not out[:, 100:].any()


# Channels, parts and shares


def test_dual_mono_is_two_mono_runs(host: PluginHost) -> None:
    given = noise(70_001)
    out = through(host, "Test Mono", given, parameters={"gain": -7.0})
    apart = [through(host, "Test Mono", given[row : row + 1], parameters={"gain": -7.0}) for row in (0, 1)]
    assert np.array_equal(out, np.concatenate(apart))
    assert np.abs(out - given * 10 ** (-7.0 / 20.0)).max() < 1e-6


def test_mono_through_a_stereo_plugin(host: PluginHost) -> None:
    given = noise(20_000, channels=1)
    out = through(host, "Test Echo", given, parameters={"time": 10.0})
    both = through(host, "Test Echo", np.repeat(given, 2, axis=0), parameters={"time": 10.0})
    assert out.shape == (1, 20_000)
    assert np.array_equal(out, both[:1])


@pytest.mark.parametrize(
    ("channels", "takes", "expected"),
    [
        (2, (2,), (1, 2)),
        (2, (1, 2), (1, 2)),
        (2, (1,), (2, 1)),
        (1, (1,), (1, 1)),
        (1, (1, 2), (1, 1)),
        (1, (2,), (1, 2)),
    ],
)
def test_lanes(channels: int, takes: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert lanes(channels, takes) == expected


@pytest.mark.parametrize("name", ["Test Latency", "Test Mono"])
@pytest.mark.parametrize("part", ["mid", "side"])
def test_mid_and_side_alone(host: PluginHost, name: str, part: str) -> None:
    given = noise(20_000)
    out = through(host, name, given, parameters={"gain": -12.0}, part=part)
    mid, side = 0.5 * (given[0] + given[1]), 0.5 * (given[0] - given[1])
    gain = 10 ** (-12.0 / 20.0)
    mid, side = (mid * gain, side) if part == "mid" else (mid, side * gain)
    assert np.abs(out - np.stack([mid + side, mid - side])).max() < 1e-6


def test_the_side_of_mono_is_the_whole(host: PluginHost) -> None:
    given = noise(5_000, channels=1)
    out = through(host, "Test Mono", given, parameters={"gain": -12.0}, part="side")
    assert np.abs(out - given * 10 ** (-12.0 / 20.0)).max() < 1e-6


@pytest.mark.parametrize("percent", [0.0, 25.0, 50.0, 99.0])
@pytest.mark.parametrize("part", ["whole", "mid"])
def test_wet_and_dry_are_aligned(host: PluginHost, percent: float, part: str) -> None:
    """Inverted, and a thousand frames late in the plug-in: only aligned it cancels."""
    given = noise(80_000)
    out = through(host, "Test Latency", given, parameters={"invert": True}, mix_percent=percent, part=part)
    kept = 1.0 - 2.0 * percent / 100.0
    if part == "mid":
        mid, side = 0.5 * (given[0] + given[1]), 0.5 * (given[0] - given[1])
        expected = np.stack([kept * mid + side, kept * mid - side])
    else:
        expected = kept * given
    assert np.abs(out - expected).max() < 1e-6


def test_wet_and_dry_with_a_tail(host: PluginHost) -> None:
    click = np.zeros((2, 100), np.float32)
    click[:, 0] = 1.0
    step: dict[str, Any] = {"parameters": {"time": 10.0, "feedback": 50.0}, "mix_percent": 40.0}
    out = through(host, "Test Echo", click, tail_frames=1_000, **step)
    assert out.shape == (2, 1_100)
    assert out[:, 0] == pytest.approx(1.0)
    assert out[:, [441, 882]] == pytest.approx(np.array([[0.2, 0.1], [0.2, 0.1]]))


def test_a_bypassed_step_needs_no_plugin() -> None:
    step = External(plugin=PluginRef(id="VST3-Nobody-1", name="Nobody"), bypass=True)
    given = noise(70_000)
    with PluginHost(policy=None) as empty:
        stage = PluginStage(Audio(samples=given, sample_rate=RATE), step, empty, tail_frames=10)
        out = collected(stage)
    assert np.array_equal(out[:, :70_000], given)
    assert out.shape == (2, 70_010)
    assert not out[:, 70_000:].any()


# Automation


def curve_db(points: Sequence[tuple[float, float]], frames: int, rate: int = RATE) -> np.ndarray:
    """The gain of each frame: straight lines in dB, sampled every 256 frames."""
    starts = np.arange(0, frames, 256)
    return np.repeat(np.interp(starts / rate, *zip(*points, strict=True)), 256)[:frames]


@pytest.mark.parametrize(
    "points",
    [
        ((0.0, 0.0), (1.0, -20.0)),
        ((0.2, -30.0), (0.3, 6.0), (0.9, 6.0), (0.901, -40.0)),
        ((0.5, -10.0),),
    ],
    ids=["ramp", "jumps", "one point"],
)
@pytest.mark.parametrize("name", ["Test Latency", "Test Mono"])
def test_automation_follows_its_points(
    host: PluginHost, name: str, points: tuple[tuple[float, float], ...]
) -> None:
    given = noise(RATE + 100)
    out = through(host, name, given, automation=(ParameterLane(parameter="gain", points=points),))
    expected = given * 10.0 ** (curve_db(points, given.shape[1]) / 20.0)
    assert np.abs(out - expected).max() < 1e-5 * np.abs(given).max()


def test_automation_of_two_parameters_beside_a_fixed_one(host: PluginHost) -> None:
    given = noise(RATE)
    gain, invert = ((0.0, -6.0), (1.0, 0.0)), ((0.0, 0.0), (0.4999, 0.0), (0.5, 1.0))
    out = through(
        host,
        "Test Latency",
        given,
        parameters={"latency": 300.0},
        automation=(
            ParameterLane(parameter="gain", points=gain),
            ParameterLane(parameter="invert", points=invert),
        ),
    )
    sign = np.where(np.arange(RATE) < 22_050 // 256 * 256 + 256, 1.0, -1.0)
    expected = given * sign * 10.0 ** (curve_db(gain, RATE) / 20.0)
    assert np.abs(out - expected).max() < 1e-5


def test_automation_is_forgotten(host: PluginHost) -> None:
    given = noise(20_000)
    lane = ParameterLane(parameter="gain", points=((0.0, -40.0), (0.1, -50.0)))
    through(host, "Test Latency", given, automation=(lane,))
    assert np.array_equal(through(host, "Test Latency", given), given)


# What must not reach the chain behind it

MISDEEDS = [
    ("NaN", "plugin_not_finite", "gave NaN"),
    ("Inf", "plugin_not_finite", "infinite samples"),
    ("Silence", "plugin_silent", "silence where there was signal"),
    ("Denormals", "plugin_subnormal", "subnormal"),
    ("Throw", "plugin_threw", "trouble on command"),
]


@pytest.mark.parametrize(("kind", "code", "words"), MISDEEDS, ids=[m[0] for m in MISDEEDS])
def test_misdeeds_are_errors(new_host: Hosts, kind: str, code: str, words: str) -> None:
    host, share = new_host(), 50.0 if kind in ("NaN", "Silence") else 100.0
    with pytest.raises(PluginMisbehaved) as caught:
        through(host, "Test Trouble", noise(100_000), parameters={"trouble": kind}, mix_percent=share)
    assert caught.value.code == code
    assert "Test Trouble" in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint
    assert [notice.code for notice in host.notices] == ["plugin_retried"]
    assert host.given_up == []


@pytest.mark.parametrize("kind", ["NaN", "Crash", "Silence"])
def test_misdeeds_in_the_middle_of_a_song(new_host: Hosts, kind: str) -> None:
    host = new_host()
    step = step_of(host, "Test Trouble", parameters={"trouble": kind, "after": 2_000.0})
    stage = PluginStage(Audio(samples=noise(4 * RATE), sample_rate=RATE), step, host)
    if kind == "Silence":
        assert collected(stage)[:, 2 * RATE :].any() == np.False_
        (notice,) = host.notices
        assert notice.code == "plugin_dropout"
        assert "Test Trouble gave silence for 2.0 s from 2.0 s on" in notice.message
        return
    blocks = stage.blocks()
    with pytest.raises(PluginError):
        next(blocks)  # not even the good beginning comes out


def test_a_short_dropout_is_a_gate(new_host: Hosts) -> None:
    host = new_host()
    through(host, "Test Trouble", noise(2 * RATE), parameters={"trouble": "Silence", "after": 1_000.0})
    assert host.notices == []


@pytest.mark.parametrize("gain", [0.0, 1e-4])
def test_silence_from_next_to_nothing_is_fine(host: PluginHost, gain: float) -> None:
    given = noise(30_000) * np.float32(gain)
    assert not through(host, "Test Trouble", given, parameters={"trouble": "Silence"}).any()


def test_a_hang_is_not_tried_again(new_host: Hosts, remains: Remains) -> None:
    host = new_host(limits=WorkerLimits(load_s=20.0, answer_s=0.5))
    with pytest.raises(PluginTimedOut, match="Test Trouble"):
        through(host, "Test Trouble", noise(2_000), parameters={"trouble": "Hang"})
    assert host.notices == []
    host.close()
    remains.check()


def test_a_crash_is_tried_again_once(
    new_host: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remains: Remains
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    flag = tmp_path / "tonmeister-fixture-crash-once"
    flag.touch()
    host, given = new_host(), noise(100_000)
    assert np.array_equal(through(host, "Test Trouble", given, parameters={"trouble": "CrashOnce"}), given)
    assert not flag.exists()
    (notice,) = host.notices
    assert notice.code == "plugin_retried"
    assert "Test Trouble crashed (SIGSEGV)" in notice.message
    host.close()
    remains.check()


@pytest.mark.parametrize("kind", ["Crash", "Throw", "NaN", "Hang", "Abort"])
def test_bypass_goes_on_without_it(new_host: Hosts, remains: Remains, kind: str) -> None:
    limits = WorkerLimits(load_s=20.0, answer_s=0.7) if kind == "Hang" else LIMITS
    host = new_host(on_failure="bypass", limits=limits)
    given = noise(70_000)
    step = step_of(host, "Test Trouble", parameters={"trouble": kind})
    stage = PluginStage(Audio(samples=given, sample_rate=RATE), step, host, tail_frames=5)
    for _ in range(2):
        assert np.array_equal(collected(stage)[:, :-5], given)
    assert stage.bypassed
    assert host.given_up == [step]
    left_out = [notice for notice in host.notices if notice.code == "plugin_bypassed"]
    assert len(left_out) == 1
    assert left_out[0].message.startswith("Test Trouble was left out: the plug-in Test Trouble ")
    host.close()
    remains.check()


def test_a_neighbour_never_notices(new_host: Hosts) -> None:
    """Two plug-ins in one host at once: one dies in the middle of the other's song."""
    host, given = new_host(), noise(3 * BLOCK_FRAMES)
    good = PluginStage(Pieces(given, (BLOCK_FRAMES,)), step_of(host, "Test Latency"), host)

    class Disturbed(Pieces):
        def blocks(self) -> Iterator[Samples]:
            for number, block in enumerate(super().blocks()):
                if number == 1:
                    with pytest.raises(PluginCrashed):
                        through(host, "Test Trouble", noise(4_000), parameters={"trouble": "Crash"})
                yield block

    good = PluginStage(Disturbed(given, (BLOCK_FRAMES,)), step_of(host, "Test Latency"), host)
    assert np.array_equal(collected(good), given)


def test_a_source_that_fails_leaves_nothing(new_host: Hosts, remains: Remains) -> None:
    class Broken(Pieces):
        def blocks(self) -> Iterator[Samples]:
            yield self.samples[:, :BLOCK_FRAMES]
            raise OSError("the disk is gone")

    host = new_host()
    stage = PluginStage(Broken(noise(3 * BLOCK_FRAMES), (1,)), step_of(host, "Test Latency"), host)
    with pytest.raises(OSError, match="the disk is gone"):
        collected(stage)
    remains.check()


# Kept once


def test_the_plugin_runs_once(new_host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise is different each time: what is read twice is the same, so it was made once."""
    starts = []
    start = PluginProcess.start

    def counted(self: PluginProcess, *given: Any) -> int:
        starts.append(self)
        return start(self, *given)

    monkeypatch.setattr(PluginProcess, "start", counted)
    host, given = new_host(), noise(100_000)
    step = step_of(host, "Test Trouble", parameters={"trouble": "Noise"})
    stage = PluginStage(Audio(samples=given, sample_rate=RATE), step, host)
    first, second = collected(stage), collected(stage)
    assert np.array_equal(first, second)
    assert 0.001 < np.abs(first - given).max() < 0.011
    assert len(starts) == 1
    again = collected(PluginStage(Audio(samples=given, sample_rate=RATE), step, host))
    assert not np.array_equal(first, again)


def test_a_long_song_goes_to_a_file(
    host: PluginHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = noise(2 * BLOCK_FRAMES + 77)
    monkeypatch.setattr(spool_module, "MEMORY_BYTES", 1_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    through(host, "Test Latency", given)  # two warm processes are not needed: one is
    before = handles()
    stage = PluginStage(Audio(samples=given, sample_rate=RATE), step_of(host, "Test Latency"), host)
    first, second = stage.blocks(), stage.blocks()
    pairs = [np.array_equal(a, b) for a, b in zip(first, second, strict=True)]
    assert pairs == [True] * 3, "two readers at once"
    assert np.array_equal(collected(stage), given)
    assert handles() == before + 1
    assert list(tmp_path.iterdir()) == [], "a file without a name"
    del stage, first, second
    assert handles() == before


def test_a_failure_closes_the_file(
    new_host: Hosts, monkeypatch: pytest.MonkeyPatch, remains: Remains
) -> None:
    monkeypatch.setattr(spool_module, "MEMORY_BYTES", 1_000)
    host = new_host()
    with pytest.raises(PluginMisbehaved):
        through(host, "Test Trouble", noise(100_000), parameters={"trouble": "NaN", "after": 1_600.0})
    host.close()
    remains.check()


# In a chain

EQ = Equalizer(mid=(EqBand(frequency_hz=300.0, gain_db=-3.0),))
GLUE = Compressor(threshold_dbfs=-30.0, ratio=2.0)


def test_plugins_between_built_in_steps(host: PluginHost) -> None:
    audio = Audio(samples=noise(100_001), sample_rate=RATE)
    gain = step_of(host, "Test Latency", parameters={"gain": -6.0, "mode": "Warm"})
    echo = step_of(host, "Test Echo", parameters={"time": 20.0})
    steps: tuple[Step, ...] = (gain, EQ, echo, step_of(host, "Test Mono"), GLUE)
    rendered = Rendered(audio, steps, plugins=host)
    out = collected(rendered)
    by_hand = through(host, "Test Latency", audio.samples, parameters={"gain": -6.0, "mode": "Warm"})
    by_hand = render(Audio(samples=by_hand, sample_rate=RATE), (EQ,)).samples
    by_hand = through(host, "Test Echo", by_hand, parameters={"time": 20.0})
    by_hand = render(Audio(samples=by_hand, sample_rate=RATE), (GLUE,)).samples
    assert np.array_equal(out, by_hand)
    assert np.array_equal(out, collected(rendered)), "read again"


def test_a_plugin_that_changes_nothing_changes_nothing(host: PluginHost) -> None:
    audio = Audio(samples=noise(100_001), sample_rate=RATE)
    nothing = step_of(host, "Test Latency")
    between = Rendered(audio, (EQ, nothing, GLUE, nothing), plugins=host)
    plain = Rendered(audio, (EQ, GLUE))
    assert np.array_equal(collected(between), collected(plain))
    assert between.compressor_reduction_db == plain.compressor_reduction_db != {}


def test_compressors_on_both_sides_are_both_told(host: PluginHost) -> None:
    audio = Audio(samples=noise(70_000), sample_rate=RATE)
    rendered = Rendered(audio, (GLUE, step_of(host, "Test Latency"), GLUE), plugins=host)
    collected(rendered)
    assert len(rendered.compressor_reduction_db) == 2


def test_the_rate_of_delivery(host: PluginHost) -> None:
    audio = Audio(samples=noise(50_000), sample_rate=RATE)
    with_plugin = Rendered(audio, (step_of(host, "Test Latency"),), 48_000, host)
    assert with_plugin.sample_rate == 48_000
    assert np.array_equal(collected(with_plugin), collected(Rendered(audio, (), 48_000)))


# A plug-in that says what is not so


class Made:
    """A process that is none: it delays, holds back and swallows as it is told."""

    def __init__(self, *, says: int = 0, holds: int = 0, keeps: int = 10**9, chunk: int = 10**9) -> None:
        self.latency_frames, self.channels = says, 1
        self._held = np.zeros((1, 0), np.float32)
        self._skip, self._holds, self._left, self._chunk = says, holds, keeps, chunk
        self._waiting: list[Samples] = []
        self.abandoned = False

    def push(self, samples: Samples) -> None:
        assert len(self._waiting) < 2, "no more than two blocks are under way"
        self._waiting.append(samples.copy())

    def pull(self) -> Samples:
        self._held = np.concatenate([self._held, self._waiting.pop(0)], axis=1)
        count = max(0, min(self._held.shape[1] - self._holds, self._left, self._chunk))
        out, self._held = self._held[:, :count], self._held[:, count:]
        self._left -= count
        return out

    def abandon(self) -> None:
        self._waiting.clear()
        self.abandoned = True


def streamed(*processes: Made, frames: int = 10_000) -> Samples:
    given = noise(frames, channels=len(processes))
    watch = Watch("Made", RATE)
    parts = stream(
        processes,  # type: ignore[arg-type]
        iter(Pieces(given, (4_096,)).blocks()),
        channels=len(processes),
        frames=frames,
        watch=watch,
    )
    out = np.concatenate(list(parts), axis=1)
    assert np.array_equal(out, given)
    return out


def test_holding_back_more_than_said_is_forgiven() -> None:
    assert streamed(Made(holds=5_000)).shape == (1, 10_000)


def test_two_processes_out_of_step_are_joined() -> None:
    streamed(Made(), Made(holds=2_500))
    streamed(Made(chunk=3_000), Made(holds=900))


def test_too_little_is_an_error() -> None:
    process = Made(keeps=9_999)
    with pytest.raises(
        PluginMisbehaved, match="the plug-in Made gave 9999 frames where 10000 were wanted"
    ) as e:
        streamed(process)
    assert e.value.code == "plugin_short"
    assert process.abandoned


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(PluginMisbehaved, match="gave 0 frames where 10000 were wanted"):
        streamed(Made(keeps=0))


def test_too_little_through_the_host(new_host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = PluginProcess.pull
    monkeypatch.setattr(PluginProcess, "pull", lambda self: pull(self)[:, :100])
    host = new_host(limits=LIMITS)
    with pytest.raises(PluginMisbehaved, match="the plug-in Test Latency gave"):
        through(host, "Test Latency", noise(3_000))


# The watch itself


def watched(given: Samples, got: Samples, block: int = 1_000, rate: int = 8_000) -> list[str]:
    """Codes of what a watch says, or raises, in blocks of some size."""
    watch = Watch("W", rate)
    try:
        for start in range(0, given.shape[1], block):
            watch.give(given[:, start : start + block])
            watch.get(got[:, start : start + block])
        return [notice.code for notice in watch.finish()]
    except PluginMisbehaved as error:
        return [error.code]


@pytest.mark.parametrize("block", [1, 7, 799, 800, 801, 50_000])
def test_the_watch_does_not_depend_on_blocks(block: int) -> None:
    given = noise(5 * 8_000)
    gap = given.copy()
    gap[:, 8_000 : 3 * 8_000 + 1_600] = 0.0
    frames = 3_000 if block == 1 else given.shape[1]
    assert watched(given[:, :frames], given[:, :frames], block) == []
    if block > 1:
        assert watched(given, gap, block) == ["plugin_dropout"]
        assert watched(given, np.zeros_like(given), block) == ["plugin_silent"]
        subnormal = np.full_like(given, 1e-40)
        assert watched(given, subnormal, block) == ["plugin_subnormal"]
    assert watched(given[:, :frames], np.full((2, frames), np.nan, np.float32), block) == [
        "plugin_not_finite"
    ]


def test_one_bad_sample_is_enough() -> None:
    given = noise(8_000)
    for value in (np.nan, np.inf, -np.inf):
        bad = given.copy()
        bad[1, 7_999] = value
        assert watched(given, bad) == ["plugin_not_finite"]


def test_a_fade_into_subnormal_numbers_is_no_flood() -> None:
    given = noise(5 * 8_000)
    fade = given.copy()
    fade[:, 2 * 8_000 : 2 * 8_000 + 4_000] = 1e-40
    assert watched(given, fade) == []
