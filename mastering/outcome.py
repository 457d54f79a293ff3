"""What came of a run, written up: one report for each song."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mastering.assess import album_check, checks_of
from mastering.chain import MasteringChain, StemChains
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import as_rendered
from mastering.host.processors import CURVE_FRAMES
from mastering.host.render import Rendered
from mastering.intake import Reference, Song
from mastering.jobspec import MasterJob
from mastering.measure.envelope import STEP_S
from mastering.measure.features import Features
from mastering.notice import Notice
from mastering.pipeline import Held, Remixed
from mastering.ports import MatchResult
from mastering.report.model import Check, Curves, Report
from mastering.target import DeliverySpec, Recipe

__all__ = ["Decision", "Track", "Writeup", "curves_of"]

_LIBRARIES = ("tonmeister", "numpy", "scipy", "numba", "pedalboard", "soundfile", "soxr", "av")
_LIBRARIES_OF_STEMS = ("torch", "demucs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A song after the chain's steps: rendered anew for each pass, or held in memory.

    Args:
        song: the song.
        rendered, held: its sound.
        plugins: ran its external plug-ins.
    """

    song: Song
    rendered: Rendered
    held: Held
    plugins: PluginHost


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What all songs of a run share in their reports."""

    match: MatchResult | None = None
    album_lufs: float | None = None
    missed: tuple[Notice, ...] = ()
    stems: StemChains | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Writeup:
    """What a run knows that its reports need.

    Args:
        job: what was asked for.
        references: what was matched.
        plugins: has to tell what concerns all songs.
        remixed: the song whose stems were matched.
        album: songs share one decision.
        separated: a separator took the songs apart.
        seconds: per stage, so far.
    """

    job: MasterJob
    references: Sequence[Reference]
    plugins: PluginHost
    remixed: Remixed | None
    album: bool
    separated: bool
    seconds: Mapping[str, float]

    def report(
        self,
        track: Track,
        after: Features,
        digest: str,
        curves: Curves,
        chain: MasteringChain,
        decision: Decision,
    ) -> Report:
        """The report of one song.

        Args:
            track: the song.
            after: measurements of what was written.
            digest: SHA-256 of the written file; empty where nothing was written.
            curves: over time.
            chain: what was done.
            decision: what all songs share.
        """
        job, song, match = self.job, track.song, decision.match
        spec = replace(job.delivery, sample_rate=track.held.sample_rate)
        chain = replace(chain, steps=as_rendered(chain.steps, track.plugins))
        return Report(
            input_name=song.source.path.name,
            output_name=song.output.name,
            input_sha256=song.source.sha256,
            output_sha256=digest,
            reference_names=tuple(reference.path.name for reference in self.references),
            style=job.style.name if job.style else "",
            target=job.target.name if job.target else "",
            before=song.before,
            after=after,
            references=tuple(reference.features for reference in self.references),
            match=match,
            recipe=Recipe(chain=chain, delivery=spec, stems=self._stem_chains(decision, track.plugins)),
            checks=self._checks(after, spec, decision, song.source.duration_s),
            notices=(
                *song.notices,
                *self._own_notices(track),
                *dict.fromkeys((*self.plugins.notices, *track.plugins.notices)),
                *(self.remixed.match.notices if self.remixed else ()),
                *(match.notices if match else ()),
                *decision.missed,
            ),
            curves=curves,
            versions=dict(self._versions()),
            seconds=dict(self.seconds),
            stems=self.remixed.match if self.remixed else None,
        )

    def _checks(
        self, after: Features, spec: DeliverySpec, decision: Decision, duration_s: float
    ) -> tuple[Check, ...]:
        wanted_lufs = decision.match.integrated_lufs if decision.match is not None else None
        checks = checks_of(after, spec, None if self.album else wanted_lufs, duration_s)
        if self.album and wanted_lufs is not None and decision.album_lufs is not None:
            return (album_check(decision.album_lufs, wanted_lufs, spec), *checks)
        return checks

    def _stem_chains(self, decision: Decision, plugins: PluginHost) -> StemChains | None:
        """What the recipe says about stems: nothing where none of them changes."""
        chains = self.remixed.match.chains if self.remixed is not None else decision.stems
        if chains is None or not chains.chains:
            return None
        each = (replace(chain, steps=as_rendered(chain.steps, plugins)) for chain in chains.chains)
        return replace(chains, chains=tuple(each))

    def _versions(self) -> Iterator[tuple[str, str]]:
        for name in _LIBRARIES:
            yield name, importlib.metadata.version(name)
        for name in _LIBRARIES_OF_STEMS if self.separated else ():
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                yield name, importlib.metadata.version(name)

    def _own_notices(self, track: Track) -> Iterator[Notice]:
        rate, own = track.held.sample_rate, track.song.source.sample_rate
        if rate != own and self.job.delivery.sample_rate is None:
            yield Notice(
                code="rate_changed",
                message=f"{self.job.delivery.container} does not take {own} Hz; delivered at {rate} Hz.",
            )
        if track.song.source.sha256 in {reference.sha256 for reference in self.references}:
            yield Notice(
                code="reference_is_input",
                message="The reference is the input itself: only loudness and peaks can change.",
            )


def curves_of(track: Track, after_peak: tuple[float, ...], reduction_db: tuple[float, ...]) -> Curves:
    """A song's curves over time, compressors resampled to the steps of the others.

    Args:
        track: the song.
        after_peak: of what was written, per step.
        reduction_db: of the limiter, per step.
    """
    steps = STEP_S * np.arange(len(reduction_db) or len(track.song.envelope))
    curve_s = CURVE_FRAMES / track.song.source.sample_rate
    compressors = {
        name: tuple(np.interp(steps, curve_s * np.arange(len(values)), values).tolist())
        for name, values in track.rendered.compressor_reduction_db.items()
        if values
    }
    return Curves(
        step_s=STEP_S,
        before_peak=track.song.envelope,
        after_peak=after_peak,
        limiter_reduction_db=reduction_db,
        compressor_reduction_db=compressors,
    )
