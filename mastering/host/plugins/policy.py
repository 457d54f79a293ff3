"""What may be loaded: plug-ins in allowed folders, and plug-ins allowed by the digest of their bundle.

Forbidding goes before everything. A desktop allows the folders of the system; a service starts with
`Policy()`, which allows nothing. The user's own words are kept in plugins.json in the user's configuration
folder, or in the file that $TONMEISTER_PLUGIN_POLICY names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mastering.codec import from_json, to_json
from mastering.errors import PluginForbidden, PresetError
from mastering.host.plugins.bundles import standard_folders
from mastering.io.atomic import write_text_atomic

__all__ = ["FILE_VARIABLE", "Policy", "Word", "desktop_policy", "load_words", "policy_file", "save_words"]

FILE_VARIABLE = "TONMEISTER_PLUGIN_POLICY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One bundle that was allowed or forbidden.

    Args:
        sha256: its digest.
        name: what it was called, for people.
    """

    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be loaded. The default is nothing.

    Args:
        folders: everything below them, links followed first.
        allowed: bundles anywhere.
        forbidden: bundles that are not loaded wherever they lie.
    """

    folders: tuple[str, ...] = ()
    allowed: tuple[Word, ...] = ()
    forbidden: tuple[Word, ...] = ()

    def check(self, bundle: Path, sha256: str) -> None:
        """Refuse a bundle that may not be loaded.

        Raises:
            PluginForbidden: it is forbidden, or neither in an allowed folder nor allowed itself.
        """
        if any(word.sha256 == sha256 for word in self.forbidden):
            raise PluginForbidden(
                f"{bundle}: this plug-in is forbidden",
                hint=f"`tonmeister plugins allow {bundle}` takes that back.",
            )
        real = bundle.resolve()
        inside = any(real.is_relative_to(Path(folder).expanduser().resolve()) for folder in self.folders)
        if not inside and not any(word.sha256 == sha256 for word in self.allowed):
            where = ", ".join(self.folders) or "none"
            raise PluginForbidden(
                f"{bundle}: this plug-in is not allowed: it lies outside of the allowed folders ({where}) "
                "and is not allowed itself",
                hint=f"If you trust it: tonmeister plugins allow {bundle}",
            )

    def allow(self, word: Word) -> Policy:
        """With one more bundle; takes a ban back."""
        rest = self._without(word)
        return replace(rest, allowed=(*rest.allowed, word))

    def forbid(self, word: Word) -> Policy:
        """With one more ban."""
        rest = self._without(word)
        return replace(rest, forbidden=(*rest.forbidden, word))

    def _without(self, word: Word) -> Policy:
        return replace(
            self,
            allowed=tuple(other for other in self.allowed if other.sha256 != word.sha256),
            forbidden=tuple(other for other in self.forbidden if other.sha256 != word.sha256),
        )


def policy_file() -> Path:
    """Where the user's words are kept; the file need not exist."""
    named = os.environ.get(FILE_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_config_path("tonmeister") / "plugins.json"


def load_words() -> Policy:
    """What the user allowed and forbade, without the system's folders.

    Raises:
        PresetError: the file is damaged.
    """
    file = policy_file()
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(
            f"{file}: the list of allowed plug-ins cannot be read ({error})", hint="Repair or delete it."
        ) from error
    return from_json(Policy, text, str(file))


def save_words(policy: Policy) -> None:
    """Keep what the user allowed and forbade.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    file = policy_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, to_json(policy), force=True)


def desktop_policy() -> Policy:
    """The user's words, and every folder in which this system's hosts look."""
    words = load_words()
    return replace(words, folders=(*words.folders, *map(str, standard_folders())))
