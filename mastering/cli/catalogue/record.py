"""What is known of each song of an outbox: `batch.json`, which a run writes and the next one goes on from.

The jobs' database says what was done; this file says it beside the masters, and survives without it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from mastering.cli.catalogue.outbox import Kept, Outbox
from mastering.codec import from_plain, to_plain
from mastering.errors import ParameterError, PresetError

__all__ = ["NAME", "Entry", "Problem", "Record", "State", "read_document"]

NAME = "batch.json"
KIND = "tonmeister batch"

State: TypeAlias = Literal["waiting", "running", "done", "failed"]

_LEAST_S = 3.0
_SHARE_OF_TIME = 0.05
"""Of a run that may go to writing down how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a song failed."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A song of an outbox.

    Args:
        input: path or URL.
        output: its path below the outbox, by which a song is known.
        album: mastered together with those of the same name; "" for none.
        settings: options of its own, by their long names.
        state: how far it is.
        version: of the input that is, or will be, mastered (see `task.Located`); "" for not known.
        stamp: of the input's file: what is the same as long as nobody writes to it.
        identity: of input, settings and output: equal for work that need not be done again.
        take: how often it was done before, where what came of it was lost.
        job: id.
        files: written.
        duration_s: of the input.
        lufs_before, lufs_after, true_peak_dbtp, plr_db: measured; None for silence, or not yet.
        missed: names of the checks that failed.
        notices: what should be known.
        problem: why it failed.
        seconds: that mastering took; of an album, this song's part by its length.
    """

    input: str
    output: str
    album: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: State = "waiting"
    version: str = ""
    stamp: str = ""
    identity: str = ""
    take: int = 0
    job: str = ""
    files: tuple[Kept, ...] = ()
    duration_s: float | None = None
    lufs_before: float | None = None
    lufs_after: float | None = None
    true_peak_dbtp: float | None = None
    plr_db: float | None = None
    missed: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    problem: Problem | None = None
    seconds: float | None = None


class Record:
    """The entries of an outbox, by their outputs.

    Args:
        outbox: where the record lies.
        settings: that were typed, as a file would set them.

    Raises:
        PresetError: what lies there is no record of a batch, or of a newer version.
        EnvironmentProblem: it cannot be read.
    """

    def __init__(self, outbox: Outbox, settings: Mapping[str, Any]) -> None:
        self._outbox = outbox
        self._settings = settings
        data = outbox.read(NAME)
        known = read_document(data, outbox.full(NAME))[1] if data is not None else []
        self._before = {entry.output: entry for entry in known}
        self.entries: dict[str, Entry] = {}
        self._others: list[Entry] = []
        self._lines: dict[str, str] = {}
        self.facts: dict[str, Any] = {}
        self._written_s = self._took_s = 0.0

    def before(self, output: str) -> Entry | None:
        """What an earlier run knew of a song."""
        return self._before.get(output)

    def begin(self, entries: Iterable[Entry]) -> None:
        """The songs of this run, in order; of others that are done the record stays."""
        self.entries = {entry.output: entry for entry in entries}
        others = (one for one in self._before.values() if one.output not in self.entries)
        self._others = [one for one in others if one.state == "done"]
        self._lines = {entry.output: _line(entry) for entry in self.all}

    @property
    def all(self) -> list[Entry]:
        """The songs of this run, and those that earlier runs have done."""
        return [*self.entries.values(), *self._others]

    def put(self, entry: Entry) -> None:
        """Note what is known of a song now."""
        self.entries[entry.output] = entry
        self._lines[entry.output] = _line(entry)

    @property
    def due(self) -> bool:
        """Whether it is time to write it down again."""
        pause_s = max(_LEAST_S, self._took_s / _SHARE_OF_TIME)
        return time.monotonic() - self._written_s >= pause_s

    def write(self, state: str, others: Mapping[str, Callable[[], str]]) -> None:
        """Write it down, and what is made of it.

        Args:
            state: of the run: "running", "interrupted" or "finished".
            others: name -> content of files beside it, made one after the other because they are large.

        Raises:
            EnvironmentProblem: the outbox cannot be written.
        """
        began_s = time.monotonic()
        self._outbox.write(NAME, self.text(state).encode("ascii"))
        for name, text in others.items():
            self._outbox.write(name, text().encode("utf-8", "backslashreplace"))
        self._written_s = time.monotonic()
        self._took_s = self._written_s - began_s

    def text(self, state: str) -> str:
        """The JSON document, a line for each song."""
        head = {
            "schema": 1,
            "kind": KIND,
            "state": state,
            "updated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "outbox": self._outbox.location,
            "settings": dict(self._settings),
            **self.facts,
        }
        songs = ",\n    ".join(self._lines.values())
        return f'{json.dumps(head, indent=2)[:-2]},\n  "songs": [\n    {songs}\n  ]\n}}\n'


def read_document(data: bytes, where: str) -> tuple[dict[str, Any], list[Entry]]:
    """The settings and the entries of a record.

    Raises:
        PresetError: it is none.
    """
    try:
        plain = json.loads(data)
        if plain["kind"] != KIND or plain["schema"] != 1:
            raise PresetError(f"{where}: schema {plain['schema']!r} of {plain['kind']!r} is not known here")
        return plain["settings"], [from_plain(Entry, one, where) for one in plain["songs"]]
    except (ValueError, KeyError, TypeError, PresetError, ParameterError) as error:
        said = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise PresetError(
            f"{where}: no record of a batch that this version reads ({said.removeprefix(f'{where}: ')})",
            hint="Move it away; what is recorded in the jobs' database is still known.",
            code="batch_record",
        ) from error


def _line(entry: Entry) -> str:
    """In ASCII: names that are no text in any encoding survive."""
    return json.dumps(to_plain(entry), separators=(", ", ": "))
