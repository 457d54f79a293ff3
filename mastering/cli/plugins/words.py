"""`tonmeister plugins allow` and `forbid`: the user's word on a bundle, by the digest of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.plugins.files import own_file
from mastering.cli.plugins.finding import bundle_given, bundles_named
from mastering.cli.plugins.options import EXIT_CODES_HELP, complete_plugins, json_option
from mastering.errors import ParameterError, PluginNotFound
from mastering.host.plugins.bundles import digest
from mastering.host.plugins.catalog import Catalog, load_catalog
from mastering.host.plugins.policy import Policy, Word, load_words, policy_file, save_words
from mastering.report.wording import clean

__all__ = ["allow_command", "forbid_command"]

_EXAMPLES = """\b
Examples:
  tonmeister plugins forbid ZamVerb
  tonmeister plugins allow ~/Downloads/New.vst3
  tonmeister plugins scan ~/Downloads/New.vst3

"""

_name = click.argument("name", metavar="NAME|PATH", shell_complete=complete_plugins)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meant:
    """A bundle that is meant.

    Args:
        word: its digest and name.
        path: None for one that was forbidden and is not here any more.
        scanned: the catalog has it.
    """

    word: Word
    path: Path | None
    scanned: bool


@click.command("allow", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@_name
@json_option
def allow_command(name: str, as_json: bool) -> None:
    """Allow the plug-in NAME, or the bundle PATH, wherever it lies; this takes a ban back.

    The word counts for the bundle as it is now: another version of it has to be allowed again, unless it
    lies in an allowed folder.
    """
    words, meant = load_words(), _meant(name, load_words())
    was = _was(words, meant.word)
    if was != "allowed":
        _save(words.allow(meant.word))
    if as_json:
        write(_document(meant, "allowed"))
        return
    _say(meant, "is allowed already" if was == "allowed" else "is allowed", was == "forbidden")
    if meant.path is not None and not meant.scanned:
        click.echo(clean(f"To look what is in it: tonmeister plugins scan '{meant.path}'"))


@click.command("forbid", cls=Command, epilog=_EXAMPLES + EXIT_CODES_HELP)
@_name
@json_option
def forbid_command(name: str, as_json: bool) -> None:
    """Forbid the plug-in NAME, or the bundle PATH, wherever it lies; nothing loads it any more.

    The word counts for the bundle as it is now: another version of it has to be forbidden again.
    """
    words, meant = load_words(), _meant(name, load_words())
    was = _was(words, meant.word)
    if was != "forbidden":
        _save(words.forbid(meant.word))
    if as_json:
        write(_document(meant, "forbidden"))
        return
    _say(meant, "is forbidden already" if was == "forbidden" else "is forbidden: nothing loads it", False)


def _meant(name: str, words: Policy) -> _Meant:
    """The bundle that is meant: a path, a bundle of the catalog, or one that was forbidden and is gone.

    Raises:
        PluginNotFound: there is none of that name, or several.
        ParameterError: a folder.
    """
    catalog = load_catalog()
    bundle = bundle_given(name) or _named(catalog, name)
    if bundle is not None:
        try:
            sha256 = digest(bundle)
        except OSError as error:
            raise PluginNotFound(
                f"{bundle}: it cannot be read ({error.strerror})", hint="Check its permissions."
            ) from error
        scanned = any(
            entry.path == str(bundle) and entry.status != "not_allowed" for entry in catalog.bundles
        )
        return _Meant(word=Word(sha256=sha256, name=bundle.stem), path=bundle, scanned=scanned)
    for word in (*words.forbidden, *words.allowed):
        if word.name.casefold() == name.casefold():
            return _Meant(word=word, path=None, scanned=False)
    if Path(name).expanduser().is_dir():
        raise ParameterError(
            f"{name}: a folder, not a plug-in's bundle",
            hint=f"A folder is allowed by scanning it: tonmeister plugins scan '{name}'",
            code="plugin_folder",
        )
    catalog.find(name)  # says what is near
    raise PluginNotFound(f"no plug-in named '{name}'", hint="`tonmeister plugins list --all` lists them.")


def _named(catalog: Catalog, name: str) -> Path | None:
    there = [Path(entry.path) for entry in bundles_named(catalog, name) if Path(entry.path).exists()]
    if len(there) > 1:
        raise PluginNotFound(
            f"there are {len(there)} plug-ins named '{name}': {', '.join(map(str, there))}",
            hint="Give the path of its bundle.",
            code="plugin_ambiguous",
        )
    return there[0] if there else None


def _was(words: Policy, word: Word) -> str:
    """What was said of it before."""
    if any(own.sha256 == word.sha256 for own in words.forbidden):
        return "forbidden"
    return "allowed" if any(own.sha256 == word.sha256 for own in words.allowed) else ""


def _save(words: Policy) -> None:
    with own_file():
        save_words(words)


def _say(meant: _Meant, what: str, taken_back: bool) -> None:
    where = f" ({meant.path})" if meant.path is not None else ""
    back = "; the ban is taken back" if taken_back else ""
    click.echo(clean(f"{meant.word.name} {what}{back}: SHA-256 {meant.word.sha256[:16]}...{where}"))


def _document(meant: _Meant, word: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": meant.word.name,
        "path": str(meant.path) if meant.path is not None else None,
        "sha256": meant.word.sha256,
        "word": word,
        "policy": str(policy_file()),
    }
