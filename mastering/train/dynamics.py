"""The last stage: the compressors' numbers, learned through the exact twin and checked on real renders.

An excerpt goes through the compressors that the network asks for, rendered by
`mastering.match.twin` (the host's own recursion with its derivative), and comes out with a
crest in each band; the truth has another. Only the layers that give the compressors' numbers learn: tone and
width are as the first stage left them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mastering.audio import Audio
from mastering.chain import Compressor, LinearPhaseEq, MultibandCompressor, Width
from mastering.host.render import render
from mastering.match import bandwise
from mastering.match.density import KNEE_DB, Distribution
from mastering.match.evidence import Evidence, piece_of, weigh
from mastering.match.twin import measures
from mastering.match.twin.render import render as twin_render
from mastering.match.twin.steps import TwinStep
from mastering.measure.features import BAND_EDGES_HZ, analyse
from mastering.train import curves, degrade
from mastering.train.model import MatchNet

__all__ = ["Item", "draw_item", "fit_compressors", "judge", "load_item", "save_item"]

EXCERPT_S = 5.0
_IDLE = Compressor(threshold_dbfs=0.0, ratio=1.0, knee_db=KNEE_DB)
_PROTOTYPE = MultibandCompressor(crossovers_hz=BAND_EDGES_HZ, bands=(_IDLE,) * 4)
_EFFORT = 0.1
"""What a dB of mean gain reduction costs: compression that changes no crest is not worth its trace."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """One case with sound.

    Attributes:
        evidence: of the whole input and reference.
        excerpt: float32 [2, frames], a loud stretch of the input, 44.1 kHz.
        crest_db: of the same stretch of the truth [4].
        before_db: of the excerpt [4].
        kind: "follow", "undo" or "leave".
    """

    evidence: Evidence
    excerpt: npt.NDArray[np.float32]
    crest_db: npt.NDArray[np.float64]
    before_db: npt.NDArray[np.float64]
    kind: str


def draw_item(song: Audio, rng: np.random.Generator) -> Item:
    """A case from a finished song: its first half is the input, the second the reference, or the reverse.

    follow: a compressed reference, the input is to become like it; undo: the input was expanded;
    leave: the input differs in tone and width only.
    """
    half = song.frames // 2
    parts = [_part(song, 0, half), _part(song, half, song.frames)]
    own, other = parts if rng.random() < 0.5 else parts[::-1]
    kind = str(rng.choice(("follow", "undo", "leave"), p=(0.4, 0.25, 0.35)))
    if kind == "follow":
        family = str(rng.choice(("compress", "compress bands")))
        seed = int(rng.integers(1 << 31))
        source, truth, reference = own, *(_same(family, piece, seed) for piece in (own, other))
    elif kind == "undo":
        source, truth, reference = degrade.FAMILIES["expand"](own, rng), own, other
    else:
        source, truth, reference = own, own, other
    if rng.random() < 0.7:
        source = _toned(source, rng)
    evidence = weigh(piece_of(analyse(source)), [piece_of(analyse(reference))])
    start = _loudest(source)
    excerpt, goal = (
        _part(piece, start, start + round(EXCERPT_S * song.sample_rate)) for piece in (source, truth)
    )
    return Item(
        evidence=evidence,
        excerpt=excerpt.samples,
        crest_db=_crest(goal),
        before_db=_crest(excerpt),
        kind=kind,
    )


def save_item(item: Item, path: Path) -> None:
    """Write an item; the file appears whole or not at all. The excerpt is kept in 16 bits."""
    unfinished = path.with_suffix(".part.npz")
    peak = float(np.abs(item.excerpt).max()) + 1e-9
    evidence = {f"evidence.{name}": getattr(item.evidence, name) for name in Evidence.__slots__}
    np.savez(
        unfinished,
        excerpt=np.round(item.excerpt / peak * 32_767.0).astype(np.int16),
        peak=np.array(peak),
        crest_db=item.crest_db,
        before_db=item.before_db,
        kind=np.array(item.kind),
        **evidence,
    )
    unfinished.replace(path)


def load_item(path: Path) -> Item:
    """Read an item."""
    with np.load(path) as file:
        scale = np.float32(float(file["peak"]) / 32_767.0)
        return Item(
            evidence=Evidence(**{name: file[f"evidence.{name}"] for name in Evidence.__slots__}),
            excerpt=file["excerpt"].astype(np.float32) * scale,
            crest_db=file["crest_db"],
            before_db=file["before_db"],
            kind=str(file["kind"]),
        )


def fit_compressors(
    net: MatchNet,
    items: Sequence[Item],
    *,
    steps: int,
    seed: int,
    batch: int = 8,
    rate: float = 3e-3,
    watch: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train the layers of `net` that give compressors; the rest stays as it is."""
    rng = np.random.default_rng(seed)
    net.eval()
    learning = [*net.compressor.parameters(), *net.compressor_out.parameters()]
    optimiser = torch.optim.Adam(learning, lr=rate)
    for step in range(steps):
        chosen = [items[int(i)] for i in rng.integers(0, len(items), batch)]
        loss = _loss(net, chosen)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        watch(step, loss.item())


