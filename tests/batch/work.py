"""A kind of job for the tests: it publishes, and its first attempt dies in the middle of that."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mastering.io.remote_publish import publish
from mastering.jobs.kinds import Kinds
from mastering.jobs.model import About, Kind, Outcome

__all__ = ["Work", "about", "kinds", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Publish a file under two names.

    Args:
        source: the file.
        urls: the names.
        tries: file that grows by a letter with each attempt.
    """

    source: Path
    urls: tuple[str, ...]
    tries: Path


def about(work: Work) -> About:
    """One file."""
    return About(label=work.source.name, inputs=(work.source,))


def run(work: Work, progress: Callable[[str, float], None]) -> Outcome:
    """Publish; the first attempt ends without a word after the first name."""
    with work.tries.open("a", encoding="ascii") as file:
        file.write("x")
    for url in work.urls:
        publish(work.source, url, force=False)
        if work.tries.stat().st_size == 1:
            os._exit(9)
    return Outcome()


def kinds() -> Kinds:
    """The one kind."""
    own = __name__
    return Kinds([Kind(name="publish", request=f"{own}:Work", run=f"{own}:run", about=f"{own}:about")])
