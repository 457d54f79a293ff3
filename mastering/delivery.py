"""Delivery: files in, a measured master with its recipe and report out.

Rate, dither, encode, verify from the encoded file, tag, rename. Nothing appears under its
real name before the whole master has been written and measured.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mastering import codec
from mastering.assess import missed_notices
from mastering.audio import AudioSource
from mastering.chain import MasteringChain, StemChains, Step
from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import captured, placed, ready
from mastering.host.render import Rendered
from mastering.intake import Reference, Song, hear_all, read_all
from mastering.io.encoders import check_spec, nearest_rate
from mastering.io.files import open_source, sha256, write_text_atomic
from mastering.io.writer import Writer, open_writer
from mastering.io.written import open_written
from mastering.jobspec import MasterJob, Progress, check_stems, ignore_progress
from mastering.library import reference_limits
from mastering.measure.envelope import STEP_S, Envelope
from mastering.measure.features import Features, analyse
from mastering.notice import Notice
from mastering.outcome import Decision, Track, Writeup, curves_of
from mastering.pipeline import (
    HOLD_BYTES,
    Held,
    LevelLoop,
    Levels,
    Limited,
    Remixed,
    album_features,
    album_lufs,
    level_loop,
    load_kernels,
    loudest_stretch,
    remix,
)
from mastering.ports import MatchRequest, MatchResult, Separator, find_matcher
from mastering.report.model import Report
from mastering.stemwise.provenance import check_same
from mastering.stemwise.resum import Resummed
from mastering.styles import Limits
from mastering.target import DeliverySpec, Recipe

__all__ = ["analyse_file", "apply_recipe", "master_album", "master_file", "plan_album", "plan_file"]


def analyse_file(source: Path, *, downmix: bool = False) -> tuple[Features, tuple[Notice, ...]]:
    """Features of an audio file and what should be known about it.

    Raises:
        AudioFileError: the file cannot be read.
    """
    with open_source(source, downmix=downmix) as audio:
        return analyse(audio, threads=2), audio.notices


def master_file(
    source: Path,
    output: Path,
    job: MasterJob,
    *,
    separator: Separator | None = None,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    """Master one file; writes the master, NAME.recipe.json and, where asked, NAME.report.html.

    Args:
        source, output: the mix, and the master to write.
        job: what is asked for.
        separator: takes input and references apart, so that each stem is matched to its counterpart
            before the sum is mastered; None masters the mix as it is.
        plugins: runs external plug-ins; None runs them by the user's catalog and policy.
        progress: called with stage and share.

    Raises:
        AudioFileError: input or reference cannot be mastered.
        ParameterError: the container cannot hold what is asked for; stems without a reference.
        EnvironmentProblem: the output cannot be written.
        ModelError: the separator's weights are missing, changed or not a model.
        PluginError: a plug-in failed, or is not there or not allowed.
    """
    return _Run([(source, output)], job, progress, separator, plugins).deliver()[0]


def master_album(
    pairs: Sequence[tuple[Path, Path]],
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> list[Report]:
    """Master songs with one decision on tone, dynamics and loudness; their relative levels are kept.

    Args:
        pairs: input and output of each song.
        job: what is asked for.
        plugins: as in `master_file`.
        progress: called with stage and share.
    """
    return _Run(pairs, job, progress, None, plugins).deliver()


def plan_file(
    source: Path,
    output: Path,
    job: MasterJob,
    *,
    separator: Separator | None = None,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    """Everything but writing: the report of a master that was only rendered in memory."""
    return _Run([(source, output)], job, progress, separator, plugins).rehearse()[0]


def plan_album(
    pairs: Sequence[tuple[Path, Path]],
    job: MasterJob,
    *,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> list[Report]:
    """`plan_file` for an album."""
    return _Run(pairs, job, progress, None, plugins).rehearse()


def apply_recipe(
    recipe: Recipe,
    source: Path,
    output: Path,
    *,
    force: bool = False,
    downmix: bool = False,
    write_report: bool = True,
    delivery: DeliverySpec | None = None,
    separator: Separator | None = None,
    plugins: PluginHost | None = None,
    progress: Progress = ignore_progress,
) -> Report:
    """Run a saved chain on a file as it is; the same audio gives the same samples as when it was saved.

    Args:
        recipe: chain and delivery; a recipe with stems needs a separator of the same model.
        source, output: the file, and what to write.
        force, downmix, write_report: as in MasterJob.
        delivery: instead of the recipe's.
        separator: takes the file apart.
        plugins: as in `master_file`; another version or build of a plug-in is told in the report.
        progress: called with stage and share.

    Raises:
        ModelError: the separator is not the recipe's.
        ParameterError: the recipe needs a separator and there is none.
        PluginError: a plug-in of the recipe is missing, not allowed, or failed.
    """
    spec = delivery or recipe.delivery
    job = MasterJob(delivery=spec, force=force, downmix=downmix, write_report=write_report)
    return _Run([(source, output)], job, progress, separator, plugins).apply(recipe)


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
class _Pass:
    """One song written (to a temporary file) and measured."""

    writer: Writer
    levels: Levels
    reduction_db: tuple[float, ...]
    after: Features | None = None
    envelope: tuple[float, ...] = ()


class _Run:
    """One call: the songs, the job, and what has been found out so far."""

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        job: MasterJob,
        progress: Progress,
        separator: Separator | None = None,
        plugins: PluginHost | None = None,
    ) -> None:
        self._pairs = pairs
        self._job = job
        self._progress = progress
        self._separator = separator
        self._remixed: Remixed | None = None
        self._heard: list[AudioSource] = []
        self._pre: tuple[Step, ...] = ()
        self._watch = _Stopwatch()
        self._stack = contextlib.ExitStack()
        self._plugins = (plugins or self._stack.enter_context(PluginHost())).for_one()
        self._hosts = [self._plugins.for_one() for _ in pairs]
        self._references: list[Reference] = []

    def deliver(self) -> list[Report]:
        self._refuse_early()
        self._refuse_stems()
        with self._stack:
            songs = self._read()
            match = self._match(songs)
            tracks = self._render(songs, match.chain.steps[len(self._pre) :])
            loop = self._loop(tracks, match)
            while True:
                plan = loop.plan()
                chains = [
                    replace(match.chain, limiter=loop.limiter_of(plan, song)) for song in range(len(songs))
                ]
                passes = [self._write(track, chain) for track, chain in zip(tracks, chains, strict=True)]
                levels = [done.levels for done in passes]
                if not loop.settled(plan, levels):
                    _discard(passes)
                    continue
                self._verify(passes)
                highest = max(done.after.true_peak_dbtp for done in passes if done.after is not None)
                if loop.settled(plan, levels, highest):
                    break
                _discard(passes)
            decision = Decision(
                match=match,
                album_lufs=album_lufs(levels),
                missed=missed_notices(plan.limited_by, match.integrated_lufs),
            )
            return [
                self._finish(track, done, chain, decision)
                for track, done, chain in zip(tracks, passes, chains, strict=True)
            ]

    def rehearse(self) -> list[Report]:
        self._refuse_early(existing=False)
        self._refuse_stems()
        with self._stack:
            songs = self._read()
            match = self._match(songs)
            tracks = self._render(songs, match.chain.steps[len(self._pre) :])
            plan = self._loop(tracks, match).plan()
            chain = replace(match.chain, limiter=plan.limiter)
            decision = Decision(
                match=match,
                album_lufs=plan.predicted_lufs,
                missed=missed_notices(plan.limited_by, match.integrated_lufs),
            )
            reports = []
            for track in tracks:
                limited = Limited(track.held, plan.limiter, _step_frames(track.held))
                envelope = Envelope(limited)
                after = analyse(envelope, threads=2)
                curves = curves_of(track, tuple(envelope.peaks), tuple(limited.reduction_db))
                reports.append(self._writeup().report(track, after, "", curves, chain, decision))
            return reports

    def apply(self, recipe: Recipe) -> Report:
        self._refuse_early()
        changed = self._same_separator(recipe)
        with self._stack:
            recipe = replace(
                recipe, chain=replace(recipe.chain, steps=ready(recipe.chain.steps, self._plugins))
            )
            songs = self._read()
            self._heard = [self._resum(songs[0], recipe.stems) if recipe.stems else songs[0].source]
            (track,) = self._render(songs, recipe.chain.steps)
            done = self._write(track, recipe.chain)
            self._verify([done])
            decision = Decision(missed=changed, stems=recipe.stems)
            return self._finish(track, done, recipe.chain, decision)

    def _same_separator(self, recipe: Recipe) -> tuple[Notice, ...]:
        """What differs from how the recipe's stems were separated."""
        if recipe.stems is None:
            return ()
        made_by = recipe.stems.separator
        if self._separator is None:
            raise ParameterError(
                f"the recipe changes single stems, separated by the model '{made_by.model}', and there is no "
                "separator",
                hint="Pass a separator of that model.",
                code="separator_needed",
            )
        return tuple(check_same(made_by, self._separator.info))

    def _resum(self, song: Song, stems: StemChains) -> AudioSource:
        """A song with a recipe's changes of its stems."""
        assert self._separator is not None, "checked before anything is read"
        with self._watch.stage("separate"):
            separated = self._separator.separate(
                song.source, on_progress=lambda share: self._progress("separate", share)
            )
        return Resummed(song.source, separated.parts, stems.chains, self._hosts[0])

    def _refuse_stems(self) -> None:
        if self._separator is not None:
            check_stems(self._job.references, len(self._pairs))

    def _refuse_early(self, *, existing: bool = True) -> None:
        """Before anything is measured: outputs that exist, and what the container cannot hold."""
        check_spec(self._job.delivery)
        if not existing:
            return
        for folder in {output.parent for _, output in self._pairs}:
            if not folder.is_dir():
                raise EnvironmentProblem(
                    f"{folder}: no such folder to write to",
                    hint="Create it, or choose another output.",
                    code="output_not_writable",
                )
        if self._job.force:
            return
        for _, output in self._pairs:
            own = [output, recipe_path(output), *([report_path(output)] if self._job.write_report else [])]
            for path in own:
                if path.exists():
                    raise AudioFileError(
                        f"{path}: exists already",
                        hint="Choose another name, or give --force to replace it.",
                        code="file_exists",
                    )

    def _read(self) -> list[Song]:
        with self._watch.stage("measure"):
            songs, self._references = read_all(
                self._pairs,
                self._job.references,
                downmix=self._job.downmix,
                stack=self._stack,
                progress=lambda share: self._progress("measure", share),
                meanwhile=load_kernels,
            )
        return songs

    def _limits(self) -> Limits:
        return self._job.style.limits if self._job.style is not None else reference_limits()

    def _match(self, songs: Sequence[Song]) -> MatchResult:
        job = self._job
        with self._watch.stage("match"):
            request = MatchRequest(
                features=album_features([song.before for song in songs]),
                references=tuple(reference.features for reference in self._references),
                style=job.style,
                delivery=job.delivery,
                amount_percent=job.amount_percent,
                only=job.only,
                eq=job.eq,
                limits=self._limits(),
            )
        inserts = captured(self._plugins, job.inserts)
        self._pre = tuple(insert.step for insert in inserts if insert.at == "pre")
        heard = self._hear(songs, request)
        self._heard = [source for source, _ in heard]
        with self._watch.stage("match"):
            request = replace(request, features=album_features([features for _, features in heard]))
            if job.refine_steps:
                excerpt = loudest_stretch(*heard[0])
                request = replace(request, refine_steps=job.refine_steps, excerpt=excerpt)
            result = find_matcher(job.matcher).match(request)
        origin = replace(
            result.chain.origin,
            input_sha256=songs[0].source.sha256 if len(songs) == 1 else "",
            reference_sha256=tuple(reference.sha256 for reference in self._references),
            style=job.style.name if job.style else "",
            target=job.target.name if job.target else "",
        )
        self._progress("match", 1.0)
        steps = (*self._pre, *placed(result.chain.steps, inserts, self._plugins))
        return replace(result, chain=replace(result.chain, steps=steps, origin=origin))

    def _hear(self, songs: Sequence[Song], request: MatchRequest) -> list[tuple[AudioSource, Features]]:
        """What is matched and mastered: the songs, or a song's matched stems, after what comes before all."""
        heard: list[tuple[AudioSource, Features]] = [(song.source, song.before) for song in songs]
        if self._separator is not None:
            heard = [self._remix(songs[0], request)]
        if not self._pre:
            return heard
        with self._watch.stage("render"):
            sources = [
                Rendered(source, self._pre, plugins=host)
                for (source, _), host in zip(heard, self._hosts, strict=True)
            ]
            return [(source, analyse(source, threads=2)) for source in sources]

    def _remix(self, song: Song, request: MatchRequest) -> tuple[AudioSource, Features]:
        """The sum of a song's matched stems."""
        assert self._separator is not None, "asked by the caller"
        with self._watch.stage("separate"):
            heard = hear_all(
                song,
                self._references,
                self._separator,
                downmix=self._job.downmix,
                progress=lambda share: self._progress("separate", share),
            )
        with self._watch.stage("match stems"):
            self._remixed = remix(
                song.source,
                heard,
                request,
                matcher=self._job.matcher,
                measure=lambda source: analyse(source, threads=2),
            )
        return self._remixed.source, self._remixed.features

    def _render(self, songs: Sequence[Song], steps: tuple[Step, ...]) -> list[Track]:
        """What was heard of the songs, through a chain's steps."""
        spec, tracks = self._job.delivery, []
        for song, source, host in zip(songs, self._heard, self._hosts, strict=True):
            rate = spec.sample_rate or nearest_rate(spec.container, song.source.sample_rate)
            rendered = Rendered(source, steps, rate, host)
            held = Held(rendered, HOLD_BYTES // len(songs))
            tracks.append(Track(song=song, rendered=rendered, held=held, plugins=host))
        return tracks

    def _loop(self, tracks: Sequence[Track], match: MatchResult) -> LevelLoop:
        with self._watch.stage("render"):
            return level_loop(
                [track.held for track in tracks],
                match,
                self._job.delivery,
                [track.song.before.integrated_lufs for track in tracks] if len(tracks) > 1 else (),
                lambda share: self._progress("render", share),
            )

    def _write(self, track: Track, chain: MasteringChain) -> _Pass:
        """Limit, dither and encode one song into a temporary file."""
        held, spec = track.held, self._job.delivery
        limited = Limited(held, chain.limiter, _step_frames(held)) if chain.limiter is not None else None
        levels = Levels(held.sample_rate, held.channels)
        with self._watch.stage("limit and write"):
            writer = self._stack.enter_context(
                open_writer(
                    track.song.output,
                    sample_rate=held.sample_rate,
                    channels=held.channels,
                    container=spec.container,
                    bit_depth=spec.bit_depth,
                    dither_seed=spec.dither_seed,
                    force=self._job.force,
                    inputs=(*(source for source, _ in self._pairs), *self._job.references),
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

    def _verify(self, passes: Sequence[_Pass]) -> None:
        """Measure the encoded files, as anyone who opens them would."""
        with self._watch.stage("verify"):
            for done in passes:
                with open_written(done.writer.finish(), self._job.delivery.container) as written:
                    envelope = Envelope(written)
                    done.after = analyse(envelope, threads=2)
                    done.envelope = tuple(envelope.peaks)
        self._progress("verify", 1.0)

    def _finish(self, track: Track, done: _Pass, chain: MasteringChain, decision: Decision) -> Report:
        assert done.after is not None, "verified before it is finished"
        song = track.song
        rate_ratio = done.after.sample_rate / song.source.sample_rate
        done.writer.commit(metadata=song.metadata, loudness=done.after, rate_ratio=rate_ratio)
        curves = curves_of(track, done.envelope, done.reduction_db)
        report = self._writeup().report(track, done.after, sha256(song.output), curves, chain, decision)
        write_text_atomic(recipe_path(song.output), codec.to_json(report.recipe), force=True)
        if self._job.write_report:
            from mastering.report.html import render_html

            write_text_atomic(report_path(song.output), render_html(report), force=True)
        self._progress("done", 1.0)
        return report

    def _writeup(self) -> Writeup:
        return Writeup(
            job=self._job,
            references=self._references,
            plugins=self._plugins,
            remixed=self._remixed,
            album=len(self._pairs) > 1,
            separated=self._separator is not None,
            seconds=dict(self._watch.seconds),
        )


def recipe_path(output: Path) -> Path:
    """NAME.recipe.json beside the master."""
    return output.with_name(f"{output.stem}.recipe.json")


def report_path(output: Path) -> Path:
    """NAME.report.html beside the master."""
    return output.with_name(f"{output.stem}.report.html")


def _step_frames(source: AudioSource) -> int:
    return round(STEP_S * source.sample_rate)


def _discard(passes: Sequence[_Pass]) -> None:
    for done in passes:
        done.writer.discard()
