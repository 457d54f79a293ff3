"""A model's name or path to networks that run."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.errors import ModelError, ParameterError
from stems.models.bags import read_bag
from stems.models.catalog import find_model
from stems.models.digests import check, expectation, unreadable
from stems.models.entries import Label, ModelEntry
from stems.models.store import LocatedFile, locate

if TYPE_CHECKING:
    import torch

__all__ = ["LoadedModel", "is_path", "load"]

_SUFFIXES = (".safetensors", ".th", ".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """Networks that are ready to run, and how their outputs become one.

    Args:
        name: of the model; of a file its name without the suffix.
        label: "draft", "official" or "custom".
        models: the networks: float32, on the CPU, in evaluation mode, without gradients; each carries its
            `segment` (s), `samplerate` and `sources` as demucs does. A network may stand there twice.
        weights: for each network one weight per source; each source is the mean weighted by them.
        sources: the stems in the order of the outputs.
        sample_rate: Hz.
        audio_channels: what goes in.
        segment_s: what the networks take at a time; of several the shortest.
        sha256: digest of each network's file.
        licence: in a word.
    """

    name: str
    label: Label
    models: list[torch.nn.Module]
    weights: list[list[float]]
    sources: tuple[str, ...]
    sample_rate: int
    audio_channels: int
    segment_s: float
    sha256: tuple[str, ...]
    licence: str


def is_path(model: str | Path) -> bool:
    """Whether a model is given as a path to a file rather than by its name.

    >>> is_path("htdemucs"), is_path("mine.safetensors"), is_path("models/mine")
    (False, True, True)
    """
    text = str(model)
    return isinstance(model, Path) or text.lower().endswith(_SUFFIXES) or "/" in text or "\\" in text


def load(
    model: ModelEntry | Path | str, models_dir: Path | None = None, *, allow_pickle: bool = False
) -> LoadedModel:
    """Load a model: by its entry, by its name, or from a .safetensors, .th or .yaml file.

    Every file is read once; the digest is taken of the very bytes that are loaded.

    Args:
        model: which.
        models_dir: a folder to look in before all others.
        allow_pickle: let .th files execute what they ask for; for files of trusted makers only.

    Raises:
        ParameterError: no such name, or a path of another kind.
        ModelError: a file is missing, damaged, not the one it should be, or no model of demucs; the code says
            which ("model_missing", "model_unreadable", "model_checksum", "model_damaged", "model_foreign",
            "model_mismatch", "model_pickle", "model_bag", "model_needs_package").
    """
    if isinstance(model, ModelEntry):
        return _load_entry(model, models_dir, allow_pickle)
    if is_path(model):
        return _load_path(Path(model), models_dir, allow_pickle)
    return _load_entry(find_model(str(model)), models_dir, allow_pickle)


def _load_entry(entry: ModelEntry, models_dir: Path | None, allow_pickle: bool) -> LoadedModel:
    if entry.needs and importlib.util.find_spec(entry.needs) is None:
        from stems.models.packages import needs_package

        raise needs_package(entry.needs, entry.name)
    return _joined(
        locate(entry, models_dir).files,
        weights=entry.weights,
        segment_s=entry.segment_s,
        allow_pickle=allow_pickle,
        name=entry.name,
        label=entry.label,
        licence=entry.licence,
        official_sources=entry.sources,
    )


def _load_path(path: Path, models_dir: Path | None, allow_pickle: bool) -> LoadedModel:
    about: dict[str, Any] = {"name": path.stem, "label": "custom", "licence": "not stated"}
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ParameterError(
            f"{path}: not a file of a model: allowed {', '.join(_SUFFIXES)}",
            hint="A model is also chosen by name: `tonmeister stems models list`.",
            code="model_unknown",
        )
    if suffix in (".yaml", ".yml"):
        bag = read_bag(path, models_dir)
        return _joined(
            bag.files, weights=bag.weights, segment_s=bag.segment_s, allow_pickle=allow_pickle, **about
        )
    return _joined([path], weights=None, segment_s=None, allow_pickle=allow_pickle, **about)


def _joined(
    files: Sequence[Path | LocatedFile],
    *,
    weights: Sequence[Sequence[float]] | None,
    segment_s: float | None,
    allow_pickle: bool,
    name: str,
    label: Label,
    licence: str,
    official_sources: tuple[str, ...] = (),
) -> LoadedModel:
    """The networks of some files as one model."""
    from stems.models.modules import describe

    read: dict[Path, tuple[torch.nn.Module, str]] = {}
    for file in files:
        if _path_of(file) not in read:
            read[_path_of(file)] = _network(file, allow_pickle)
            _shorten(read[_path_of(file)][0], segment_s)
    pairs = [read[_path_of(file)] for file in files]
    facts = [describe(module, str(_path_of(file))) for file, (module, _) in zip(files, pairs, strict=True)]
    sources, sample_rate, channels, _ = facts[0]
    for file, other in zip(files, facts, strict=True):
        if other[:3] != facts[0][:3]:
            raise _discord(_path_of(file), _path_of(files[0]))
    if official_sources and sources != official_sources:
        raise _other_stems(_path_of(files[0]), sources, name, official_sources)
    if weights is not None and any(len(row) != len(sources) for row in weights):
        raise _wrong_weights(name, len(sources))
    return LoadedModel(
        name=name,
        label=label,
        models=[module for module, _ in pairs],
        weights=[list(row) for row in weights] if weights else [[1.0] * len(sources) for _ in pairs],
        sources=sources,
        sample_rate=sample_rate,
        audio_channels=channels,
        segment_s=min(segment for *_, segment in facts),
        sha256=tuple(digest for _, digest in pairs),
        licence=licence,
    )


def _path_of(file: Path | LocatedFile) -> Path:
    return file if isinstance(file, Path) else file.path


def _network(file: Path | LocatedFile, allow_pickle: bool) -> tuple[torch.nn.Module, str]:
    """One network and the digest of its file."""
    from stems.models.modules import build
    from stems.models.packages import read_pickle, read_safetensors

    path = _path_of(file)
    expected = expectation(path) if isinstance(file, Path) else file.expected
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    digest = hashlib.sha256(content).hexdigest()
    check(path, digest, expected)
    if path.suffix.lower() == ".safetensors":
        package = read_safetensors(content, str(path))
    else:
        package = read_pickle(content, str(path), allow_pickle=allow_pickle)
    del content
    return build(package, str(path), trusted=expected.origin in ("catalogue", "card")), digest


def _shorten(module: Any, segment_s: float | None) -> None:
    """Set what a network takes at a time; like in demucs a transformer never gets more than it knows."""
    from demucs.htdemucs import HTDemucs

    if segment_s is not None and not (isinstance(module, HTDemucs) and segment_s > module.segment):
        module.segment = segment_s


def _other_stems(
    path: Path, sources: tuple[str, ...], name: str, official_sources: tuple[str, ...]
) -> ModelError:
    return ModelError(
        f"{path}: its stems are {', '.join(sources)}; those of model '{name}' are "
        f"{', '.join(official_sources)}",
        hint="Remove the file, then download the model again.",
        code="model_mismatch",
    )


def _discord(path: Path, first: Path) -> ModelError:
    return ModelError(
        f"{path}: its stems, rate or channels are not those of {first.name} in the same bag",
        hint="All networks of a bag must have the same.",
        code="model_bag",
    )


def _wrong_weights(name: str, count: int) -> ModelError:
    return ModelError(
        f"model '{name}': its lists of weights must have {count} numbers, one for each source",
        hint="Correct `weights` in the YAML file.",
        code="model_bag",
    )
