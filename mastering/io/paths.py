"""What can be said against an input before a decoder looks at it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mastering.errors import AudioFileError

__all__ = ["check_readable"]


def check_readable(path: Path) -> None:
    """Raise AudioFileError for a path that is no readable, non-empty file.

    Codes: file_missing, is_directory, not_a_file, no_permission, file_empty.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise AudioFileError(
            f"{path}: there is no such file", hint="Check the name and the folder.", code="file_missing"
        ) from None
    except PermissionError:
        raise _no_permission(path) from None
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{path}: it cannot be opened ({error})", code="not_a_file") from None
    if stat.S_ISDIR(status.st_mode):
        raise AudioFileError(
            f"{path}: it is a folder", hint="Name the audio file inside it.", code="is_directory"
        )
    if not stat.S_ISREG(status.st_mode):
        raise AudioFileError(
            f"{path}: it is a device or a pipe, not a file",
            hint="Save it to a file first.",
            code="not_a_file",
        )
    if not os.access(path, os.R_OK):
        raise _no_permission(path)
    if status.st_size == 0:
        raise AudioFileError(
            f"{path}: it is empty (0 bytes)", hint="Export or copy it again.", code="file_empty"
        )


def _no_permission(path: Path) -> AudioFileError:
    return AudioFileError(
        f"{path}: you have no permission to read it", hint="Change its permissions.", code="no_permission"
    )
