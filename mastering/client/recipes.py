"""Recipes: read, compared, turned by knobs, and heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from mastering.client.answers import Change, Validated
from mastering.client.options import Adjust
from mastering.client.transport import API, Calls
from mastering.client.values import Job, JobLike, SongLike, id_of

__all__ = ["RecipeCalls"]


class RecipeCalls(Calls):
    """What can be asked about recipes."""

    def validate(self, recipe: Mapping[str, Any]) -> Validated:
        """A recipe, or a chain, as the service writes it, and what it does in sentences.

        Raises:
            ServiceError: it is neither; the message says where.
        """
        body = {"recipe": dict(recipe)}
        found: Validated = self._transport.json("POST", "/recipes/validate", json=body)
        return found

    def diff(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
        """What differs between two recipes, value by value."""
        body = {"a": dict(before), "b": dict(after)}
        found: list[Change] = self._transport.json("POST", "/recipes/diff", json=body)["changes"]
        return found

    def adjust(
        self, of: JobLike | Mapping[str, Any], *, song: SongLike | None = None, **adjust: Unpack[Adjust]
    ) -> dict[str, Any]:
        """The recipe of a job, or a recipe, after its knobs were turned.

        Args:
            of: a job, its id, or a recipe.
            song: whose; a loudness needs one where `of` is a recipe. None is the job's first.
            adjust: those of `Adjust`, such as amount_percent=50.0.
        """
        body = _adjusted(of, song, adjust)
        return dict(self._transport.json("POST", "/recipes/adjust", json=body)["recipe"])

    def preview(
        self,
        of: JobLike | Mapping[str, Any],
        *,
        start_s: float,
        duration_s: float,
        song: SongLike | None = None,
        **adjust: Unpack[Adjust],
    ) -> bytes:
        """A stretch of a master, adjusted: a 32-bit float wav.

        Args:
            of: a job, its id, or a recipe, which needs a song.
            start_s, duration_s: of the stretch; at most `about()["preview_max_s"]` long.
            song: to be heard; None is the job's first.
            adjust: those of `Adjust`.
        """
        body = {**_adjusted(of, song, adjust), "start_s": start_s, "duration_s": duration_s}
        return self._transport.ask("POST", f"{API}/previews", json=body).content


def _adjusted(of: JobLike | Mapping[str, Any], song: SongLike | None, adjust: Adjust) -> dict[str, Any]:
    source = {"job": id_of(of)} if isinstance(of, (Job, str)) else {"recipe": dict(of)}
    return {**source, "adjust": adjust} | ({} if song is None else {"song": id_of(song)})