def judge(net: MatchNet, items: Sequence[Item]) -> dict[str, tuple[float, float]]:
    """Median crest error in dB before and after, by kind, on renders of the host."""
    errors: dict[str, list[tuple[float, float]]] = {}
    net.eval()
    for item in items:
        with torch.no_grad():
            places = net(_batch([item]))["compressor"][0].numpy()
        before = float(np.abs(item.before_db - item.crest_db).mean())
        after = float(np.abs(_crest(_rendered(item, places)) - item.crest_db).mean())
        errors.setdefault(item.kind, []).append((before, after))
    return {
        kind: (float(np.median([b for b, _ in rows])), float(np.median([a for _, a in rows])))
        for kind, rows in errors.items()
    }


def _loss(net: MatchNet, items: Sequence[Item]) -> Tensor:
    places = net(_batch(items))["compressor"].double()
    samples = torch.from_numpy(np.stack([item.excerpt for item in items]))
    with torch.no_grad():
        medians = measures.band_levels(samples, 44_100).percentiles_db[..., 1].double()
    step = TwinStep(step=_PROTOTYPE, values=_values(places, medians))
    levels = measures.band_levels(twin_render(samples, [step], 44_100), 44_100)
    before = torch.from_numpy(np.stack([item.before_db for item in items]))
    truth = torch.from_numpy(np.stack([item.crest_db for item in items]))
    # More crest than the input's is no compressor's to give.
    goal = torch.minimum(truth, before)
    error = torch.nn.functional.smooth_l1_loss(levels.crest_db.double(), goal, beta=1.0)
    loss: Tensor = error + _EFFORT * (places[..., 1] * (medians > -90.0)).mean()
    return loss


def _values(places: Tensor, medians_db: Tensor) -> dict[str, Tensor]:
    """The numbers of `match.bandwise.compressor_from` as tensors [batch, 4]."""

    def at(index: int, low: float, high: float) -> Tensor:
        return low + (high - low) * places[..., index]

    threshold, ratio = bandwise.THRESHOLD_OVER_MEDIAN, bandwise.RATIO
    attack, release = bandwise.ATTACK_LOG_MS, bandwise.RELEASE_LOG_MS
    return {
        "threshold_dbfs": (medians_db + at(0, threshold.low, threshold.high)).clamp(-80.0, 0.0),
        "ratio": at(1, ratio.low, ratio.high),
        "attack_ms": at(2, attack.low, attack.high).exp(),
        "release_ms": at(3, release.low, release.high).exp(),
    }


def _rendered(item: Item, places: npt.NDArray[np.float32]) -> Audio:
    """The excerpt through the compressors, by the host."""
    audio = Audio(samples=item.excerpt, sample_rate=44_100)
    percentiles = analyse(audio).level_percentiles_db
    bands = [
        bandwise.compressor_from(row, Distribution.from_percentiles(levels), 24.0) or _IDLE
        for row, levels in zip(places, percentiles, strict=True)
    ]
    return render(audio, (MultibandCompressor(crossovers_hz=BAND_EDGES_HZ, bands=tuple(bands)),))


def _batch(items: Sequence[Item]) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(np.stack([getattr(item.evidence, name) for item in items]))
        for name in Evidence.__slots__
    }


def _same(family: str, audio: Audio, seed: int) -> Audio:
    """The same settings for two pieces of one loudness: draws restart from the seed."""
    return degrade.FAMILIES[family](audio, np.random.default_rng(seed))


def _toned(audio: Audio, rng: np.random.Generator) -> Audio:
    points = tuple(round(float(f), 2) for f in curves.CENTRES_HZ)
    mid = tuple(np.clip(curves.tone(rng), -60.0, 18.0).tolist())
    side = tuple(np.clip(curves.width(rng), -60.0, 18.0).tolist())
    return render(
        audio,
        (
            LinearPhaseEq(frequencies_hz=points, mid_gain_db=mid, side_gain_db=mid),
            Width(frequencies_hz=points, side_gain_db=side),
        ),
    )


def _part(audio: Audio, start: int, stop: int) -> Audio:
    return Audio(samples=np.ascontiguousarray(audio.samples[:, start:stop]), sample_rate=audio.sample_rate)


def _loudest(audio: Audio) -> int:
    """Start of the loudest stretch of EXCERPT_S, in frames."""
    hop = audio.sample_rate // 4
    power = (
        np.square(audio.samples[:, : audio.frames - audio.frames % hop])
        .sum(axis=0)
        .reshape(-1, hop)
        .sum(axis=1)
    )
    count = min(len(power), round(4 * EXCERPT_S))
    return int(np.convolve(power, np.ones(count), mode="valid").argmax()) * hop


def _crest(audio: Audio) -> npt.NDArray[np.float64]:
    return np.asarray(np.nan_to_num(np.array(analyse(audio).crest_db), neginf=0.0))
