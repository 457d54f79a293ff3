"""A run as people follow it: lines and bars while it goes on, the record and the summary kept up to date."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mastering.cli.catalogue.estimate import Estimate, sentences, span
from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.plan import Work
from mastering.cli.catalogue.ready import Readier
from mastering.cli.catalogue.record import Entry, Record
from mastering.cli.catalogue.run import Run
from mastering.cli.catalogue.summary import CSV_NAME, HTML_NAME, csv_text, html_text
from mastering.cli.progress import Board
from mastering.cli.signals import Interrupts
from mastering.codec import to_plain
from mastering.io.remote import Found
from mastering.jobs.kinds import Kinds
from mastering.jobs.service import Jobs
from mastering.report.wording import clean, number

__all__ = ["Catalogue", "Session"]

_STEP_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What stands before a run.

    Args:
        works: all songs.
        outbox, record: where they go, and what earlier runs knew of them.
        found: URL -> what a listing said of it.
    """

    works: Sequence[Work]
    outbox: Outbox
    record: Record
    found: dict[str, Found]


class Session:
    """One run of a catalogue.

    Args:
        catalogue: what to do.
        judged: what it was judged to take.
        jobs, kinds: where it is done.
        board: shows it.
        quiet: nothing but errors.
        workers: lane -> how many.
        retry_failed: try again what has failed.

    Raises:
        EnvironmentProblem: the outbox cannot be written.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        judged: Estimate,
        *,
        jobs: Jobs,
        kinds: Kinds,
        board: Board,
        quiet: bool,
        workers: Mapping[str, int],
        retry_failed: bool,
    ) -> None:
        self._judged, self._board, self._quiet = judged, board, quiet
        self._outbox, self._record = catalogue.outbox, catalogue.record
        self._record.begin(_first_entries(catalogue))
        self._record.facts["estimate"] = to_plain(judged)
        self._record.write("running", {})
        self._songs = judged.songs + judged.done_before
        self._began_s = time.monotonic()
        count = sum(workers.values())
        self._run = Run(
            catalogue.works,
            jobs=jobs,
            kinds=kinds,
            readier=Readier(self._outbox, self._record, catalogue.found, threads=min(8, max(2, count))),
            outbox=self._outbox,
            record=self._record,
            board=board,
            say=self._say,
            most_open={lane: 4 * number + 4 for lane, number in workers.items()},
            retry_failed=retry_failed,
        )

    @property
    def failed(self) -> int:
        """Songs of this run that have failed."""
        return self._run.tally.failed

    def follow(self, interrupts: Interrupts) -> None:
        """Do it all; whatever ends it, what is known is written down.

        Raises:
            EnvironmentProblem: the outbox or the jobs' database cannot be used.
            Interrupted: by a signal, between two steps.
        """
        self._tell(*sentences(self._judged))
        state = "interrupted"
        try:
            while not self._run.finished:
                with interrupts.held():
                    self._run.step()
                    self._board.overall(*self._overall())
                    if self._record.due:
                        self._write("running")
                if not self._run.finished:
                    time.sleep(_STEP_S)
            state = "finished"
        finally:
            self._run.close()
            self._write(state)
            self._tell(self._last_words(state))

    def _tell(self, *texts: str) -> None:
        for text in texts:
            if not self._quiet:
                self._board.write(clean(text))

    def _say(self, entry: Entry, how: str) -> None:
        if how == "failed" and entry.problem is not None:
            message = entry.problem.message
            where = "" if message.startswith(entry.input) else f"{entry.input}: "
            self._board.write(clean(f"Error: {where}{message}"))
            if entry.problem.hint:
                self._board.write(clean(f"       {entry.problem.hint}"))
        elif how == "mastered":
            self._tell(f"[{self._run.tally.settled} of {self._songs}] {_line(entry)}")

    def _overall(self) -> tuple[str, float]:
        """What the bar of the whole says, and how far it is."""
        tally, judged = self._run.tally, self._judged
        left = ""
        if tally.audio_s > 0.0 and judged.audio_s > tally.audio_s:
            elapsed_s = time.monotonic() - self._began_s
            left = f", {span(elapsed_s * (judged.audio_s / tally.audio_s - 1.0))} left"
        failed = f", {tally.failed} failed" if tally.failed else ""
        share = tally.settled / self._songs if self._songs else 1.0
        return f"{tally.settled} of {self._songs}{failed}{left}", share

    def _write(self, state: str) -> None:
        tally, judged, entries = self._run.tally, self._judged, self._record.all
        elapsed_s = time.monotonic() - self._began_s
        self._record.facts["actual"] = {
            "mastered": tally.mastered,
            "known": tally.known,
            "failed": tally.failed,
            "wall_s": round(elapsed_s, 2),
            "worker_s": round(tally.worker_s, 2),
            "audio_s": round(tally.audio_s, 2),
        }
        states = [entry.state for entry in entries]
        failed = f", {states.count('failed')} failed" if "failed" in states else ""
        verdict = f"{states.count('done')} of {len(entries)} done{failed}"
        facts = [
            ("Audio mastered", span(tally.audio_s), f"of {span(judged.audio_s)}"),
            ("Time", span(elapsed_s), f"estimated {span(judged.wall_s)}"),
            ("Work", span(tally.worker_s), f"estimated {span(judged.worker_s)}"),
        ]
        if state != "finished":
            verdict = f"{verdict} ({state})"
        pages = {
            CSV_NAME: lambda: csv_text(entries),
            HTML_NAME: lambda: html_text(entries, self._outbox, verdict, facts),
        }
        self._record.write(state, pages)

    def _last_words(self, state: str) -> str:
        tally, judged = self._run.tally, self._judged
        known = f", {tally.known} known before" if tally.known else ""
        failed = f", {tally.failed} failed" if tally.failed else ""
        text = f"{tally.mastered} mastered{known}{failed} in {span(time.monotonic() - self._began_s)}"
        if tally.mastered:
            text += (
                f" (estimated {span(judged.wall_s)}); work {span(tally.worker_s)} "
                f"(estimated {span(judged.worker_s)})"
            )
        if state == "interrupted":
            return f"{text}. {self._songs - tally.settled} are left: the same command goes on."
        return f"{text}. See {self._outbox.full(HTML_NAME)}"


def _first_entries(catalogue: Catalogue) -> Iterator[Entry]:
    """What an earlier run knew of each song, until it is known better."""
    for work in catalogue.works:
        for song in work.songs:
            row, before = song.row, catalogue.record.before(song.output)
            own: dict[str, Any] = {"input": row.input, "album": row.album, "settings": row.settings}
            if before is None or before.input != row.input:
                files = before.files if before is not None else ()
                yield Entry(output=song.output, files=files, **own)
            else:
                state = before.state if before.state in ("done", "failed") else "waiting"
                yield replace(before, state=state, **own)


def _line(entry: Entry) -> str:
    missed = f"; missed: {', '.join(entry.missed)}" if entry.missed else ""
    return (
        f"{entry.output}: {_level(entry.lufs_before)} -> {_level(entry.lufs_after)} LUFS, "
        f"{_level(entry.true_peak_dbtp)} dBTP{missed}"
    )


def _level(value: float | None) -> str:
    return "silent" if value is None else number(value)
