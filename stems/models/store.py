"""Where the files of models are.

The user's own folders come first: --models-dir, $TONMEISTER_MODELS_DIR, `models` in the user's cache folder.
Then what demucs itself or torch.hub may have downloaded before, which is read and never written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mastering.errors import ModelError
from stems.models import catalog
from stems.models.digests import Expectation, expectation
from stems.models.entries import Member, ModelEntry, RemoteFile

__all__ = [
    "FOLDER_VARIABLE",
    "LocatedFile",
    "ModelFiles",
    "address",
    "folders",
    "locate",
    "locate_member",
    "missing",
    "way_out",
]

FOLDER_VARIABLE = "TONMEISTER_MODELS_DIR"
"""Environment variable that names a folder of models, for machines without a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedFile:
    """A file that is there; whether it is the right one is not yet known.

    Args:
        signature: of the network it holds.
        path: the file.
        remote: its entry in the catalogue.
    """

    signature: str
    path: Path
    remote: RemoteFile

    @property
    def expected(self) -> Expectation:
        """What its digest must be."""
        return expectation(self.path, self.remote)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """All files of a model, one for each member, in order."""

    entry: ModelEntry
    files: tuple[LocatedFile, ...]


def folders(models_dir: Path | None = None) -> tuple[Path, ...]:
    """The user's folders in the order of search; downloads go into the first."""
    import platformdirs

    named = os.environ.get(FOLDER_VARIABLE, "")
    own = [Path(models_dir).expanduser()] if models_dir is not None else []
    own += [Path(named).expanduser()] if named else []
    return (*own, platformdirs.user_cache_path("tonmeister", appauthor=False) / "models")


def locate(entry: ModelEntry, models_dir: Path | None = None) -> ModelFiles:
    """The files of a model; none is opened.

    Args:
        entry: the model.
        models_dir: a folder to look in before all others.

    Raises:
        ModelError: one is missing ("model_missing"); the hint says which file to put where.
    """
    found = {member.signature: locate_member(member, models_dir) for member in entry.distinct_members}
    absent = [member for member in entry.distinct_members if found[member.signature] is None]
    if absent:
        raise missing(entry, absent, models_dir)
    files = (found[member.signature] for member in entry.members)
    return ModelFiles(entry=entry, files=tuple(file for file in files if file is not None))


def locate_member(member: Member, models_dir: Path | None = None) -> LocatedFile | None:
    """The first file that holds a network, folder by folder."""
    if member.files[0].root == "embedded":
        return _first(member, [catalog.embedded_folder() / member.files[0].name])
    for folder in folders(models_dir):
        found = _first(member, [folder / file.name for file in member.files])
        if found is not None:
            return found
    return _first(member, [path for file in member.files for path in _elsewhere(file)])


def _first(member: Member, candidates: list[Path]) -> LocatedFile | None:
    remotes = {file.name: file for file in member.files}
    for path in candidates:
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a folder may not be read
            return LocatedFile(signature=member.signature, path=path, remote=remotes[path.name])
    return None


def _elsewhere(file: RemoteFile) -> list[Path]:
    """Where demucs would have put a file: the cache of torch.hub or of the Hugging Face hub."""
    if file.root == "legacy":
        home = os.environ.get("TORCH_HOME") or _user_cache() / "torch"
        return [Path(home) / "hub" / "checkpoints" / file.name]
    namespace, repository = file.path.split("/")[:2]
    snapshots = _hub_cache() / f"models--{namespace}--{repository}" / "snapshots"
    try:
        return [revision / file.name for revision in sorted(snapshots.iterdir())]
    except OSError:
        return []


def _hub_cache() -> Path:
    """The cache folder of huggingface_hub, by its own environment variables."""
    named = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or _user_cache() / "huggingface"
    return Path(named) if named else Path(home) / "hub"


def _user_cache() -> Path:
    # Both libraries use ~/.cache on every system.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())


def missing(entry: ModelEntry, absent: list[Member], models_dir: Path | None) -> ModelError:
    """The error of a model whose files are not here."""
    names = " or ".join(file.name for file in absent[0].files)
    others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    if entry.label == "draft":
        return ModelError(
            f"the embedded model '{entry.name}' is not there: {catalog.embedded_folder() / names}",
            hint="Reinstall tonmeister.",
            code="model_missing",
        )
    return ModelError(
        f"model '{entry.name}' is not on this machine: {names}{others}",
        hint=f"`tonmeister stems models download {entry.name}` fetches it. "
        + way_out(absent[0], folders(models_dir)[0]),
        code="model_missing",
    )


def way_out(member: Member, folder: Path) -> str:
    """What to do without a network."""
    file = member.files[0]
    return (
        f"Without a network, put {file.name} from {address(file)} into {folder}, "
        "or go on with the embedded model: --model draft."
    )


def address(file: RemoteFile) -> str:
    """Where a file is published."""
    return f"{catalog.roots()[file.root]}/{file.path}"
