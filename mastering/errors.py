"""One tree of errors. Each says what is wrong, where, what is allowed and what to do.

An error carries a stable machine `code` (the JSON documents show it), a one-sentence
message and a `hint` with the way out. `exit_code` is what the command line returns when
the error ends the whole run.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AudioFileError",
    "EnvironmentProblem",
    "ModelError",
    "ParameterError",
    "PresetError",
    "TonmeisterError",
]


class TonmeisterError(Exception):
    """Root of every error this project raises on purpose.

    Args:
        message: one sentence: what is wrong and where.
        hint: what the user can do about it; may be empty.
        code: stable identifier for machines; None takes the class's own.
    """

    default_code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (decoder worker, --jobs); keyword arguments must survive.
        return _rebuild, (type(self), self.message, self.hint, self.code)


def _rebuild(kind: type[TonmeisterError], message: str, hint: str, code: str) -> TonmeisterError:
    return kind(message, hint=hint, code=code)


class AudioFileError(TonmeisterError):
    """A file that cannot be read as audio, or cannot be written."""

    default_code = "audio_file"


class ParameterError(TonmeisterError):
    """A number or a choice outside what is allowed."""

    default_code = "parameter"
    exit_code = 2


class PresetError(TonmeisterError):
    """A style, target, chain or recipe that is unknown or malformed."""

    default_code = "preset"
    exit_code = 2


class EnvironmentProblem(TonmeisterError):
    """The machine lacks something: a codec, a folder that can be written, space."""

    default_code = "environment"
    exit_code = 3


class ModelError(TonmeisterError):
    """Weights that are missing, damaged or not the ones their card names."""

    default_code = "model"
    exit_code = 3
