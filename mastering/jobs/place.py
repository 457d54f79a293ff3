"""Where jobs are recorded: a SQLite file in the user's data folder, another one, or a Postgres database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import EnvironmentProblem

__all__ = ["VARIABLE", "Place"]

VARIABLE = "TONMEISTER_JOBS"
"""Environment variable that names a folder or a postgresql:// URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where jobs are recorded.

    Args:
        url: of the database.
        folder: for the journals of running attempts; with Postgres each machine has its own.
    """

    url: str
    folder: Path

    @classmethod
    def of(cls, text: str | None = None) -> Place:
        """The place that a folder or a postgresql:// URL names; None is $TONMEISTER_JOBS, else the user's.

        Raises:
            EnvironmentProblem: its folder cannot be made.
        """
        text = text or os.environ.get(VARIABLE) or None
        if text is not None and text.startswith(("postgresql://", "postgres://")):
            url = "postgresql+psycopg://" + text.partition("://")[2]
            return cls(url=url, folder=_made(_user_folder()))
        folder = _made(_user_folder() if text is None else Path(text).expanduser().absolute())
        return cls(url=f"sqlite:///{folder / 'jobs.sqlite'}", folder=folder)

    @property
    def journals(self) -> Path:
        """Folder of the journals."""
        return self.folder / "attempts"

    @property
    def owners(self) -> Path:
        """Folder of the locks of living processes."""
        return self.folder / "owners"


def _user_folder() -> Path:
    import platformdirs

    return platformdirs.user_data_path("tonmeister") / "jobs"


def _made(folder: Path) -> Path:
    try:
        for path in (folder, folder / "attempts", folder / "owners"):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: the folder for jobs cannot be made ({error.strerror})",
            hint=f"Name another one with --database or ${VARIABLE}.",
            code="jobs_not_writable",
        ) from error
    return folder
