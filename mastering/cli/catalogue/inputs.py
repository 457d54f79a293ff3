"""What is meant: files, folders and globs, here or elsewhere, and manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.record import KIND, Entry, read_document
from mastering.cli.catalogue.rows import Bad, Row, is_manifest, parse
from mastering.cli.inputs import AUDIO_SUFFIXES, MASTER_MARK, expand, natural_key
from mastering.errors import AudioFileError, ParameterError
from mastering.io.remote import Found, canonical, find, is_url, joined, local_path, read_bytes

__all__ = ["Asked", "gather", "refuse_memory"]


@dataclass(slots=True, kw_only=True)
class Asked:
    """All that is asked for.

    Attributes:
        rows: the songs; their inputs are absolute paths or URLs.
        folders: row -> folder of its manifest, which its files are relative to; the working one for others.
        bad: what is wrong, with the manifest's name before its place.
        found: URL -> what a listing said of it.
        settings: of a record of an earlier run, as a file would set them.
        record: the one manifest is the record of an earlier run.
    """

    rows: list[Row] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    record: bool = False


def gather(given: Iterable[str], outbox: Outbox, options: Mapping[str, str], *, albums: bool) -> Asked:
    """What the arguments mean.

    Args:
        given: paths, URLs and globs.
        outbox: what lies in it is no input.
        options: as `rows.parse` takes them.
        albums: each folder is an album.

    Raises:
        AudioFileError: a folder without songs, or a manifest that is not there.
        EnvironmentProblem, ParameterError: a storage refuses, or the outbox is the input.
    """
    asked = Asked()
    for text in given:
        name = text if is_url(text) else str(local_path(text))
        refuse_memory(name)
        if is_manifest(name):
            _manifest(name, asked, options)
        else:
            _refuse_same(name, outbox)
            _songs(name, outbox, asked, albums=albums)
    return asked


def refuse_memory(location: str) -> None:
    """Raise ParameterError for what only this process would see."""
    if location.startswith("memory://"):
        raise ParameterError(
            "memory:// lives in one process, and songs are mastered in others",
            hint="Name a folder, or a storage that others reach.",
            code="remote_protocol",
        )


def _manifest(name: str, asked: Asked, options: Mapping[str, str]) -> None:
    data = read_bytes(name) if is_url(name) else _read(Path(name))
    folder = name.rpartition("/")[0] if is_url(name) else str(Path(name).absolute().parent)
    if name.lower().endswith(".json") and KIND.encode() in data[:400]:
        settings, entries = read_document(data, name)
        asked.settings |= settings
        asked.record = True
        asked.rows += [_of_entry(entry) for entry in entries]
        asked.folders += [folder] * len(entries)
        return
    rows, bad = parse(name, data, options)
    shown = name if is_url(name) else Path(name).name
    asked.bad += [replace(one, where=f"{shown}: {one.where}".removesuffix(": ")) for one in bad]
    asked.rows += [
        replace(row, input=_absolute(row.input, folder), where=f"{shown}: {row.where}") for row in rows
    ]
    asked.folders += [folder] * len(rows)


def _of_entry(entry: Entry) -> Row:
    return Row(
        input=entry.input,
        where=entry.output,
        output=entry.output,
        album=entry.album,
        settings=entry.settings,
    )


def _songs(name: str, outbox: Outbox, asked: Asked, *, albums: bool) -> None:
    rows = list(_remote(name, outbox, asked) if is_url(name) else _local(name, outbox))
    if not rows:
        raise AudioFileError(
            f"{name}: there are no songs",
            hint="Name an audio file, or a folder that holds some.",
            code="no_audio",
        )
    asked.rows += [replace(row, album=row.folder or "album") if albums else row for row in rows]
    asked.folders += [str(Path.cwd())] * len(rows)


def _local(name: str, outbox: Outbox) -> Iterable[Row]:
    for item in expand([name]):
        if item.failure is not None:
            raise AudioFileError(item.failure.message, hint=item.failure.hint, code=item.failure.code)
        path = item.path.absolute()
        if outbox.is_remote or not outbox.holds(str(path)):
            yield Row(input=str(path), folder=item.folder.as_posix().removeprefix("."))


def _remote(url: str, outbox: Outbox, asked: Asked) -> Iterable[Row]:
    found = find(url, wanted=_is_material)
    root = f"{canonical(url).rstrip('/')}/"
    for one in sorted(found, key=lambda one: natural_key(Path(one.url))):
        if outbox.holds(one.url):
            continue
        asked.found[one.url] = one
        below = one.url.removeprefix(root) if one.url.startswith(root) else ""
        yield Row(input=one.url, folder=PurePosixPath(below).parent.as_posix().removeprefix("."))


def _is_material(name: str) -> bool:
    own = PurePosixPath(name)
    return (
        own.suffix.lower() in AUDIO_SUFFIXES
        and not own.name.startswith(".")
        and not own.stem.endswith(MASTER_MARK)
    )


def _refuse_same(name: str, outbox: Outbox) -> None:
    same = outbox.holds(name) and Outbox(name).holds(outbox.location)
    if same:
        raise ParameterError(
            f"{outbox.location}: masters may not go among their inputs",
            hint="Choose another folder for --output; it may lie below this one.",
            code="folders_nested",
        )


def _absolute(text: str, folder: str) -> str:
    if is_url(text):
        return text
    if text.startswith("file://"):
        return str(local_path(text))
    if is_url(folder):
        return joined(folder, text)
    return str(Path(folder, text))


def _read(path: Path) -> bytes:
    from mastering.io.paths import check_readable

    check_readable(path)
    return path.read_bytes()
