"""Delivery: files in, a measured master with its recipe and report out.

Rate, dither, encode, verify from the encoded file, tag, rename. Nothing appears under its
real name before the whole master has been written and measured.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mastering import codec
from mastering.assess import checks_of, input_notices, missed_notices, refuse_unmeasurable
from mastering.audio import AudioSource
from mastering.chain import MasteringChain
from mastering.errors import AudioFileError
from mastering.host.render import Rendered
from mastering.io.encoders import nearest_rate
from mastering.io.files import FileSource, open_source, sha256, write_text_atomic
from mastering.io.metadata import Metadata
from mastering.io.tags import read_metadata
from mastering.io.writer import Writer, open_writer
from mastering.jobspec import MasterJob, Progress, ignore_progress
from mastering.library import reference_limits
from mastering.measure.envelope import STEP_S, Envelope
from mastering.measure.features import Features, analyse
from mastering.notice import Notice
from mastering.pipeline import HOLD_BYTES, Held, Levels, Limited, album_features, level_loop
from mastering.ports import MatchRequest, MatchResult, find_matcher
from mastering.report.model import Curves, Report
from mastering.styles import Limits
from mastering.target import DeliverySpec, Recipe

__all__ = ["analyse_file", "apply_recipe", "master_album", "master_file", "plan_file"]

_LIBRARIES = ("tonmeister", "numpy", "pedalboard", "soundfile", "soxr", "numba")


def analyse_file(source: Path, *, downmix: bool = False) -> tuple[Features, tuple[Notice, ...]]:
    """Features of an audio file and what should be known about it.

    Raises:
        AudioFileError: the file cannot be read.
    """
    with open_source(source, downmix=downmix) as audio:
        return analyse(audio, threads=2), audio.notices


def master_file(
    source: Path, output: Path, job: MasterJob, *, progress: Progress = ignore_progress
) -> Report:
    """Master one file; writes the master, NAME.recipe.json and, where asked, NAME.report.html.

    Raises:
        AudioFileError: input or reference cannot be mastered.
        EnvironmentProblem: the output cannot be written.
    """
    return master_album([(source, output)], job, progress=progress)[0]


def master_album(
    pairs: Sequence[tuple[Path, Path]], job: MasterJob, *, progress: Progress = ignore_progress
) -> list[Report]:
    """Master songs with one decision on tone, dynamics and loudness; their relative levels are kept.

    Args:
        pairs: input and output of each song.
        job: what is asked for.
        progress: called with stage and share.
    """
    return _Run(pairs, job, progress).deliver()


def plan_file(source: Path, output: Path, job: MasterJob, *, progress: Progress = ignore_progress) -> Report:
    """Everything but writing: the report of a master that was only rendered in memory."""
    return _Run([(source, output)], job, progress).rehearse()


def apply_recipe(
    recipe: Recipe,
    source: Path,
    output: Path,
    *,
    force: bool = False,
    downmix: bool = False,
    write_report: bool = True,
    delivery: DeliverySpec | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    """Run a saved chain on a file as it is; the same audio gives the same samples as when it was saved."""
    spec = delivery or recipe.delivery
    job = MasterJob(delivery=spec, force=force, downmix=downmix, write_report=write_report)
    return _Run([(source, output)], job, progress).apply(recipe.chain)


@dataclass(slots=True)
class _Stopwatch:
    """Seconds per stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)


@dataclass(slots=True, kw_only=True)
class _Song:
    """One input on its way."""

    source: FileSource
    output: Path
    before: Features
    envelope: tuple[float, ...]
    metadata: Metadata
    notices: tuple[Notice, ...]
    rendered: Rendered | None = None
    held: Held | None = None


@dataclass(slots=True, kw_only=True)
class _Pass:
    """One song written (to a temporary file) and measured."""

    writer: Writer
    levels: Levels
    reduction_db: tuple[float, ...]
    after: Features | None = None
    envelope: tuple[float, ...] = ()


