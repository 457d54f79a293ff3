"""A file as a package: class, arguments and state. Nothing that stands in a file is executed unasked.

safetensors holds numbers and texts only; its text names a class, which must be one of CLASSES. A .th file is
a pickle: PyTorch's reader of weights reads it, which knows tensors, plain values and what is allowed here.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mastering.errors import ModelError
from stems.models.weights import damaged, metadata_of

__all__ = ["CLASSES", "Package", "needs_package", "read_pickle", "read_safetensors"]

CLASSES = {
    "demucs.htdemucs.HTDemucs": ("demucs.htdemucs", "HTDemucs"),
    "demucs.hdemucs.HDemucs": ("demucs.hdemucs", "HDemucs"),
    "demucs.wdemucs.WDemucs": ("demucs.hdemucs", "HDemucs"),  # the name it had in 2021
    "demucs.demucs.Demucs": ("demucs.demucs", "Demucs"),
    "stems.models.masked.MaskedHDemucs": ("stems.models.masked", "MaskedHDemucs"),
}
"""Names that a file may give to a network -> module and class."""

_QUANTIZERS = ("diffq.diffq.DiffQuantizer", "diffq.uniform.UniformQuantizer")
_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
_DEEPEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a network is made of, as demucs saves it.

    Args:
        klass: the class.
        args, kwargs: what it is called with.
        state: name -> tensor; of a quantized network the nested values that diffq unpacks.
        quantized: whether diffq must unpack it.
    """

    klass: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: Mapping[str, Any]
    quantized: bool


def read_safetensors(content: bytes, where: str) -> Package:
    """The package in a safetensors file, as `demucs/tools/export_hf.py` writes it.

    Raises:
        ModelError: "model_damaged", "model_foreign" (a class that is none of CLASSES, or no class at all), or
            "model_needs_package".
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    metadata = metadata_of(content, len(content), where)
    klass = _class_named(metadata.get("klass", ""), where)
    try:
        state: Mapping[str, Any] = load(content)
        args = _decoded(json.loads(metadata.get("args", "[]")))
        kwargs = _decoded(json.loads(metadata.get("kwargs", "{}")))
        if "structure" in metadata:
            state = _nested(json.loads(metadata["structure"]), state, where)
    except (SafetensorError, ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise damaged(where, f"its description cannot be read ({error})") from error
    return _package({"klass": klass, "args": args, "kwargs": kwargs, "state": state}, where)


def read_pickle(content: bytes, where: str, *, allow_pickle: bool) -> Package:
    """The package in a .th file.

    Args:
        content: the file.
        where: its name.
        allow_pickle: the user's word that whoever made the file is trusted: whatever it asks for is executed.

    Raises:
        ModelError: "model_damaged", "model_foreign", or "model_pickle": it asks for more than is allowed.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if allow_pickle:
                package = torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
            else:
                with torch.serialization.safe_globals(_allowed(content)):
                    package = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a reader of pickles may raise anything
        raise _unreadable_pickle(error, where) from error
    return _package(package, where, any_class=allow_pickle)


def _unreadable_pickle(error: Exception, where: str) -> ModelError:
    forbidden = _FORBIDDEN.search(str(error))
    if forbidden:
        return ModelError(
            f"{where}: asks for the Python object '{forbidden[1]}', which no model of demucs needs",
            hint="If you trust whoever made the file, say so with --allow-pickle: it can run any program.",
            code="model_pickle",
        )
    return damaged(where, "no whole file that PyTorch wrote")


def _allowed(content: bytes) -> list[Any]:
    """What official .th files ask for beside tensors: classes, fractions, numpy's numbers (their metrics)."""
    import numpy as np

    multiarray = importlib.import_module("numpy._core.multiarray")
    names = [(_known(name), name) for name in CLASSES]
    scalars = [(multiarray.scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    numbers = [type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool")]
    if b"diffq" in content and importlib.util.find_spec("diffq"):
        names += [(_imported(name), name) for name in _QUANTIZERS]
    return [*names, *scalars, *numbers, np.dtype, Fraction]


def _known(name: str) -> Any:
    module, attribute = CLASSES[name]
    return getattr(importlib.import_module(module), attribute)


def _imported(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _class_named(name: str, where: str) -> Any:
    if name not in CLASSES:
        said = f"of the class '{name[:80]}'" if name else "without a word on its class"
        raise _foreign(where, f"a file of weights {said}")
    return _known(name)


def _foreign(where: str, reason: str) -> ModelError:
    return ModelError(
        f"{where}: {reason}, not a model of demucs",
        hint="Allowed are HTDemucs, HDemucs and Demucs as demucs saves them, with class and arguments.",
        code="model_foreign",
    )


def _package(plain: Any, where: str, *, any_class: bool = False) -> Package:
    """Check the parts of a package; their values are checked where they are used."""
    if not isinstance(plain, dict) or not {"klass", "args", "kwargs", "state"} <= plain.keys():
        raise _foreign(where, "no package of class, arguments and state")
    klass, args, kwargs, state = (plain[key] for key in ("klass", "args", "kwargs", "state"))
    if not any_class and klass not in {_known(name) for name in CLASSES}:
        raise _foreign(where, f"a network of the class '{getattr(klass, '__name__', klass)}'")
    if not (isinstance(args, list | tuple) and isinstance(kwargs, dict) and isinstance(state, Mapping)):
        raise _foreign(where, "a package whose arguments or state have another form")
    if not all(isinstance(key, str) for key in (*kwargs, *state)):
        raise _foreign(where, "a package whose arguments or state have another form")
    quantized = bool(state.get("__quantized"))
    return Package(klass=klass, args=tuple(args), kwargs=dict(kwargs), state=state, quantized=quantized)


def _decoded(value: Any, depth: int = 0) -> Any:
    """Arguments from JSON, where a fraction stands as {"_type": "fraction", ...}."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(int(value["numerator"]), int(value["denominator"]))
        return {key: _decoded(item, depth + 1) for key, item in value.items()}
    return [_decoded(item, depth + 1) for item in value] if isinstance(value, list) else value


def _nested(node: Any, tensors: Mapping[str, Any], where: str) -> Any:
    """The nested state of a quantized network out of its flat tensors."""
    if not isinstance(node, dict):
        return node
    ((kind, value),) = node.items()
    if kind == "_tensor":
        return tensors[value]
    if kind == "_dict":
        return {key: _nested(item, tensors, where) for key, item in value}
    if kind in ("_list", "_tuple"):
        items = [_nested(item, tensors, where) for item in value]
        return items if kind == "_list" else tuple(items)
    if kind == "_class" and value in _QUANTIZERS:
        return _quantizer(value, where)
    raise ValueError(f"unknown entry {kind}")


def _quantizer(name: str, where: str) -> Any:
    try:
        return _imported(name)
    except ImportError as error:
        raise needs_package("diffq", where) from error


def needs_package(package: str, where: str) -> ModelError:
    """The error of a model that a missing package must unpack."""
    return ModelError(
        f"{where}: this model is stored in fewer bits and needs the package {package}, which is missing",
        hint=f"Run `pip install {package}`, or take the same model in full: mdx or mdx_extra.",
        code="model_needs_package",
    )
