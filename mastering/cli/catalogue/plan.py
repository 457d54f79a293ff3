"""What will be done: each song with its settings and its output, and all that is wrong with it beforehand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import click

from mastering.cli.catalogue.inputs import Asked
from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.record import Record
from mastering.cli.catalogue.rows import Bad, Row
from mastering.cli.master import asked as asked_of_master
from mastering.cli.master_settings import Given, MasterSettings
from mastering.cli.options import reference_files
from mastering.cli.tasks import PluginOrder, StemsOrder
from mastering.codec import to_plain
from mastering.errors import TonmeisterError
from mastering.io.remote import Found, is_url, look
from mastering.jobs.kinds import absolute
from mastering.jobspec import MasterJob
from mastering.watch.names import DEFAULT_TEMPLATE, output_name

__all__ = ["Manner", "Planned", "Work", "plan"]

_LOOKS_AT_ONCE = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manner:
    """How songs are mastered; those with equal settings share one.

    Args:
        job, stems, plugins: as a task takes them; the job's references are those below.
        references: paths and URLs.
        template: of output names.
        digest: equal for equal settings.
    """

    job: MasterJob
    stems: StemsOrder | None
    plugins: PluginOrder
    references: tuple[str, ...]
    template: str
    digest: str

    @property
    def fields(self) -> dict[str, str]:
        """What the template may name of the settings."""
        return {
            "style": self.job.style.name if self.job.style is not None else "",
            "target": self.job.target.name if self.job.target is not None else "",
            "ext": self.job.delivery.container,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A song and where its master goes, below the outbox."""

    row: Row
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A song, or the songs of an album, for one job."""

    songs: tuple[Planned, ...]
    manner: Manner

    @property
    def lane(self) -> str:
        """Which workers do it."""
        return "short" if self.manner.stems is None else "long"

    @property
    def album(self) -> str:
        """Its name; "" for a song alone."""
        return self.songs[0].row.album


class _Refused(Exception):
    def __init__(self, bad: Bad) -> None:
        super().__init__(bad.message)
        self.bad = bad


def plan(
    asked: Asked, settings: MasterSettings, outbox: Outbox, record: Record
) -> tuple[list[Work], list[Bad]]:
    """The works, in the order of their first songs; and what is wrong, in the order of the rows.

    Args:
        asked: the songs.
        settings: what was typed.
        outbox: where masters go.
        record: of earlier runs: the input of what is done may be gone.
    """
    manners = _Manners(settings)
    bad = list(asked.bad)
    planned: list[tuple[Planned, Manner]] = []
    for row, folder in zip(asked.rows, asked.folders, strict=True):
        try:
            manner = manners.of(row, folder)
            planned.append((Planned(row=row, output=_output(row, manner)), manner))
        except _Refused as error:
            bad.append(error.bad)
    songs = [song for song, _ in planned]
    bad += _missing(songs, asked.found, record)
    bad += _clashes(songs)
    bad += _overwritten(planned, outbox)
    return list(_works(planned, bad)), bad


class _Manners:
    """Manners by their settings: ten thousand songs have a handful."""

    def __init__(self, settings: MasterSettings) -> None:
        self._settings = settings
        self._known: dict[str, Manner | Bad] = {}

    def of(self, row: Row, folder: str) -> Manner:
        suffix = PurePosixPath(row.output).suffix.lower() if row.output else ""
        key = json.dumps([row.settings, suffix, bool(row.album), folder if row.settings else ""])
        if key not in self._known:
            try:
                self._known[key] = self._made(row, suffix, folder)
            except _Refused as error:
                self._known[key] = error.bad
        known = self._known[key]
        if isinstance(known, Bad):
            raise _Refused(Bad(where=_where(row), message=known.message))
        return known

    def _made(self, row: Row, suffix: str, folder: str) -> Manner:
        where = _where(row)
        values = dict(self._settings.typed)
        try:
            for name, value in row.settings.items():
                values |= self._settings.value(name, Given(value=value, where=where, folder=folder))
            return _manner(values, suffix, album=bool(row.album))
        except (TonmeisterError, click.UsageError) as error:
            message = str(getattr(error, "message", error)).removeprefix(f"{where}: ")
            if not row.settings and not suffix:
                raise  # it was typed: no row is to blame
            raise _Refused(Bad(where=where, message=message.rstrip("."))) from error


def _manner(values: Mapping[str, Any], suffix: str, *, album: bool) -> Manner:
    """What settings ask for.

    Raises:
        TonmeisterError: an unknown preset, a number outside its range, a reference that is not there, ...
        click.UsageError: settings that contradict each other.
    """
    from mastering.io.paths import check_readable

    local = reference_files([one for one in values["references"] if not is_url(one)])
    for path in local:
        check_readable(path)
    remote = [one for one in values["references"] if is_url(one)]
    for url in remote:
        look(url)
    stand_ins = [*map(str, local), *(f"remote-{i}" for i in range(len(remote)))]
    job, stems, plugins = asked_of_master(
        {
            **values,
            "references": stand_ins,
            "output": Path(f"x{suffix}") if suffix else None,
            "album": album,
        }
    )
    job, stems, plugins = absolute((replace(job, references=()), stems, plugins))
    references = (*(str(path.absolute()) for path in local), *remote)
    whole = json.dumps([to_plain(job), to_plain(stems), to_plain(plugins)], sort_keys=True)
    return Manner(
        job=job,
        stems=stems,
        plugins=plugins,
        references=references,
        template=values["name_template"] or DEFAULT_TEMPLATE,
        digest=hashlib.sha256(whole.encode()).hexdigest(),
    )


def _output(row: Row, manner: Manner) -> str:
    """A song's output below the outbox, with slashes."""
    if row.output:
        path = PurePosixPath(row.output.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or is_url(row.output) or path.name.startswith("."):
            message = f"output: '{row.output}' is no path below the folder of --output"
            raise _Refused(Bad(where=_where(row), message=message))
        if not path.suffix:
            message = f"output: '{row.output}' has no suffix, which says the format"
            raise _Refused(Bad(where=_where(row), message=message))
        return path.as_posix()
    own = PurePosixPath(row.input) if is_url(row.input) else Path(row.input)
    fields = {**manner.fields, "stem": own.stem, "folder": PurePosixPath(row.folder).name or own.parent.name}
    if "{date}" in manner.template:
        fields["date"] = _date(row.input)
    return PurePosixPath(row.folder, output_name(manner.template, fields)).as_posix()


def _date(location: str) -> str:
    """Day of a file's last change; what lies elsewhere has none."""
    from datetime import date

    path = Path(location)
    return (
        "" if is_url(location) or not path.exists() else date.fromtimestamp(path.stat().st_mtime).isoformat()
    )


def _where(row: Row) -> str:
    return row.where or row.input


def _missing(songs: Sequence[Planned], found: dict[str, Found], record: Record) -> Iterator[Bad]:
    """Inputs that are not there; what is known of those that lie elsewhere is noted in `found`."""
    elsewhere = [song.row.input for song in songs if is_url(song.row.input) and song.row.input not in found]
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        said = dict(zip(elsewhere, pool.map(_looked, elsewhere), strict=True))
    found |= {url: one for url, one in said.items() if isinstance(one, Found)}
    for song in songs:
        before = record.before(song.output)
        if before is not None and before.state == "done":
            continue
        location = song.row.input
        if is_url(location):
            one = said.get(location)
            if isinstance(one, str):
                yield Bad(where=_where(song.row), message=one.removeprefix(f"{_where(song.row)}: "))
        elif not Path(location).is_file():
            what = "it is a folder" if Path(location).is_dir() else "there is no such file"
            shown = f"{location}: " if song.row.where else ""
            yield Bad(where=_where(song.row), message=f"{shown}{what}")


def _looked(url: str) -> Found | str:
    try:
        return look(url)
    except TonmeisterError as error:
        return error.message


def _clashes(songs: Iterable[Planned]) -> Iterator[Bad]:
    """Songs whose masters, or whose recipes and reports, would have one name."""
    taken: dict[str, Planned] = {}
    for song in songs:
        key = os.path.normcase(str(PurePosixPath(song.output).with_suffix("")))
        first = taken.setdefault(key, song)
        if first is not song:
            message = f"its master would be {song.output}, and so would that of {_where(first.row)}"
            yield Bad(where=_where(song.row), message=message)


def _overwritten(planned: Sequence[tuple[Planned, Manner]], outbox: Outbox) -> Iterator[Bad]:
    """Outputs that are an input or a reference."""
    originals = {song.row.input for song, _ in planned}
    originals |= {one for manner in {manner for _, manner in planned} for one in manner.references}
    kept = {one if is_url(one) else os.path.realpath(one) for one in originals}
    for song, _ in planned:
        full = outbox.full(song.output)
        if (full if outbox.is_remote else os.path.realpath(full)) in kept:
            yield Bad(
                where=_where(song.row),
                message=f"its master would be {song.output}, which is an input or a reference",
            )


def _works(planned: Sequence[tuple[Planned, Manner]], bad: list[Bad]) -> Iterator[Work]:
    albums: dict[str, list[Planned]] = {}
    leaders: dict[str, tuple[Planned, Manner]] = {}
    for song, manner in planned:
        if song.row.album:
            albums.setdefault(song.row.album, []).append(song)
            first, wanted = leaders.setdefault(song.row.album, (song, manner))
            if (manner.digest, manner.references) != (wanted.digest, wanted.references):
                message = f"album '{song.row.album}': it has other settings than {_where(first.row)}"
                bad.append(Bad(where=_where(song.row), message=message))
    for song, manner in planned:
        if not song.row.album:
            yield Work(songs=(song,), manner=manner)
        elif leaders[song.row.album][0] is song:
            yield Work(songs=tuple(albums[song.row.album]), manner=manner)
