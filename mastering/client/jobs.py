"""Jobs: looked at, waited for, ended, and what they have written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mastering.client.answers import Analysis, GainReduction, Peaks
from mastering.client.downloads import fetch
from mastering.client.spectrograms import Spectrogram, spectrogram_of
from mastering.client.streams import heard
from mastering.client.transport import API, Calls
from mastering.client.values import (
    Job,
    JobLike,
    Kind,
    Result,
    Role,
    ServiceError,
    Song,
    SongLike,
    State,
    id_of,
    read,
)
from mastering.naming import file_names

__all__ = ["JobCalls"]


class JobCalls(Calls):
    """What can be asked about jobs."""

    def job(self, job: JobLike) -> Job:
        """A job as it is now."""
        return read(Job, self._transport.json("GET", f"/jobs/{id_of(job)}"))

    def jobs(self, *, states: Sequence[State] = (), kinds: Sequence[Kind] = ()) -> Iterator[Job]:
        """All jobs, the newest first."""
        given = {"state": list(states), "kind": list(kinds)}
        return (read(Job, item) for item in self._transport.pages("/jobs", given))

    def cancel(self, job: JobLike) -> Job:
        """End a job."""
        return read(Job, self._transport.json("POST", f"/jobs/{id_of(job)}/cancel"))

    def retry(self, job: JobLike) -> Job:
        """Try a job again that failed or was cancelled."""
        return read(Job, self._transport.json("POST", f"/jobs/{id_of(job)}/retry"))

    def delete_job(self, job: JobLike) -> None:
        """Forget a job that has ended, with its files."""
        self._transport.ask("DELETE", f"{API}/jobs/{id_of(job)}")

    def events(self, job: JobLike) -> Iterator[Job]:
        """A job as it is now and whenever it changes, until it has ended; broken connections are resumed.

        Raises:
            ServiceError: there is no such job, or the service stays away.
        """
        stream = heard(self._transport, f"/jobs/{id_of(job)}/events", until_ended=True)
        return (known for known in stream if known is not None)

    def changes(self) -> Iterator[Job]:
        """All jobs whenever they change from now on, for ever; results come with a job's end.

        Raises:
            ServiceError: the service stays away.
        """
        stream = heard(self._transport, "/events", until_ended=False)
        return (known for known in stream if known is not None)

    def wait(self, job: JobLike, *, timeout_s: float | None = None) -> Job:
        """A job once it has ended, or as it is after `timeout_s`, which is looked at every 15 s at least."""
        deadline_s = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        for known in heard(self._transport, f"/jobs/{id_of(job)}/events", until_ended=True):
            if time.monotonic() >= deadline_s or (known is not None and known.ended):
                break
        return self.job(job)

    def report(self, job: JobLike) -> dict[str, Any]:
        """What was measured and done."""
        return dict(self._transport.json("GET", f"/jobs/{id_of(job)}/report"))

    def recipe(self, job: JobLike) -> dict[str, Any]:
        """The recipe that repeats a job."""
        return dict(self._transport.json("GET", f"/jobs/{id_of(job)}/recipe"))

    def gain_reduction(self, job: JobLike, *, song: SongLike | None = None) -> GainReduction:
        """What limiter and compressors do over time; of an album `song` says to which one."""
        asked = {} if song is None else {"song": id_of(song)}
        found: GainReduction = self._transport.json("GET", f"/jobs/{id_of(job)}/gain-reduction", params=asked)
        return found

    def result_peaks(self, result: Result, *, points: int = 2_000) -> Peaks:
        """A result's waveform in at most so many steps."""
        found: Peaks = self._transport.ask("GET", f"{result.url}/peaks", params={"points": points}).json()
        return found

    def result_spectrogram(self, result: Result, *, columns: int = 2_048) -> Spectrogram:
        """A result's levels over time and frequency in at most so many columns."""
        path = f"{result.url}/spectrogram"
        return spectrogram_of(self._transport.ask("GET", path, params={"columns": columns}))

    def result_analysis(self, result: Result) -> Analysis:
        """A result's measurements, and curves for plots."""
        found: Analysis = self._transport.ask("GET", f"{result.url}/analysis").json()
        return found

    def download(
        self, job: JobLike, folder: str | Path, *, roles: Sequence[Role] = ("master", "mix", "stem")
    ) -> list[Path]:
        """Write a job's results below a folder, under their own names; each is checked by its digest.

        Those of a batch have their song's name in front, as each of its jobs uses the same ones.

        Args:
            job: one that is done.
            folder: made if it is not there.
            roles: which results.

        Raises:
            ServiceError: what arrived is not what was written there, or the service stays away.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        known = self.job(job)
        chosen = [result for result in known.results if result.role in roles]
        titles = [self._title(result) if known.kind == "batch" else "" for result in chosen]
        names = file_names([(title, result.name) for title, result in zip(titles, chosen, strict=True)])
        return [
            fetch(self._transport, result, folder / name) for result, name in zip(chosen, names, strict=True)
        ]

    def _title(self, result: Result) -> str:
        """What the song of a result is called; its id if it was deleted."""
        if result.song is None:
            return ""
        try:
            return read(Song, self._transport.json("GET", f"/songs/{result.song}")).name
        except ServiceError as error:
            if error.status != 404:
                raise
            return result.song
