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
    "PluginCrashed",
    "PluginError",
    "PluginForbidden",
    "PluginMisbehaved",
    "PluginNotFound",
    "PluginTimedOut",
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


class PluginError(TonmeisterError):
    """An external plug-in that cannot do what is asked of it."""

    default_code = "plugin"


class PluginNotFound(PluginError):
    """No plug-in of that name, or none of that name any more."""

    default_code = "plugin_not_found"
    exit_code = 2


class PluginForbidden(PluginError):
    """A plug-in that lies in no allowed folder and is not allowed by its digest, or that is forbidden."""

    default_code = "plugin_forbidden"
    exit_code = 3


class PluginCrashed(PluginError):
    """Its process ended: a crash, an abort, or more memory than it may have."""

    default_code = "plugin_crashed"


class PluginTimedOut(PluginError):
    """It did not answer within its time."""

    default_code = "plugin_timed_out"


class PluginMisbehaved(PluginError):
    """It answered, with something that is no audio: NaN, silence, too few samples, an exception."""

    default_code = "plugin_misbehaved"
