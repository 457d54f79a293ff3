"""Files that these commands write: our own lists, and presets and states."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.atomic import AtomicFile, output_problem

__all__ = ["own_file", "refuse_early", "write_bytes"]


@contextlib.contextmanager
def own_file() -> Iterator[None]:
    """What is wrong with a file of our own is the environment's fault, not that of an audio file."""
    try:
        yield
    except AudioFileError as error:
        raise EnvironmentProblem(error.message, hint=error.hint, code=error.code) from error


def refuse_early(path: Path, *, force: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise what writing `path` would raise, before anything is done for it."""
    AtomicFile(path, force=force, inputs=inputs).discard()


def write_bytes(path: Path, data: bytes, *, force: bool, inputs: Iterable[Path] = ()) -> None:
    """Write a whole file or none; raises what `AtomicFile` raises."""
    target = AtomicFile(path, force=force, inputs=inputs)
    try:
        target.temporary.write_bytes(data)
    except OSError as error:
        raise output_problem(error, path) from error
    else:
        target.commit()
    finally:
        target.discard()
