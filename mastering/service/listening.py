"""What the desk's processes do: peaks, analyses, copies for browsers, curves of gain, previews.

These functions run in processes of their own; each that writes gives its file its name when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mastering.audio import Audio
    from mastering.host.plugins.host import PluginHost
    from mastering.target import Recipe

__all__ = [
    "PEAK_FRAMES",
    "adjusted_limiter",
    "host_of",
    "preview",
    "read_peaks",
    "write_analysis",
    "write_gain_reduction",
    "write_listen",
    "write_peaks",
]

PEAK_FRAMES = 256
_HELD_BYTES = 512 * 2**20
_HELD_SURVEYS = 8


def write_peaks(output: Path, source: Path) -> None:
    """Lowest and highest sample of every PEAK_FRAMES: JSON, then 16-bit float [channels, 2, steps]."""
    from mastering.io.atomic import AtomicFile
    from mastering.io.files import open_source

    lows: list[npt.NDArray[np.float32]] = []
    highs: list[npt.NDArray[np.float32]] = []
    with open_source(source, downmix=True, cache_bytes=0) as audio:
        for block in audio.blocks():
            short = -block.shape[1] % PEAK_FRAMES
            padded = np.pad(block, ((0, 0), (0, short)), mode="edge") if short else block
            steps = padded.reshape(block.shape[0], -1, PEAK_FRAMES)
            lows.append(steps.min(axis=2))
            highs.append(steps.max(axis=2))
        known = {"sample_rate_hz": audio.sample_rate, "frames": audio.frames, "channels": audio.channels}
    empty = np.zeros((known["channels"], 0), dtype=np.float32)
    both = np.stack([np.concatenate([empty, *parts], axis=1) for parts in (lows, highs)], axis=1)
    file = AtomicFile(output, force=True)
    try:
        with file.temporary.open("wb") as stream:
            stream.write(json.dumps(known).encode("ascii") + b"\n")
            stream.write(both.astype("<f2").tobytes())
        file.commit()
    finally:
        file.discard()


def read_peaks(path: Path, points: int) -> dict[str, Any]:
    """The peaks of a file, in as many steps as asked for, or as there are."""
    with path.open("rb") as stream:
        known = json.loads(stream.readline())
        values = np.frombuffer(stream.read(), "<f2").astype(np.float32)
    both = values.reshape(known["channels"], 2, -1)
    steps = both.shape[2]
    if points < steps:
        edges = np.linspace(0, steps, points, endpoint=False).astype(np.int64)
        lows = np.minimum.reduceat(both[:, 0], edges, axis=1)
        highs = np.maximum.reduceat(both[:, 1], edges, axis=1)
        both = np.stack([lows, highs], axis=1)
    pairs = both.transpose(0, 2, 1).reshape(known["channels"], -1)
    return {
        "sample_rate_hz": known["sample_rate_hz"],
        "duration_s": known["frames"] / known["sample_rate_hz"],
        "channels": [[round(float(value), 4) for value in channel] for channel in pairs],
    }


def write_analysis(output: Path, source: Path) -> None:
    """Every measurement of a file, and its loudness over time and spectrum for plots."""
    from mastering.codec import to_plain
    from mastering.delivery import analyse_file
    from mastering.io.files import write_text_atomic
    from mastering.measure.features import THIRD_OCTAVES_HZ

    features, notices = analyse_file(source, downmix=True)
    plain = to_plain(features)
    del plain["chunks"]
    document = {
        **plain,
        "short_term": {"step_s": 1.0, "first_s": 3.0, "lufs": plain.pop("short_term_lufs")},
        "spectrum": {
            "frequencies_hz": [round(f, 2) for f in THIRD_OCTAVES_HZ],
            "mid_db": plain["band_levels_mid_db"],
            "side_db": plain["band_levels_side_db"],
        },
        "width_db": plain["side_to_mid_db"],
        "notices": to_plain(notices),
    }
    write_text_atomic(output, json.dumps(document), force=True)


def write_listen(output: Path, source: Path) -> None:
    """A copy in 32-bit float wav, the rate and length of its source, to be played by any browser."""
    from mastering.io.files import open_source
    from mastering.service.wave import write_float_wav

    with open_source(source, downmix=True, cache_bytes=0) as audio:
        write_float_wav(output, audio)


def write_gain_reduction(
    output: Path, source: Path, recipe: Mapping[str, Any], policy: Mapping[str, Any]
) -> None:
    """What limiter and compressors of a recipe do to a song over time."""
    from mastering.io.files import write_text_atomic
    from mastering.measure.envelope import STEP_S
    from mastering.service.recipes import recipe_of

    with host_of(policy) as host:
        limiter_db, compressor_db = _reductions(_song(source), recipe_of(recipe), host)
    names = list(compressor_db)
    deepest = [min(values) for values in zip(*compressor_db.values(), strict=False)] if names else []
    document = {
        "step_s": STEP_S,
        "limiter_db": limiter_db,
        "compressor_db": deepest,
        "compressor_bands_db": compressor_db,
    }
    write_text_atomic(output, json.dumps(document), force=True)


def _reductions(song: Audio, recipe: Recipe, host: PluginHost) -> tuple[list[float], dict[str, list[float]]]:
    from mastering.host.processors import CURVE_FRAMES
    from mastering.host.render import Rendered
    from mastering.io.encoders import nearest_rate
    from mastering.measure.envelope import STEP_S
    from mastering.pipeline import Limited

    rate = recipe.delivery.sample_rate or nearest_rate(recipe.delivery.container, song.sample_rate)
    rendered = Rendered(song, recipe.chain.steps, rate, host)
    limited = None
    if recipe.chain.limiter is not None:
        limited = Limited(rendered, recipe.chain.limiter, round(STEP_S * rate))
    for _ in (limited or rendered).blocks():
        pass
    limiter_db = [round(value, 3) for value in limited.reduction_db] if limited is not None else []
    at_s = STEP_S * np.arange(max(len(limiter_db), int(song.frames / song.sample_rate / STEP_S)))
    curve_s = CURVE_FRAMES / song.sample_rate
    compressor_db = {
        name: np.round(np.interp(at_s, curve_s * np.arange(len(values)), values), 3).tolist()
        for name, values in rendered.compressor_reduction_db.items()
        if values
    }
    return limiter_db, compressor_db


def preview(
    source: Path, recipe: Mapping[str, Any], policy: Mapping[str, Any], start_s: float, duration_s: float
) -> dict[str, Any]:
    """A stretch of a master: the bytes of a 32-bit float wav, and its measurements."""
    from mastering.service.recipes import recipe_of
    from mastering.service.wave import float_wav
    from mastering.stretch import stretch_of

    with host_of(policy) as host:
        stretch = stretch_of(
            _song(source), recipe_of(recipe), start_s=start_s, duration_s=duration_s, plugins=host
        )
    return {
        "wav": float_wav(stretch.audio),
        "frames": stretch.audio.frames,
        "integrated_lufs": stretch.integrated_lufs,
        "true_peak_dbtp": stretch.true_peak_dbtp,
    }


def adjusted_limiter(
    source: Path,
    recipe: Mapping[str, Any],
    policy: Mapping[str, Any],
    integrated_lufs: float,
    ceiling_dbtp: float,
) -> dict[str, Any]:
    """The limiter that brings a song through a recipe's steps to a loudness, as plain values."""
    from mastering.chain import Limiter
    from mastering.codec import to_plain
    from mastering.service.recipes import recipe_of
    from mastering.stretch import fitted_limiter, survey_of

    read = recipe_of(recipe)
    key = (str(source), json.dumps(to_plain(read.chain.steps), sort_keys=True), read.delivery.sample_rate)
    with _held:
        survey = _surveys.get(key)
    if survey is None:
        with host_of(policy) as host:
            survey = survey_of(_song(source), read, host)
        with _held:
            _surveys[key] = survey
            while len(_surveys) > _HELD_SURVEYS:
                _surveys.popitem(last=False)
    limiter = fitted_limiter(
        survey, read.chain.limiter or Limiter(), integrated_lufs=integrated_lufs, ceiling_dbtp=ceiling_dbtp
    )
    plain: dict[str, Any] = to_plain(limiter)
    return plain


