"""FFmpeg's ebur128 filter as the second opinion on real music: integrated loudness and loudness range.

It looks at the 3 s windows ten times a second as we do (libebur128 looks once a second). Pieces
under 20 s are left out: FFmpeg counts windows that are not full yet, which are a large part of
those. At 16 kHz both FFmpeg and libebur128 keep the unnormalised 48 kHz numerator of the K
high-pass and read 0.08 LU high, so speech at 16 kHz is compared after resampling to 48 kHz.
"""

from __future__ import annotations

from pathlib import Path

import av
import av.filter
import numpy as np
import soundfile
import soxr

from mastering.audio import Audio
from mastering.measure.features import analyse

MIN_DURATION_S = 20.0


def _ebur128(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Integrated loudness in LUFS and loudness range in LU of [channels, frames]."""
    layout = "stereo" if len(samples) == 2 else "mono"
    graph = av.filter.Graph()
    source = graph.add(
        "abuffer", f"sample_rate={rate}:sample_fmt=fltp:channel_layout={layout}:time_base=1/{rate}"
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    last: dict[str, str] = {}
    for start in range(0, samples.shape[1] + rate, rate):
        part = np.ascontiguousarray(samples[:, start : start + rate])
        if part.shape[1]:
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            source.push(frame)
        else:
            source.push(None)
        last = _drain(sink) or last
    return float(last["lavfi.r128.I"]), float(last["lavfi.r128.LRA"])


def _drain(sink: av.filter.context.FilterContext) -> dict[str, str]:
    last: dict[str, str] = {}
    while True:
        try:
            last = dict(sink.pull().metadata) or last
        except (av.error.BlockingIOError, av.error.EOFError):
            return last


def test_loudness_and_range_of_every_piece(music_dir: Path) -> None:
    compared = 0
    for path in sorted(music_dir.rglob("*.ogg")):
        if soundfile.info(path).duration < MIN_DURATION_S:
            continue
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if not samples.any():
            continue
        if rate < 44_100:
            samples, rate = soxr.resample(samples, rate, 48_000, "VHQ"), 48_000
        audio = Audio(samples=np.ascontiguousarray(samples.T), sample_rate=rate)
        lufs, lra = _ebur128(audio.samples, rate)
        ours = analyse(audio)
        assert abs(ours.integrated_lufs - lufs) < 0.05, path.name
        assert abs(ours.loudness_range_lu - lra) < 0.2, path.name
        compared += 1
    assert compared >= 15
