"""Where jobs are recorded: a SQLite file in the user's data folder, another one, or a Postgres database."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import EnvironmentProblem

__all__ = ["FOLDER_VARIABLE", "VARIABLE", "Place"]

VARIABLE = "TONMEISTER_JOBS"
"""Environment variable that names a folder or a postgresql:// URL."""

FOLDER_VARIABLE = "TONMEISTER_JOBS_FOLDER"
"""Environment variable that names the folder of the journals, where that is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where jobs are recorded.

    Args:
        url: of the database.
        folder: for the journals of running attempts. All machines that work on the same jobs should have the
            same one: then what a machine that is lost has left half done is undone by another.
    """

    url: str
    folder: Path

    @classmethod
    def of(cls, text: str | None = None, *, folder: Path | None = None) -> Place:
        """The place that a folder or a postgresql:// URL names; None is $TONMEISTER_JOBS, else the user's.

        Args:
            text: folder or URL.
            folder: of the journals; None is $TONMEISTER_JOBS_FOLDER, else the folder of the database, else
                the user's.

        Raises:
            EnvironmentProblem: its folder cannot be made.
        """
        text = text or os.environ.get(VARIABLE) or None
        named = folder or os.environ.get(FOLDER_VARIABLE) or None
        own = Path(named).expanduser().absolute() if named is not None else None
        if text is not None and text.startswith(("postgresql://", "postgres://")):
            url = "postgresql+psycopg://" + text.partition("://")[2]
            return cls(url=url, folder=_made(own or _user_folder()))
        base = _made(_user_folder() if text is None else Path(text).expanduser().absolute())
        return cls(url=f"sqlite:///{base / 'jobs.sqlite'}", folder=_made(own) if own is not None else base)

    @property
    def journals(self) -> Path:
        """Folder of the journals."""
        return self.folder / "attempts"

    @property
    def owners(self) -> Path:
        """Folder of the locks of living processes."""
        return self.folder / "owners"

    @property
    def name(self) -> str:
        """What the folder calls itself: the same for everybody who has the same folder, and nobody else."""
        path = self.folder / "name"
        if not path.exists():
            fresh = path.with_name(f"name-{secrets.token_hex(6)}")
            fresh.write_text(secrets.token_hex(12), "ascii")
            _name_once(fresh, path)
        return path.read_text("ascii")


def _name_once(fresh: Path, path: Path) -> None:
    """Give a whole file its name, if no other process was faster."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            fresh.replace(path)
            return
    fresh.unlink(missing_ok=True)


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
            hint=f"Name another one with --database, --jobs-folder, ${VARIABLE} or ${FOLDER_VARIABLE}.",
            code="jobs_not_writable",
        ) from error
    return folder
