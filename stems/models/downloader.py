"""The files of a model, fetched once.

Each network is looked for on the Hugging Face hub (safetensors), then on the older server (.th). Another
server takes the place of both where $TONMEISTER_MODELS_URL names one; it has the files flat in one folder.
$HF_ENDPOINT, which other tools use for mirrors of the hub, is followed too.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import ModelError, ParameterError
from mastering.io.atomic import output_problem
from stems.models import catalog
from stems.models.digests import check, read_lock, sha256_of, write_lock
from stems.models.entries import Member, ModelEntry, RemoteFile
from stems.models.exclusive import exclusive
from stems.models.store import LocatedFile, ModelFiles, folders, locate, locate_member, way_out
from stems.models.transfer import Cut, Network, Refused, Unreachable, fetch
from stems.models.weights import looks_whole

__all__ = ["URL_VARIABLE", "Progress", "download", "sources_of"]

URL_VARIABLE = "TONMEISTER_MODELS_URL"
"""Environment variable that names another server: its address with the folder of the files."""

_FULL = 64
_PATIENT = Network()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a download is.

    Args:
        file: the file that is coming.
        index, count: which of how many, from 0.
        done_bytes, total_bytes: of this file; None where the server does not say.
    """

    file: str
    index: int
    count: int
    done_bytes: int
    total_bytes: int | None


def download(
    entry: ModelEntry,
    models_dir: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    network: Network = _PATIENT,
) -> ModelFiles:
    """See to it that every file of a model is here and is the right one.

    What is here already is checked and left alone; what is damaged is set aside as NAME.damaged and
    fetched anew.
    What a former call began is gone on with. Two calls for one folder wait for each other.

    Args:
        entry: the model.
        models_dir: where to; None takes $TONMEISTER_MODELS_DIR or the user's cache folder.
        on_progress: called as bytes come.
        network: how patient to be.

    Raises:
        ModelError: a file does not come ("model_offline", "model_download") or is not the one that is
            known ("model_checksum", "model_damaged"); the hint says which file to put where by hand.
        EnvironmentProblem: the folder cannot be written, or the disk is full.
        ParameterError: $TONMEISTER_MODELS_URL is not an address.
    """
    if entry.label == "draft":
        return locate(entry, models_dir)
    folder = folders(models_dir)[0]
    members = entry.distinct_members
    absent = [member for member in members if _sound(member, models_dir) is None]
    if not absent:
        return locate(entry, models_dir)
    with exclusive(folder):
        for index, member in enumerate(members):
            if _sound(member, models_dir) is not None:
                continue  # here from the start, or meanwhile fetched by whoever held the folder
            _set_aside(member, folder)
            _fetch_member(entry, member, folder, _teller(on_progress, index, len(members)), network)
    return locate(entry, models_dir)


def _sound(member: Member, models_dir: Path | None) -> LocatedFile | None:
    """The file of a network if it is here and has the digest it must have."""
    found = locate_member(member, models_dir)
    if found is None:
        return None
    try:
        check(found.path, sha256_of(found.path), found.expected)
        looks_whole(found.path)
    except ModelError:
        return None
    return found


def _set_aside(member: Member, folder: Path) -> None:
    """Give damaged files another name: they are the user's, but nothing finds them any more."""
    for path in (folder / file.name for file in member.files):
        if path.is_file():
            try:
                path.replace(path.with_name(f"{path.name}.damaged"))
            except OSError as error:
                raise output_problem(error, path) from error


def _teller(
    on_progress: Callable[[Progress], None] | None, index: int, count: int
) -> Callable[[str, int, int | None], None]:
    def tell(file: str, done_bytes: int, total_bytes: int | None) -> None:
        if on_progress is not None:
            on_progress(
                Progress(file=file, index=index, count=count, done_bytes=done_bytes, total_bytes=total_bytes)
            )

    return tell


def _fetch_member(
    entry: ModelEntry,
    member: Member,
    folder: Path,
    tell: Callable[[str, int, int | None], None],
    network: Network,
) -> None:
    """One network from the first server that gives it."""
    failures: list[Exception] = []
    for file, url in sources_of(member):
        target = folder / file.name

        def told(done: int, total: int | None, name: str = file.name) -> None:
            tell(name, done, total)

        wanted = file.sha256 if len(file.sha256) == _FULL else read_lock(target) or file.sha256
        try:
            digest = fetch(url, target, sha256=wanted, tell=told, network=network)
            _accept(target, digest, file)
        except (Unreachable, Refused, Cut, ModelError) as error:
            failures.append(error)
        else:
            return
    raise _no_server(entry, member, folder, failures)


def _accept(target: Path, digest: str, file: RemoteFile) -> None:
    """Record a digest that nobody knew; refuse what is no file of weights."""
    try:
        looks_whole(target)
    except ModelError:
        target.unlink(missing_ok=True)
        raise
    if len(file.sha256) != _FULL:
        write_lock(target, digest)


def sources_of(member: Member) -> list[tuple[RemoteFile, str]]:
    """Where to fetch a network, the first choice first.

    Raises:
        ParameterError: a variable of the environment that is not an address.
    """
    mirror = _address(URL_VARIABLE)
    if mirror:
        return [(file, f"{mirror}/{urllib.parse.quote(file.name)}") for file in member.files]
    servers = catalog.roots()
    servers["hub"] = _address("HF_ENDPOINT") or servers["hub"]
    return [(file, f"{servers[file.root]}/{file.path}") for file in member.files]


def _address(variable: str) -> str:
    named = os.environ.get(variable, "").strip().rstrip("/")
    parts = urllib.parse.urlsplit(named)
    if named and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ParameterError(
            f"{variable}={named}: not an address of a web server",
            hint="It begins with https:// or http://; for a folder use TONMEISTER_MODELS_DIR.",
        )
    return named


def _no_server(entry: ModelEntry, member: Member, folder: Path, failures: list[Exception]) -> ModelError:
    wrong = [failure for failure in failures if isinstance(failure, ModelError)]
    if wrong:  # a server that sends the wrong thing is worse news than one that does not answer
        return wrong[0]
    offline = all(isinstance(failure, Unreachable) for failure in failures)
    reasons = "; ".join(dict.fromkeys(str(failure) for failure in failures))
    return ModelError(
        f"model '{entry.name}' does not download: {reasons}",
        hint=way_out(member, folder),
        code="model_offline" if offline else "model_download",
    )
