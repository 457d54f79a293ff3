"""Wishes: bodies that are checked, with songs that are there, as what a job needs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mastering.errors import ParameterError
from mastering.service.keys import Caller
from mastering.service.models import AlbumBody, ApplyBody, BatchBody, MasterBody, RemixBody, StemsBody
from mastering.service.ports import Workshop
from mastering.service.problems import Problem
from mastering.service.songs import Song, Songs

__all__ = ["AnyBody", "Wish", "Wishes", "work_of"]

AnyBody = MasterBody | AlbumBody | BatchBody | ApplyBody | StemsBody | RemixBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A job that was asked for.

    Args:
        id: it will have.
        kind, label: of it.
        songs, references: ids.
        body: as it came.
        work: what makes two wishes the same.
        task: the request; None for a batch.
        parent: the batch it belongs to.
        children: of a batch.
    """

    id: str
    kind: str
    label: str
    songs: tuple[str, ...]
    references: tuple[str, ...]
    body: str
    work: str
    task: Any = None
    parent: str | None = None
    children: tuple[Wish, ...] = field(default=())


class Wishes:
    """Reads wishes.

    Args:
        songs: they may name.
        workshop: makes the requests.
        folder: of results.
        check_webhook: refuses an address.
    """

    def __init__(
        self, songs: Songs, workshop: Workshop, folder: Path, check_webhook: Callable[[str], None]
    ) -> None:
        self._check_webhook = check_webhook
        self._songs, self._workshop, self._folder = songs, workshop, folder

    def material(self, caller: Caller, body: AnyBody) -> tuple[list[Song], list[Song]]:
        """The songs and references that a body names.

        Raises:
            Problem: one that the caller has not, one that is named twice, a webhook.
        """
        if body.webhook is not None:
            try:
                self._check_webhook(body.webhook)
            except ParameterError as error:
                raise Problem(422, error.code, error.message, hint=error.hint, field="webhook") from error
        ids = body.songs if isinstance(body, (AlbumBody, BatchBody)) else [body.song]
        if len(set(ids)) != len(ids):
            raise Problem(422, "song_twice", "a song is named twice", hint="Name each once.", field="songs")
        references = getattr(body, "references", [])
        return self._songs.get_all(caller, ids), self._songs.get_all(caller, references)

    def wish(self, body: AnyBody, songs: Sequence[Song], references: Sequence[Song]) -> Wish:
        """What a body asks for.

        Raises:
            TonmeisterError: what cannot be done.
        """
        text = body.model_dump_json()
        return self._wish(body, songs, references, text, work_of(body, songs, references))

    def _wish(
        self,
        body: AnyBody,
        songs: Sequence[Song],
        references: Sequence[Song],
        text: str,
        work: str,
        parent: str | None = None,
    ) -> Wish:
        job = secrets.token_hex(12)
        children: tuple[Wish, ...] = ()
        task: Any = None
        if isinstance(body, BatchBody):
            children = tuple(self._child(body, song, references, job) for song in songs)
        else:
            task = self._task(body, songs, references, self._folder / job)
        return Wish(
            id=job,
            kind=body.kind,
            label=songs[0].name if len(songs) == 1 else f"{body.kind} of {len(songs)}: {songs[0].name}, ...",
            songs=tuple(song.id for song in songs),
            references=tuple(reference.id for reference in references),
            body=text,
            work=work,
            task=task,
            parent=parent,
            children=children,
        )

    def _child(self, body: BatchBody, song: Song, references: Sequence[Song], parent: str) -> Wish:
        given = {**body.model_dump(exclude={"songs", "kind"}), "kind": "master", "song": song.id}
        one = MasterBody.model_validate(given)
        text = one.model_dump_json()
        return self._wish(one, [song], references, text, f"{parent}:{song.id}", parent)

    def _task(self, body: AnyBody, songs: Sequence[Song], references: Sequence[Song], folder: Path) -> Any:
        paths = [self._songs.path(song) for song in songs]
        others = [self._songs.path(reference) for reference in references]
        if isinstance(body, MasterBody):
            return self._workshop.master(body, paths[0], others, folder)
        if isinstance(body, AlbumBody):
            return self._workshop.album(body, paths, others, folder)
        if isinstance(body, ApplyBody):
            return self._workshop.apply(body, paths[0], folder)
        if isinstance(body, StemsBody):
            return self._workshop.stems(body, paths[0], folder)
        assert isinstance(body, RemixBody), "a batch has no task of its own"
        return self._workshop.remix(body, paths[0], folder)


def work_of(body: AnyBody, songs: Sequence[Song], references: Sequence[Song]) -> str:
    """What makes two wishes the same: the body, and the content of what it names."""
    digest = hashlib.sha256(body.model_dump_json().encode())
    for song in (*songs, *references):
        digest.update(song.sha256.encode())
    return digest.hexdigest()
