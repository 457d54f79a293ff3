"""Weights: a named model to verified arrays. Files are safetensors; nothing in them can be executed.

A model is a safetensors file with its card (TOML) beside it: name, version, licence, SHA-256.
The file's digest is checked each time before a number of it is used.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import numpy as np
import numpy.typing as npt

from mastering.errors import ModelError

__all__ = ["ModelRef", "load_weights", "model_ref"]

Arrays = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which weights, and how to know them again."""

    name: str
    version: str
    licence: str
    sha256: str


def model_ref(card: Traversable) -> ModelRef:
    """The reference that a card NAME.toml holds.

    Raises:
        ModelError: no card, or one without the four entries.
    """
    try:
        entries = tomllib.loads(card.read_text("utf-8"))
        return ModelRef(**{key: str(entries[key]) for key in ("name", "version", "licence", "sha256")})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise ModelError(
            f"{card}: the card of a model cannot be read: {error}",
            hint="Reinstall tonmeister, or train the model again.",
            code="model_missing",
        ) from error


def load_weights(folder: Traversable, name: str) -> tuple[ModelRef, Arrays]:
    """Arrays of the model NAME.safetensors in a folder, as float32, after its digest was checked.

    Raises:
        ModelError: a missing file, one whose digest is not the card's, or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    ref = model_ref(folder / f"{name}.toml")
    path = folder / f"{name}.safetensors"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: the weights of model '{ref.name}' cannot be read: {error.strerror}",
            hint="Reinstall tonmeister, or train the model again.",
            code="model_missing",
        ) from error
    if hashlib.sha256(content).hexdigest() != ref.sha256:
        raise ModelError(
            f"{path}: not the weights that the card of model '{ref.name}' names: the SHA-256 differs",
            hint="Reinstall tonmeister, or train the model again.",
            code="model_checksum",
        )
    try:
        arrays = load(content)
    except SafetensorError as error:
        raise ModelError(
            f"{path}: not a safetensors file: {error}", hint="Train the model again.", code="model_missing"
        ) from error
    return ref, {key: np.asarray(value, np.float32) for key, value in arrays.items()}
