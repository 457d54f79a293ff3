"""The pipeline: sources of audio and measurements in, limited audio and a chain out.

No files and no clock here; `mastering.delivery` adds both. One song is an album of one: all
songs of a call share one chain and one limiter gain, so their relative levels are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mastering.audio import BLOCK_FRAMES, Audio, AudioSource, Samples
from mastering.chain import Limiter, MasteringChain
from mastering.dsp.limiter import LimiterCore, predict_reduction, times
from mastering.host.render import Rendered, reblock
from mastering.match.level import LimiterPlan, Survey, Surveyor, plan_limiter
from mastering.measure.chunks import joined as joined_chunks
from mastering.measure.features import Features, analyse
from mastering.measure.loudness import KPower, gated_loudness
from mastering.measure.peaks import TruePeakMeter
from mastering.ports import MatchRequest, MatchResult, find_matcher
from mastering.prefetch import prefetched
from mastering.stemwise.hearing import TakenApart
from mastering.stemwise.matching import match_stems
from mastering.stemwise.resum import Resummed
from mastering.stemwise.values import StemsMatch
from mastering.target import DeliverySpec
from mastering.units import gain_to_db

__all__ = [
    "HOLD_BYTES",
    "Held",
    "LevelLoop",
    "Levels",
    "Limited",
    "Mastered",
    "Remixed",
    "album_features",
    "album_lufs",
    "level_loop",
    "load_kernels",
    "loudest_stretch",
    "master",
    "remix",
]

HOLD_BYTES = 192 * 1024 * 1024
"""Rendered audio up to this size is kept in memory between passes; longer music is rendered again."""

LOUDNESS_TOLERANCE_LU = 0.03
PEAK_TOLERANCE_DB = 0.02
ALBUM_TOLERANCE_LU = 0.1
MAX_PASSES = 4
MAX_PASSES_OVER_THE_CEILING = 8


class Held:
    """A source whose blocks are kept in memory on the first pass where they fit into `budget_bytes`."""

    def __init__(self, source: AudioSource, budget_bytes: int = HOLD_BYTES) -> None:
        self._source = source
        self._fits = 4 * source.channels * source.frames <= budget_bytes
        self._blocks: list[Samples] | None = None
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames

    def blocks(self) -> Iterator[Samples]:
        """The source's blocks."""
        if self._blocks is not None:
            yield from self._blocks
            return
        kept: list[Samples] = []
        for block in prefetched(self._source.blocks()):
            if self._fits:
                kept.append(block)
            yield block
        if self._fits:
            self._blocks = kept


def survey_all(
    sources: Sequence[AudioSource], progress: Callable[[float], None] = lambda _: None
) -> list[Survey]:
    """Render each source once and keep what the limiter's plan needs."""
    surveys = []
    total = max(1, sum(source.frames for source in sources))
    done = 0
    for source in sources:
        surveyor = Surveyor(source.sample_rate, source.channels)
        for block in source.blocks():
            surveyor.push(block)
            done += block.shape[1]
            progress(done / total)
        surveys.append(surveyor.result())
    return surveys


class Limited:
    """A source after the limiter; keeps the deepest gain reduction of each step for the report.

    Args:
        source: rendered audio.
        limiter: its settings.
        step_frames: length of one step of `reduction_db`.
    """

    def __init__(self, source: AudioSource, limiter: Limiter, step_frames: int) -> None:
        self._source = source
        self._limiter = limiter
        self._step = step_frames
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.frames = source.frames
        self.reduction_db: list[float] = []

    def blocks(self) -> Iterator[Samples]:
        """Limited blocks; `reduction_db` is complete after the last one."""
        yield from reblock(self._parts())

    def _parts(self) -> Iterator[Samples]:
        self.reduction_db = []
        pending = np.empty(0, dtype=np.float32)
        core = LimiterCore(
            input_gain_db=self._limiter.input_gain_db,
            ceiling_dbtp=self._limiter.ceiling_dbtp,
            lookahead_ms=self._limiter.lookahead_ms,
            release_ms=self._limiter.release_ms,
            sample_rate=self.sample_rate,
            channels=self.channels,
        )
        for block in self._source.blocks():
            yield core.process(block)
            pending = self._note(np.concatenate([pending, core.gains]))
        yield core.flush()
        self._note(np.concatenate([pending, core.gains]), last=True)

    def _note(self, gains: Samples, *, last: bool = False) -> Samples:
        whole = len(gains) // self._step * self._step
        for low in gains[:whole].reshape(-1, self._step).min(axis=1) if whole else ():
            self.reduction_db.append(gain_to_db(float(low)))
        if last and len(gains) > whole:
            self.reduction_db.append(gain_to_db(float(gains[whole:].min())))
        return gains[whole:]


