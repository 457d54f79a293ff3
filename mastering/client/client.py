"""Tonmeister: the service as an object."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import httpx

from mastering.client.sending import Sending
from mastering.client.transport import API, Transport, error_of
from mastering.client.values import Job, Result, ServiceError, Song, read
from mastering.naming import file_names

__all__ = ["Tonmeister"]

SongLike: TypeAlias = Song | str
JobLike: TypeAlias = Job | str

_SOON_S = 0.3
_BREAKS = 10


class Tonmeister:
    """A service. Use it as a context manager, or `close` it.

    Args:
        url: of the service.
        key: to it; None where it needs none.
        timeout_s: longest wait for an answer.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8440", key: str | None = None, *, timeout_s: float = 120.0
    ) -> None:
        self._transport = Transport(url, key, timeout_s)

    def __enter__(self) -> Tonmeister:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.http.close()

    def about(self) -> dict[str, Any]:
        """What the service is, and what it allows."""
        return dict(self._transport.json("GET", "/about"))

    def styles(self) -> list[dict[str, Any]]:
        """Styles to master to."""
        return list(self._transport.json("GET", "/styles"))

    def targets(self) -> list[dict[str, Any]]:
        """Where masters go."""
        return list(self._transport.json("GET", "/targets"))

    def upload(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Song:
        """Send a file; where the connection breaks, it goes on at what has arrived.

        Raises:
            ServiceError: it is no audio, too large, or the service cannot be reached.
        """
        return self.song(Sending(self._transport, Path(path), name=name).run(on_progress))

    def song(self, song: SongLike) -> Song:
        """A song as it is now."""
        return read(Song, self._transport.json("GET", f"/songs/{_id(song)}"))

    def songs(self) -> Iterator[Song]:
        """All songs, the newest first."""
        return (read(Song, item) for item in self._pages("/songs", {}))

    def delete_song(self, song: SongLike) -> None:
        """Delete a song that no running job needs."""
        self._transport.ask("DELETE", f"{API}/songs/{_id(song)}")

    def analysis(self, song: SongLike) -> dict[str, Any]:
        """A song's measurements."""
        return dict(self._transport.json("GET", f"/songs/{_id(song)}/analysis"))

    def master(
        self,
        song: SongLike,
        *,
        references: Iterable[SongLike] = (),
        style: str | None = None,
        target: str | None = None,
        **options: Any,
    ) -> Job:
        """Master a song; options are those of `MasterOptions`, such as container="flac"."""
        body = _mastering(references, style, target, options)
        return self.submit({"kind": "master", "song": _id(song), **body})

    def album(
        self,
        songs: Iterable[SongLike],
        *,
        references: Iterable[SongLike] = (),
        style: str | None = None,
        target: str | None = None,
        **options: Any,
    ) -> Job:
        """Master songs with one decision for all."""
        body = _mastering(references, style, target, options)
        return self.submit({"kind": "album", "songs": [_id(song) for song in songs], **body})

    def apply(self, song: SongLike, recipe: Mapping[str, Any], **delivery: Any) -> Job:
        """Run a recipe on a song."""
        body = {"kind": "apply", "song": _id(song), "recipe": dict(recipe), "delivery": delivery}
        return self.submit(body)

    def stems(self, song: SongLike, **options: Any) -> Job:
        """Separate a song; options are those of `StemsBody`."""
        return self.submit({"kind": "stems", "song": _id(song), **options})

    def remix(self, song: SongLike, stems: Mapping[str, Mapping[str, Any]], **options: Any) -> Job:
        """Put a song's stems together again: {"vocals": {"gain_db": -3.0}}."""
        return self.submit({"kind": "remix", "song": _id(song), "stems": stems, **options})

    def submit(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> Job:
        """Ask for work, as the API takes it; the same work gives the same job."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return read(Job, self._transport.json("POST", "/jobs", json=dict(body), headers=headers))

    def job(self, job: JobLike) -> Job:
        """A job as it is now."""
        return read(Job, self._transport.json("GET", f"/jobs/{_id(job)}"))

    def jobs(self, *, states: Sequence[str] = (), kinds: Sequence[str] = ()) -> Iterator[Job]:
        """All jobs, the newest first."""
        given = {"state": list(states), "kind": list(kinds)}
        return (read(Job, item) for item in self._pages("/jobs", given))

    def cancel(self, job: JobLike) -> Job:
        """End a job."""
        return read(Job, self._transport.json("POST", f"/jobs/{_id(job)}/cancel"))

    def retry(self, job: JobLike) -> Job:
        """Try a job again that failed or was cancelled."""
        return read(Job, self._transport.json("POST", f"/jobs/{_id(job)}/retry"))

    def delete_job(self, job: JobLike) -> None:
        """Forget a job that has ended, with its files."""
        self._transport.ask("DELETE", f"{API}/jobs/{_id(job)}")

    def events(self, job: JobLike) -> Iterator[Job]:
        """A job as it is now and whenever it changes, until it has ended; broken connections are resumed.

        Raises:
            ServiceError: there is no such job, or the service stays away.
        """
        return (known for known in self._heard(job) if known is not None)

    def wait(self, job: JobLike, *, timeout_s: float | None = None) -> Job:
        """A job once it has ended, or as it is after `timeout_s`, which is looked at every 15 s at least."""
        deadline_s = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        for known in self._heard(job):
            if time.monotonic() >= deadline_s or (known is not None and known.ended):
                break
        return self.job(job)

    def download(
        self, job: JobLike, folder: str | Path, *, roles: Sequence[str] = ("master", "mix", "stem")
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
        return [self._fetch(result, folder / name) for result, name in zip(chosen, names, strict=True)]

    def report(self, job: JobLike) -> dict[str, Any]:
        """What was measured and done."""
        return dict(self._transport.json("GET", f"/jobs/{_id(job)}/report"))

    def recipe(self, job: JobLike) -> dict[str, Any]:
        """The recipe that repeats a job."""
        return dict(self._transport.json("GET", f"/jobs/{_id(job)}/recipe"))

    def adjust(self, job: JobLike, **adjust: Any) -> dict[str, Any]:
        """A job's recipe after its knobs were turned: amount_percent, tone, integrated_lufs, ..."""
        body = {"job": _id(job), "adjust": adjust}
        return dict(self._transport.json("POST", "/recipes/adjust", json=body)["recipe"])

    def preview(self, job: JobLike, *, start_s: float, duration_s: float, **adjust: Any) -> bytes:
        """A stretch of a job's master, adjusted: a 32-bit float wav."""
        body = {"job": _id(job), "adjust": adjust, "start_s": start_s, "duration_s": duration_s}
        return self._transport.ask("POST", f"{API}/previews", json=body).content

    def share(self, job: JobLike) -> str:
        """The address of a link that shows a job to whoever has it."""
        made = self._transport.json("POST", "/shares", json={"job": _id(job)})
        return str(self._transport.http.base_url.join(made["url"]))

    def _title(self, result: Result) -> str:
        """What the song of a result is called; its id if it was deleted."""
        if result.song is None:
            return ""
        try:
            return self.song(result.song).name
        except ServiceError as error:
            if error.status != 404:
                raise
            return result.song

    def _heard(self, job: JobLike) -> Iterator[Job | None]:
        """What the stream of a job's events brings; None for a sign of life."""
        last, broken = "", 0
        while broken < _BREAKS:
            try:
                for number, plain in self._stream(f"/jobs/{_id(job)}/events", last):
                    last, broken = number, 0
                    known = read(Job, plain) if plain is not None else None
                    yield known
                    if known is not None and known.ended:
                        return
            except httpx.TransportError:
                pass
            broken += 1
            time.sleep(_SOON_S * broken)
        raise ServiceError("the service stays away", hint="Check that it runs.", code="unreachable")

    def _pages(self, path: str, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            asked = {**given, "limit": 200} | ({} if cursor is None else {"cursor": cursor})
            page = self._transport.json("GET", path, params=asked)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _stream(self, path: str, last: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Number and data of each event; no data for a sign of life."""
        headers = {"Last-Event-ID": last} if last else {}
        with self._transport.http.stream("GET", f"{API}{path}", headers=headers) as response:
            if not response.is_success:
                response.read()
                raise error_of(response)
            number = last
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = value
                elif name == "data":
                    yield number, json.loads(value)
                elif line.startswith(":"):
                    yield number, None

    def _fetch(self, result: Result, path: Path) -> Path:
        """One result, in a file that has its name once it is whole."""
        part = path.with_name(f".{path.name}.part")
        for broken in range(_BREAKS):
            try:
                self._continue(result, part)
                break
            except httpx.TransportError:
                time.sleep(_SOON_S * broken)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != result.sha256:
            part.unlink()
            raise ServiceError(f"{path.name}: what arrived is damaged", hint="Try again.", code="damaged")
        return part.replace(path)

    def _continue(self, result: Result, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have == result.size_bytes:
            return
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{result.sha256}"'} if have else {}
        with self._transport.http.stream("GET", result.url, headers=headers) as response:
            if not response.is_success:
                response.read()
                raise error_of(response)
            with part.open("ab" if response.status_code == 206 else "wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)


def _id(named: SongLike | JobLike) -> str:
    return named if isinstance(named, str) else named.id


def _mastering(
    references: Iterable[SongLike], style: str | None, target: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    body: dict[str, Any] = {"references": [_id(reference) for reference in references], "options": options}
    return body | {name: value for name, value in (("style", style), ("target", target)) if value is not None}
