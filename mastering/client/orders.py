"""Work that is asked for. The same work of the same songs gives the same job, and so does the same key.

Every method takes a `webhook`, the address that is told once the job has ended, and an `idempotency_key`,
which makes a request that may have arrived safe to repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from mastering.client.options import (
    DeliveryOptions,
    MasterOptions,
    RemixOptions,
    StemChange,
    StemsOptions,
)
from mastering.client.transport import Calls
from mastering.client.values import Job, SongLike, id_of, read

__all__ = ["OrderCalls"]


class OrderCalls(Calls):
    """What can be asked for."""

    def master(
        self,
        song: SongLike,
        *,
        references: Iterable[SongLike] = (),
        style: str | None = None,
        target: str | None = None,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[MasterOptions],
    ) -> Job:
        """Master a song; options are those of `MasterOptions`, such as container="flac"."""
        body = {"kind": "master", "song": id_of(song), **_aims(references, style, target)}
        return self.submit({**body, "options": options}, webhook=webhook, idempotency_key=idempotency_key)

    def album(
        self,
        songs: Iterable[SongLike],
        *,
        references: Iterable[SongLike] = (),
        style: str | None = None,
        target: str | None = None,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[MasterOptions],
    ) -> Job:
        """Master songs with one decision for all."""
        body = {"kind": "album", "songs": list(map(id_of, songs)), **_aims(references, style, target)}
        return self.submit({**body, "options": options}, webhook=webhook, idempotency_key=idempotency_key)

    def batch(
        self,
        songs: Iterable[SongLike],
        *,
        references: Iterable[SongLike] = (),
        style: str | None = None,
        target: str | None = None,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[MasterOptions],
    ) -> Job:
        """Master songs each by itself; the job's `jobs` are theirs."""
        body = {"kind": "batch", "songs": list(map(id_of, songs)), **_aims(references, style, target)}
        return self.submit({**body, "options": options}, webhook=webhook, idempotency_key=idempotency_key)

    def apply(
        self,
        song: SongLike,
        recipe: Mapping[str, Any],
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **delivery: Unpack[DeliveryOptions],
    ) -> Job:
        """Run a recipe on a song; what is given of `DeliveryOptions` stands in place of the recipe's."""
        body = {"kind": "apply", "song": id_of(song), "recipe": dict(recipe), "delivery": delivery}
        return self.submit(body, webhook=webhook, idempotency_key=idempotency_key)

    def stems(
        self,
        song: SongLike,
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[StemsOptions],
    ) -> Job:
        """Separate a song; options are those of `StemsOptions`."""
        body = {"kind": "stems", "song": id_of(song), **options}
        return self.submit(body, webhook=webhook, idempotency_key=idempotency_key)

    def remix(
        self,
        song: SongLike,
        stems: Mapping[str, StemChange],
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[RemixOptions],
    ) -> Job:
        """Put a song's stems together again: {"vocals": {"gain_db": -3.0}}."""
        body = {"kind": "remix", "song": id_of(song), "stems": dict(stems), **options}
        return self.submit(body, webhook=webhook, idempotency_key=idempotency_key)

    def submit(
        self, body: Mapping[str, Any], *, webhook: str | None = None, idempotency_key: str | None = None
    ) -> Job:
        """Ask for work, as the API takes it.

        Raises:
            ServiceError: it cannot be done, or the service cannot be reached.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        told = {} if webhook is None else {"webhook": webhook}
        return read(Job, self._transport.json("POST", "/jobs", json={**body, **told}, headers=headers))


def _aims(references: Iterable[SongLike], style: str | None, target: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"references": list(map(id_of, references))}
    return body | {name: value for name, value in (("style", style), ("target", target)) if value is not None}
