"""Which model is meant, found out without PyTorch: enough to look into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mastering.errors import ModelError
from mastering.notice import Notice
from stems.models.bags import read_bag
from stems.models.catalog import EMBEDDED, find_model
from stems.models.digests import check, expectation, sha256_of
from stems.models.loader import is_path
from stems.models.store import LocatedFile, locate

__all__ = ["PREFERRED", "Identity", "identify"]

PREFERRED = "htdemucs"
"""The model that separates where none is named and its files are here; else the embedded one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A model by what its stems depend on.

    Args:
        model: its name, or the path to it: what `stems.models.load` takes.
        name: for people: that name, or the file's without its suffix.
        label: as in `mastering.ports.SeparatorInfo`.
        sha256: digest of the file of each network.
        sources: the stems, where they are known without opening a file; else empty.
        weights: of each network for each source; None for equal ones.
        segment_s: what each network takes at a time, where that is not its own.
        notices: why it is this one.
    """

    model: str
    name: str
    label: Literal["draft", "official", "custom"]
    sha256: tuple[str, ...]
    sources: tuple[str, ...] = ()
    weights: tuple[tuple[float, ...], ...] | None = None
    segment_s: float | None = None
    notices: tuple[Notice, ...] = ()


def identify(model: str | Path | None, models_dir: Path | None = None) -> Identity:
    """The model of a name or path; None is `PREFERRED` where its files are here, else the embedded one.

    Raises:
        ParameterError: no model of that name.
        ModelError: a file that is missing, or not the one it should be.
    """
    if model is None:
        return _default(models_dir)
    if is_path(model):
        return _of_path(Path(model), models_dir)
    return _of_name(str(model), models_dir)


def _default(models_dir: Path | None) -> Identity:
    try:
        return _of_name(PREFERRED, models_dir)
    except ModelError as error:
        if error.code != "model_missing":
            raise
    found = _of_name(EMBEDDED, models_dir)
    notice = Notice(
        code="draft_model",
        message=f"The model {PREFERRED} is not on this machine, so the small embedded model {EMBEDDED} "
        f"separates; `tonmeister stems models download {PREFERRED}` fetches the better one.",
    )
    return replace(found, notices=(notice,))


def _of_name(name: str, models_dir: Path | None) -> Identity:
    entry = find_model(name)
    return Identity(
        model=name,
        name=name,
        label=entry.label,
        sha256=_digests(locate(entry, models_dir).files),
        sources=entry.sources,
        weights=entry.weights,
        segment_s=entry.segment_s,
    )


def _of_path(path: Path, models_dir: Path | None) -> Identity:
    if path.suffix.lower() not in (".yaml", ".yml"):
        return Identity(model=str(path), name=path.stem, label="custom", sha256=_digests([path]))
    bag = read_bag(path, models_dir)
    return Identity(
        model=str(path),
        name=path.stem,
        label="custom",
        sha256=_digests(bag.files),
        weights=bag.weights,
        segment_s=bag.segment_s,
    )


def _digests(files: Sequence[Path | LocatedFile]) -> tuple[str, ...]:
    """The digest of each file, checked against what it must be."""
    known: dict[Path, str] = {}
    for file in files:
        path, expected = (file, expectation(file)) if isinstance(file, Path) else (file.path, file.expected)
        if path not in known:
            known[path] = sha256_of(path)
            check(path, known[path], expected)
    return tuple(known[file if isinstance(file, Path) else file.path] for file in files)