_held = threading.Lock()
_songs: OrderedDict[Path, Audio] = OrderedDict()
_surveys: OrderedDict[Any, Any] = OrderedDict()


def _song(source: Path) -> Audio:
    """A decoded song; the last ones are kept as far as they fit."""
    from mastering.io.files import open_source

    with _held:
        if source in _songs:
            _songs.move_to_end(source)
            return _songs[source]
    with open_source(source, downmix=True) as opened:
        song = opened.audio()
    with _held:
        _songs[source] = song
        while len(_songs) > 1 and sum(each.samples.nbytes for each in _songs.values()) > _HELD_BYTES:
            _songs.popitem(last=False)
    return song


_hosts: dict[str, PluginHost] = {}


def host_of(policy: Mapping[str, Any]) -> contextlib.AbstractContextManager[PluginHost]:
    """The host of a policy; its plug-ins stay loaded from one preview to the next, until another comes."""
    from mastering.codec import from_plain
    from mastering.host.plugins.catalog import catalog_file
    from mastering.host.plugins.host import PluginHost
    from mastering.host.plugins.policy import Policy
    from mastering.host.plugins.values import WorkerLimits

    scanned = catalog_file()
    key = json.dumps([policy, scanned.stat().st_mtime_ns if scanned.exists() else 0], sort_keys=True)
    with _held:
        if key not in _hosts:
            for former in _hosts.values():
                former.close()
            _hosts.clear()
            limits = WorkerLimits(network=False)
            _hosts[key] = PluginHost(policy=from_plain(Policy, policy, "policy"), limits=limits)
        return contextlib.nullcontext(_hosts[key].for_one())