class _Run:
    """One call: the songs, the job and what has been found out so far."""

    def __init__(self, pairs: Sequence[tuple[Path, Path]], job: MasterJob, progress: Progress) -> None:
        self._pairs = pairs
        self._job = job
        self._progress = progress
        self._watch = _Stopwatch()
        self._stack = contextlib.ExitStack()
        self._references: tuple[Features, ...] = ()
        self._reference_digests: tuple[str, ...] = ()

    def deliver(self) -> list[Report]:
        self._refuse_existing()
        with self._stack:
            songs = self._read()
            match = self._match(songs)
            self._render(songs, match.chain)
            with self._watch.stage("render"):
                loop = level_loop(
                    [_held(song) for song in songs],
                    match,
                    self._job.delivery,
                    self._limits(),
                    lambda share: self._progress("render", share),
                )
            while True:
                plan = loop.plan()
                chain = replace(match.chain, limiter=plan.limiter)
                passes = [self._write(song, chain) for song in songs]
                levels = [done.levels for done in passes]
                if not loop.settled(plan, levels):
                    _discard(passes)
                    continue
                self._verify(passes)
                highest = max(done.after.true_peak_dbtp for done in passes if done.after is not None)
                if loop.settled(plan, levels, highest):
                    break
                _discard(passes)
            missed = missed_notices(plan.limited_by, match.integrated_lufs)
            return [
                self._finish(song, done, chain, match, missed)
                for song, done in zip(songs, passes, strict=True)
            ]

    def rehearse(self) -> Report:
        with self._stack:
            (song,) = songs = self._read()
            match = self._match(songs)
            self._render(songs, match.chain)
            loop = level_loop([_held(song)], match, self._job.delivery, self._limits())
            plan = loop.plan()
            chain = replace(match.chain, limiter=plan.limiter)
            limited = Limited(_held(song), plan.limiter, _step_frames(_held(song)))
            envelope = Envelope(limited)
            after = analyse(envelope, threads=2)
            missed = missed_notices(plan.limited_by, match.integrated_lufs)
            curves = _curves(song, tuple(envelope.peaks), tuple(limited.reduction_db))
            return self._report(song, after, "", chain, match, curves, missed)

    def apply(self, chain: MasteringChain) -> Report:
        self._refuse_existing()
        with self._stack:
            (song,) = songs = self._read()
            self._render(songs, chain)
            done = self._write(song, chain)
            self._verify([done])
            return self._finish(song, done, chain, None, ())

    def _refuse_existing(self) -> None:
        if not self._job.force:
            for _, output in self._pairs:
                for path in (
                    output,
                    recipe_path(output),
                    *([report_path(output)] if self._job.write_report else []),
                ):
                    if path.exists():
                        raise AudioFileError(
                            f"{path}: exists already",
                            hint="Choose another name, or give --force to replace it.",
                            code="file_exists",
                        )

    def _read(self) -> list[_Song]:
        """Open and measure every input and reference, two at a time."""
        with self._watch.stage("measure"), ThreadPoolExecutor(2) as pool:
            references = [pool.submit(self._read_reference, path) for path in self._job.references]
            songs = [pool.submit(self._read_song, source, output) for source, output in self._pairs]
            try:
                found = [reference.result() for reference in references]
                self._references = tuple(features for features, _ in found)
                self._reference_digests = tuple(digest for _, digest in found)
                read = [song.result() for song in songs]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        self._progress("measure", 1.0)
        return read

    def _read_reference(self, path: Path) -> tuple[Features, str]:
        with open_source(path, downmix=self._job.downmix) as source:
            features = analyse(source)
            refuse_unmeasurable(path, features, "the reference")
            return features, source.sha256

    def _read_song(self, path: Path, output: Path) -> _Song:
        source = self._stack.enter_context(open_source(path, downmix=self._job.downmix))
        envelope = Envelope(source)
        before = analyse(envelope, threads=1 if self._job.references else 2)
        refuse_unmeasurable(path, before, "the input")
        metadata, unread = _metadata_of(path)
        return _Song(
            source=source,
            output=output,
            before=before,
            envelope=tuple(envelope.peaks),
            metadata=metadata,
            notices=(*source.notices, *unread, *input_notices(before)),
        )

    def _limits(self) -> Limits:
        return self._job.style.limits if self._job.style is not None else reference_limits()

    def _match(self, songs: Sequence[_Song]) -> MatchResult:
        job = self._job
        with self._watch.stage("match"):
            request = MatchRequest(
                features=album_features([song.before for song in songs]),
                references=self._references,
                style=job.style,
                delivery=job.delivery,
                amount_percent=job.amount_percent,
                only=job.only,
                eq=job.eq,
                limits=self._limits(),
            )
            result = find_matcher(job.matcher).match(request)
        origin = replace(
            result.chain.origin,
            input_sha256=songs[0].source.sha256 if len(songs) == 1 else "",
            reference_sha256=self._reference_digests,
            style=job.style.name if job.style else "",
            target=job.target.name if job.target else "",
        )
        self._progress("match", 1.0)
        return replace(result, chain=replace(result.chain, origin=origin))

    def _render(self, songs: Sequence[_Song], chain: MasteringChain) -> None:
        budget = HOLD_BYTES // len(songs)
        for song in songs:
            song.rendered = Rendered(song.source, chain.steps, self._rate(song.source))
            song.held = Held(song.rendered, budget)

    def _rate(self, source: FileSource) -> int:
        """The rate of delivery: as asked, else the input's, else the nearest the container takes."""
        spec = self._job.delivery
        return spec.sample_rate or nearest_rate(spec.container, source.sample_rate)

    def _write(self, song: _Song, chain: MasteringChain) -> _Pass:
        """Limit, dither and encode one song into a temporary file."""
        held, spec = _held(song), self._job.delivery
        step = _step_frames(held)
        limited = Limited(held, chain.limiter, step) if chain.limiter is not None else None
        levels = Levels(held.sample_rate, held.channels)
        with self._watch.stage("limit and write"):
            writer = self._stack.enter_context(
                open_writer(
                    song.output,
                    sample_rate=held.sample_rate,
                    channels=held.channels,
                    container=spec.container,
                    bit_depth=spec.bit_depth,
                    dither_seed=spec.dither_seed,
                    force=self._job.force,
                    inputs=tuple(self._inputs()),
                    frames=held.frames,
                )
            )
            done = 0
            for block in levels.watch(limited or held):
                writer.write(block)
                done += block.shape[1]
                self._progress("write", done / max(1, held.frames))
            writer.finish()
        return _Pass(
            writer=writer, levels=levels, reduction_db=tuple(limited.reduction_db) if limited else ()
        )

    def _inputs(self) -> Iterator[Path]:
        yield from (source for source, _ in self._pairs)
        yield from self._job.references

    def _verify(self, passes: Sequence[_Pass]) -> None:
        """Measure the encoded files, as anyone who opens them would."""
        with self._watch.stage("verify"):
            for done in passes:
                with open_source(done.writer.finish()) as written:
                    envelope = Envelope(written)
                    done.after = analyse(envelope, threads=2)
                    done.envelope = tuple(envelope.peaks)
        self._progress("verify", 1.0)

    def _finish(
        self,
        song: _Song,
        done: _Pass,
        chain: MasteringChain,
        match: MatchResult | None,
        missed: tuple[Notice, ...],
    ) -> Report:
        assert done.after is not None
        rate_ratio = done.after.sample_rate / song.source.sample_rate
        done.writer.commit(metadata=song.metadata, loudness=done.after, rate_ratio=rate_ratio)
        digest = sha256(song.output)
        curves = _curves(song, done.envelope, done.reduction_db)
        report = self._report(song, done.after, digest, chain, match, curves, missed)
        write_text_atomic(recipe_path(song.output), codec.to_json(report.recipe), force=True)
        if self._job.write_report:
            from mastering.report.html import render_html

            with self._watch.stage("report"):
                html = render_html(report)
            write_text_atomic(report_path(song.output), html, force=True)
        self._progress("done", 1.0)
        return report

    def _report(
        self,
        song: _Song,
        after: Features,
        digest: str,
        chain: MasteringChain,
        match: MatchResult | None,
        curves: Curves,
        missed: tuple[Notice, ...],
    ) -> Report:
        job = self._job
        spec = replace(job.delivery, sample_rate=_held(song).sample_rate)
        wanted = match.integrated_lufs if match is not None and len(self._pairs) == 1 else None
        return Report(
            input_name=song.source.path.name,
            output_name=song.output.name,
            input_sha256=song.source.sha256,
            output_sha256=digest,
            reference_names=tuple(path.name for path in job.references),
            style=job.style.name if job.style else "",
            target=job.target.name if job.target else "",
            before=song.before,
            after=after,
            references=self._references,
            match=match,
            recipe=Recipe(chain=chain, delivery=spec),
            checks=checks_of(after, spec, wanted, song.source.frames / song.source.sample_rate),
            notices=(
                *song.notices,
                *self._own_notices(song),
                *(match.notices if match else ()),
                *missed,
            ),
            curves=curves,
            versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
            seconds=dict(self._watch.seconds),
        )

    def _own_notices(self, song: _Song) -> Iterator[Notice]:
        rate, own = _held(song).sample_rate, song.source.sample_rate
        if rate != own and self._job.delivery.sample_rate is None:
            yield Notice(
                code="rate_changed",
                message=f"{self._job.delivery.container} does not take {own} Hz; delivered at {rate} Hz.",
            )
        if song.source.sha256 in self._reference_digests:
            yield Notice(
                code="reference_is_input",
                message="The reference is the input itself: only loudness and peaks can change.",
            )


