"""Whether a node can do our work: the same version of the program, and the folder of the journals.

The question is sent to the node as code, and not by name: what it asks for may not be installed there.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mastering.errors import EnvironmentProblem
from mastering.jobs.locks import is_locked, lock

__all__ = ["DISTRIBUTION", "Probe", "installed_version", "prober"]

DISTRIBUTION = "tonmeister"
_MARK = "probe-"


def installed_version() -> str:
    """Of the program; empty in a checkout that is not installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ""


class Probe:
    """What nodes are asked, and what their answers mean.

    Args:
        folder: of the jobs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = folder / f"{_MARK}{secrets.token_hex(8)}"
        self.version = installed_version()

    @contextlib.contextmanager
    def laid(self) -> Iterator[None]:
        """While this is open, the mark is there and locked.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        try:
            _sweep(self.folder)
            file = self.mark.open("w", encoding="ascii")
        except OSError as error:
            raise EnvironmentProblem(
                f"{self.folder}: the folder for jobs cannot be written ({error.strerror})",
                hint="Name another one with --jobs-folder.",
                code="jobs_not_writable",
            ) from error
        try:
            with file:
                lock(file)
                yield
        finally:
            self.mark.unlink(missing_ok=True)

    def reason(self, node: str, answer: tuple[str, str]) -> EnvironmentProblem | None:
        """Why a node cannot work, by its answer; None if it can."""
        what, detail = answer
        if what == "absent":
            message = f"the node {node} has no tonmeister"
            hint = f"Install tonmeister {self.version} there, for the Python that Ray runs with."
        elif what == "version" and detail != self.version:
            message = f"the node {node} has tonmeister {detail}, and this is {self.version}"
            hint = "Install the same version on every node."
        elif what == "folder":
            message = f"the node {node} cannot use the folder of the jobs, {self.folder} ({detail})"
            hint = "Name a folder that every node shares and may write, with --jobs-folder."
        elif what == "lock":
            message = f"a lock in {self.folder} does not hold on the node {node}"
            hint = "Name a folder on a file system that shares locks (NFS 4 does), with --jobs-folder."
        elif what == "silent":
            message, hint = f"the node {node} does not answer ({detail})", "Look at `ray status`."
        else:
            return None
        return EnvironmentProblem(message, hint=hint, code="cluster_node")


def _sweep(folder: Path) -> None:
    """Remove the marks of processes that were killed."""
    for path in folder.glob(f"{_MARK}*"):
        with contextlib.suppress(FileNotFoundError):
            if not is_locked(path):
                path.unlink()


def prober() -> Callable[[str, str], tuple[str, str]]:
    """The function that runs on a node; nested, so that it travels by value."""

    def look(mark: str, distribution: str) -> tuple[str, str]:
        import importlib.metadata
        import os
        import pathlib

        try:
            from mastering.jobs.locks import is_locked
        except ImportError:
            return "absent", ""
        path: Any = pathlib.Path(mark)
        try:
            found = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found = ""
        try:
            held = is_locked(path)
            own = path.with_name(f"{path.name}-{os.getpid()}")
            own.write_text("seen", "ascii")
            own.unlink(missing_ok=True)
        except OSError as error:
            return "folder", str(error.strerror)
        return ("version", found) if held else ("lock", "")

    return look