class Levels:
    """Loudness and true peak of one limited song, measured on the way to the file."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._power = KPower(sample_rate, channels, max(1, sample_rate // 10))
        self._peaks = TruePeakMeter(channels)
        self._powers: list[np.typing.NDArray[np.float64]] = []

    def watch(self, source: AudioSource) -> Iterator[Samples]:
        """The source's blocks, computed ahead in a thread and measured as they pass."""
        for block in prefetched(source.blocks()):
            self._powers.append(self._power.push(block))
            self._peaks.push(block)
            yield block

    @property
    def powers_100ms(self) -> np.typing.NDArray[np.float64]:
        return np.concatenate([np.zeros(0), *self._powers])

    @property
    def integrated_lufs(self) -> float:
        return gated_loudness(self.powers_100ms)

    @property
    def true_peak_dbtp(self) -> float:
        return self._peaks.result().true_peak_dbtp


def album_lufs(songs: Sequence[Levels]) -> float:
    """Integrated loudness of songs played one after the other."""
    return gated_loudness(np.concatenate([song.powers_100ms for song in songs]))


@dataclass(slots=True, kw_only=True)
class LevelLoop:
    """Closes in on loudness and ceiling: plan, deliver, measure, plan again.

    Args:
        surveys: of the rendered songs that share one gain.
        limiter: its times.
        wanted_lufs, plr_db, delivery, max_reduction_db: as `plan_limiter` takes them.
        before_lufs: loudness of each song before mastering; its differences are kept. Empty for one song.
    """

    surveys: Sequence[Survey]
    limiter: Limiter
    wanted_lufs: float | None
    plr_db: float | None
    delivery: DeliverySpec
    max_reduction_db: float
    before_lufs: Sequence[float] = ()
    _trims_db: list[float] = field(default_factory=list, init=False)
    _offset_lu: float = field(default=0.0, init=False)
    _margin_db: float = field(default=0.0, init=False)
    _passes: int = field(default=0, init=False)

    def plan(self) -> LimiterPlan:
        """Settings for the next pass."""
        self._passes += 1
        return plan_limiter(
            [survey.trimmed(self.trim_db(song)) for song, survey in enumerate(self.surveys)],
            self.limiter,
            wanted_lufs=self.wanted_lufs,
            plr_db=self.plr_db,
            ceiling_dbtp=self.delivery.ceiling_dbtp - self._margin_db,
            max_reduction_db=self.max_reduction_db,
            offset_lu=self._offset_lu,
        )

    def trim_db(self, song: int) -> float:
        """Gain of one song on top of the plan's, so that compressing does not change relative levels."""
        return self._trims_db[song] if self._trims_db else 0.0

    def limiter_of(self, plan: LimiterPlan, song: int) -> Limiter:
        """The plan's limiter with the song's own trim."""
        gain_db = plan.limiter.input_gain_db + self.trim_db(song)
        return replace(plan.limiter, input_gain_db=round(gain_db, 4))

    def settled(self, plan: LimiterPlan, songs: Sequence[Levels], file_peak_dbtp: float = -np.inf) -> bool:
        """Whether a pass is good enough (or the last one allowed); learns from its error otherwise.

        Args:
            plan: of the pass.
            songs: what was measured on the way.
            file_peak_dbtp: highest true peak of the written files, where these are known already.
        """
        integrated_lufs = album_lufs(songs)
        true_peak_dbtp = max(file_peak_dbtp, *(song.true_peak_dbtp for song in songs))
        over_db = true_peak_dbtp - self.delivery.ceiling_dbtp
        miss_lu = 0.0 if self.wanted_lufs is None else integrated_lufs - plan.predicted_lufs
        if not np.isfinite(miss_lu):
            miss_lu = 0.0
        drift_db = self._drift(songs)
        good = abs(miss_lu) <= LOUDNESS_TOLERANCE_LU and max(map(abs, drift_db)) <= ALBUM_TOLERANCE_LU
        last = MAX_PASSES_OVER_THE_CEILING if over_db > PEAK_TOLERANCE_DB else MAX_PASSES
        if self._passes >= last or (good and over_db <= PEAK_TOLERANCE_DB):
            return True
        if self.before_lufs:
            self._trims_db = [self.trim_db(i) - drift for i, drift in enumerate(drift_db)]
        if over_db > PEAK_TOLERANCE_DB:
            self._margin_db += over_db + 0.5 * PEAK_TOLERANCE_DB
        self._offset_lu += miss_lu
        return False

    def _drift(self, songs: Sequence[Levels]) -> list[float]:
        """How far each song's change of loudness lies from the mean change."""
        if not self.before_lufs:
            return [0.0]
        after = [gated_loudness(song.powers_100ms) for song in songs]
        change = np.array(after) - np.array(self.before_lufs)
        return [float(drift) for drift in change - change.mean()]


