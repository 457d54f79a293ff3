"""The options of `master` as settings that a file may set, over what was typed."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mastering.cli.master import command as master_command
from mastering.errors import ParameterError, TonmeisterError
from mastering.io.remote import is_url, joined

__all__ = ["Given", "MasterSettings", "long_name", "master_options"]

_FILES = frozenset(("references", "models_dir"))
"""Settings that name files: relative to the folder of the file that sets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value that a file sets.

    Args:
        value: text, a number, true or false, or a list of these.
        where: the file, and the place in it, as a message begins.
        folder: of the file, or its URL.
    """

    value: Any
    where: str
    folder: str


def master_options(but: Collection[str]) -> list[click.Parameter]:
    """The options of `master` without those of these names."""
    return [
        parameter
        for parameter in master_command.params
        if isinstance(parameter, click.Option) and parameter.expose_value and parameter.name not in but
    ]


def long_name(option: click.Parameter) -> str:
    """What a file calls an option: its long name, with underscores.

    >>> long_name(click.Option(["-r", "--bit-depth"]))
    'bit_depth'
    """
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


class MasterSettings:
    """Options with the values that were typed.

    Args:
        ctx: of the command.
        typed: its parameters.
        options: those that may be set.
        hint: what to do about a setting that is refused.
    """

    def __init__(
        self,
        ctx: click.Context,
        typed: Mapping[str, Any],
        options: Sequence[click.Parameter],
        *,
        hint: str,
    ) -> None:
        self._ctx, self._hint = ctx, hint
        self._options = {long_name(option): option for option in options}
        self._underlaid: dict[str, Any] = {}
        self.typed = {str(option.name): typed[str(option.name)] for option in options}

    @property
    def kinds(self) -> dict[str, str]:
        """Long name -> "flag", "several" (it takes a list) or ""."""
        return {name: _kind(option) for name, option in self._options.items()}

    def plain(self) -> dict[str, Any]:
        """What was typed, or underlaid, and is no default, as a file would set it."""
        return self._underlaid | {
            name: _plain(self.typed[str(option.name)], is_file=option.name in _FILES)
            for name, option in self._options.items()
            if self._is_typed(option)
        }

    def underlay(self, settings: Mapping[str, Any]) -> None:
        """Take settings, as `plain` gave them, for typed where nothing else was.

        Raises:
            ParameterError: one that is not known, or is refused.
        """
        self._underlaid = dict(settings)
        for name, value in settings.items():
            option = self._options.get(name)
            if option is None or not self._is_typed(option):
                self.typed |= self.value(
                    name, Given(value=value, where="the settings of the record", folder="")
                )

    def _is_typed(self, option: click.Parameter) -> bool:
        source = self._ctx.get_parameter_source(str(option.name))
        return source is click.core.ParameterSource.COMMANDLINE

    def value(self, key: str, given: Given) -> dict[str, Any]:
        """The parameter that a setting sets.

        Raises:
            ParameterError: a key that is not known, or a value that is refused; with where and key.
        """
        option = self._options.get(key)
        if option is None:
            near = difflib.get_close_matches(key, self._options, n=1)
            meant = f"did you mean '{near[0]}'?" if near else f"allowed {', '.join(self._options)}"
            raise ParameterError(
                f"{given.where}: no setting is called '{key}', {meant}", hint=self._hint, code="settings"
            )
        try:
            raw = _raw(option, given)
            return {str(option.name): option.process_value(self._ctx, raw)}
        except (click.BadParameter, TonmeisterError) as error:
            raise self.refused(key, given, error.message) from error

    def refused(self, key: str, given: Given, message: str) -> ParameterError:
        """The error of a setting that cannot be."""
        return ParameterError(
            f"{given.where}: {key}: {message.removesuffix('.')}", hint=self._hint, code="settings"
        )


def _kind(option: click.Parameter) -> str:
    if isinstance(option, click.Option) and option.is_flag:
        return "flag"
    return "several" if option.multiple else ""


def _raw(option: click.Parameter, given: Given) -> Any:
    """A value of a document as the command line would have it."""
    value = given.value
    flag = isinstance(option, click.Option) and option.is_flag
    if flag != isinstance(value, bool):
        raise click.BadParameter(f"{value!r} is neither true nor false" if flag else "it takes a value")
    if flag:
        return value
    items = [_text(option, given, item) for item in (value if isinstance(value, list) else [value])]
    if option.multiple:
        return items
    return ",".join(items)


def _text(option: click.Parameter, given: Given, item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        raise click.BadParameter(f"{item!r} is neither text nor a number")
    if option.name not in _FILES or is_url(str(item)):
        return str(item)
    if is_url(given.folder):
        return joined(given.folder, str(item))
    return str(Path(given.folder, str(item)))


def _plain(value: Any, *, is_file: bool) -> Any:
    """As a file sets it; files by whole paths, because it may be read from elsewhere."""
    if isinstance(value, (list, tuple)):
        return [_plain(item, is_file=is_file) for item in value]
    if is_file and value is not None and not is_url(str(value)):
        return str(Path(value).absolute())
    return str(value) if isinstance(value, Path) else value