def recipe_path(output: Path) -> Path:
    """NAME.recipe.json beside the master."""
    return output.with_name(f"{output.stem}.recipe.json")


def report_path(output: Path) -> Path:
    """NAME.report.html beside the master."""
    return output.with_name(f"{output.stem}.report.html")


def _held(song: _Song) -> Held:
    assert song.held is not None, "rendered before it is written"
    return song.held


def _step_frames(source: AudioSource) -> int:
    return round(STEP_S * source.sample_rate)


def _discard(passes: Sequence[_Pass]) -> None:
    for done in passes:
        done.writer.discard()


def _metadata_of(path: Path) -> tuple[Metadata, tuple[Notice, ...]]:
    """Tags of a file; damaged ones are left out with a notice, for the music may be fine all the same."""
    try:
        return read_metadata(path), ()
    except AudioFileError as error:
        return Metadata(), (Notice(code=error.code, message=f"{error.message}; they were not carried over."),)


def _curves(song: _Song, after: tuple[float, ...], reduction_db: tuple[float, ...]) -> Curves:
    assert song.rendered is not None
    steps = len(reduction_db) or len(song.envelope)
    compressors = {
        name: tuple(np.interp(np.arange(steps), np.linspace(0, steps, len(values)), values).tolist())
        for name, values in song.rendered.compressor_reduction_db.items()
        if values
    }
    return Curves(
        step_s=STEP_S,
        before_peak=song.envelope,
        after_peak=after,
        limiter_reduction_db=reduction_db,
        compressor_reduction_db=compressors,
    )