def album_features(songs: Sequence[Features]) -> Features:
    """One set of measurements for several songs, weighted by duration: what an album is decided on."""
    if len(songs) == 1:
        return songs[0]
    weights = np.array([song.duration_s for song in songs])
    weights = weights / weights.sum()

    def power(name: str) -> tuple[float, ...]:
        levels = np.array([getattr(song, name) for song in songs])
        mean = np.tensordot(weights, 10.0 ** (levels / 10.0), axes=1)
        with np.errstate(divide="ignore"):
            return tuple(np.ravel(10.0 * np.log10(mean)).tolist())

    def mean(name: str) -> tuple[float, ...]:
        return tuple(np.tensordot(weights, np.array([getattr(s, name) for s in songs]), axes=1).tolist())

    lufs = power("integrated_lufs")[0]
    peak = max(song.true_peak_dbtp for song in songs)
    mid, side = power("band_levels_mid_db"), power("band_levels_side_db")
    return replace(
        songs[0],
        integrated_lufs=lufs,
        true_peak_dbtp=peak,
        plr_db=float(weights @ [song.plr_db for song in songs]),
        crest_db=mean("crest_db"),
        level_percentiles_db=tuple(
            tuple(row)
            for row in np.tensordot(weights, [s.level_percentiles_db for s in songs], axes=1).tolist()
        ),
        band_levels_mid_db=mid,
        band_levels_side_db=side,
        bandwidth_hz=max(song.bandwidth_hz for song in songs),
        noise_floor_dbfs=min(song.noise_floor_dbfs for song in songs),
        duration_s=sum(song.duration_s for song in songs),
        sample_rate=min(song.sample_rate for song in songs),
        channels=max(song.channels for song in songs),
        chunks=joined_chunks([song.chunks for song in songs]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mastered:
    """What `master` gives back: the audio, the chain that made it, and what the matcher said."""

    audio: Audio
    chain: MasteringChain
    match: MatchResult
    before: Features
    after: Features


def master(source: AudioSource, request: MatchRequest, *, matcher: str = "learned") -> Mastered:
    """Master audio in memory, at the rate the request's delivery asks for; no dither, no file.

    Args:
        source: mono or stereo audio, at least 0.4 s.
        request: what is asked for; `request.features` are the source's.
        matcher: name of a registered matcher.
    """
    result = find_matcher(matcher).match(request)
    rendered = Held(Rendered(source, result.chain.steps, request.delivery.sample_rate))
    loop = level_loop([rendered], result, request.delivery)
    while True:
        plan = loop.plan()
        levels = Levels(rendered.sample_rate, rendered.channels)
        blocks = list(levels.watch(Limited(rendered, plan.limiter, BLOCK_FRAMES)))
        if loop.settled(plan, [levels]):
            break
    audio = Audio(samples=np.concatenate(blocks, axis=1), sample_rate=rendered.sample_rate)
    return Mastered(
        audio=audio,
        chain=replace(result.chain, limiter=plan.limiter),
        match=result,
        before=request.features,
        after=analyse(audio),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remixed:
    """A recording whose stems were matched, before it is mastered.

    Attributes:
        source: the recording plus what was changed of its stems; the recording itself where nothing was.
        features: of that, measured again.
        match: what was wanted and done for each stem.
    """

    source: AudioSource
    features: Features
    match: StemsMatch


def remix(
    source: AudioSource,
    heard: TakenApart,
    request: MatchRequest,
    *,
    matcher: str = "learned",
    measure: Callable[[AudioSource], Features] = analyse,
) -> Remixed:
    """Match the stems of a recording to those of the references, and sum it again.

    Args:
        source: the recording; `request.features` are its measurements.
        heard: its stems, and measurements of all stems.
        request: what is asked for of the whole.
        matcher: name of a registered matcher.
        measure: measures the sum; it renders every changed stem.
    """
    match = match_stems(heard.own, heard.references, request, matcher)
    if not match.chains.chains:
        return Remixed(source=source, features=request.features, match=match)
    summed = Held(Resummed(source, heard.separated.parts, match.chains.chains), HOLD_BYTES)
    return Remixed(source=summed, features=measure(summed), match=match)


def loudest_stretch(source: AudioSource, features: Features, seconds: float = 10.0) -> Audio:
    """The stretch of a piece with the highest mean of its short-term loudness, or all of a shorter piece.

    Args:
        source: the piece.
        features: its measurements.
        seconds: length of the stretch.
    """
    # A short-term window is 3 s long and there is one a second: this many lie inside a stretch.
    inside = max(1, round(seconds) - 2)
    powers = 10.0 ** (np.asarray(features.short_term_lufs) / 10.0)
    first = 0
    if len(powers) > inside:
        first = int(np.convolve(powers, np.ones(inside), mode="valid").argmax()) * source.sample_rate
        first = min(first, max(0, source.frames - round(seconds * source.sample_rate)))
    last = min(source.frames, first + round(seconds * source.sample_rate))
    parts, start = [], 0
    for block in source.blocks():
        parts.append(block[:, max(0, first - start) : max(0, last - start)])
        start += block.shape[1]
        if start >= last:
            break
    return Audio(samples=np.concatenate(parts, axis=1), sample_rate=source.sample_rate)


def load_kernels() -> None:
    """Call every compiled kernel of the pipeline once, on a moment of silence.

    Loading them from the cache takes 0.3 s of one core; called while decoders start and another
    thread measures, that costs no time.
    """
    silence = Audio(samples=np.zeros((2, 4_096), dtype=np.float32), sample_rate=44_100)
    analyse(silence)
    survey_all([silence])
    predict_reduction(np.zeros(8, dtype=np.float32), 0.0, 0.0, times(1.5, 80.0, 44_100, 63.0))
    for _ in Levels(44_100, 2).watch(Limited(silence, Limiter(), 4_096)):
        pass


def level_loop(
    rendered: Sequence[AudioSource],
    result: MatchResult,
    delivery: DeliverySpec,
    before_lufs: Sequence[float] = (),
    progress: Callable[[float], None] = lambda _: None,
) -> LevelLoop:
    """Survey the rendered songs (their first pass) and set up the loop for what the matcher asks.

    Args:
        rendered: one song, or all of an album.
        result: of the matcher.
        delivery: the ceiling.
        before_lufs: of an album's songs, whose differences are to be kept; empty for one song.
        progress: called with the share that is rendered.
    """
    return LevelLoop(
        surveys=survey_all(rendered, progress),
        limiter=result.chain.limiter or Limiter(),
        wanted_lufs=result.integrated_lufs,
        plr_db=result.plr_db,
        delivery=delivery,
        max_reduction_db=result.max_limiter_reduction_db,
        before_lufs=before_lufs,
    )
