"""A package as a module: built, filled with its weights in float32, ready to run."""

from __future__ import annotations

import importlib.util
import inspect
import math
import warnings
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mastering.errors import ModelError
from stems.models.packages import Package, needs_package

if TYPE_CHECKING:
    import torch

__all__ = ["build", "describe"]

_LARGEST_CHANNELS = 8
_RATES_HZ = (8_000, 384_000)


def build(package: Package, where: str, *, trusted: bool) -> torch.nn.Module:
    """The network of a package, in float32, on the CPU, in evaluation mode.

    Args:
        package: class, arguments and state.
        where: the file, for errors.
        trusted: its digest is one that was known. Of any other file the sizes are compared before memory is
            taken, so that no file costs more memory than its own numbers do.

    Raises:
        ModelError: the arguments make no network, or the state is not its own ("model_mismatch"), holds
            numbers that are not finite ("model_damaged"), or needs diffq ("model_needs_package").
    """
    import torch

    if package.quantized:
        return _unpacked(package, where)
    if not trusted:
        with torch.device("meta"):
            _compare(_made(package, where), package.state, where)
    with torch.random.fork_rng(devices=[]):  # the first weights are drawn at random and thrown away
        module = _made(package, where)
    _compare(module, package.state, where)
    module.load_state_dict(dict(package.state))
    return _ready(module, where)


def _made(package: Package, where: str) -> Any:
    """Call the class, without arguments it no longer knows, as demucs does."""
    known = inspect.signature(package.klass).parameters
    kwargs = {key: value for key, value in package.kwargs.items() if key in known}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return package.klass(*package.args, **kwargs)
    except MemoryError:
        raise
    except Exception as error:  # a constructor given nonsense may raise anything
        raise _mismatch(where, f"its arguments make no {package.klass.__name__} ({error})") from error


def _compare(module: Any, state: Mapping[str, Any], where: str) -> None:
    """Whether names and sizes of the weights are those of the network."""
    import torch

    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(t.shape) if isinstance(t, torch.Tensor) else None for name, t in state.items()}
    if wanted == given:
        return
    name = type(module).__name__
    lacking, strange = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    other = [key for key in wanted if key in given and wanted[key] != given[key]]
    parts = [
        f"{len(keys)} {what} such as {keys[0]}"
        for keys, what in ((lacking, "missing"), (strange, "too many"), (other, "of another size"))
        if keys
    ]
    raise _mismatch(where, f"its weights are not those of the {name} it describes: {'; '.join(parts)}")


def _mismatch(where: str, reason: str) -> ModelError:
    return ModelError(
        f"{where}: {reason}",
        hint="The file belongs to another network, or to another version of demucs than 4.1.",
        code="model_mismatch",
    )


def _unpacked(package: Package, where: str) -> torch.nn.Module:
    """A quantized network, unpacked by demucs and diffq."""
    if importlib.util.find_spec("diffq") is None:
        raise needs_package("diffq", where)
    import torch
    from demucs.states import set_state

    with torch.random.fork_rng(devices=[]):
        module = _made(package, where)
    try:
        set_state(module, package.state)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _mismatch(where, f"its packed weights cannot be unpacked ({error})") from error
    return _ready(module, where)


def _ready(module: Any, where: str) -> torch.nn.Module:
    import torch

    if not isinstance(module, torch.nn.Module):
        raise _mismatch(where, "what it describes is no network")
    module.float().eval().requires_grad_(False)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"{where}: the weights {name} hold numbers that are not finite",
                hint="The training of this model went wrong, or the file is damaged.",
                code="model_damaged",
            )
    describe(module, where)
    return module


def describe(module: Any, where: str) -> tuple[tuple[str, ...], int, int, float]:
    """Sources, sample rate (Hz), channels and segment (s) of a network.

    Raises:
        ModelError: one of them is missing or cannot be ("model_mismatch").
    """
    sources, rate = getattr(module, "sources", None), getattr(module, "samplerate", None)
    channels, segment = getattr(module, "audio_channels", None), getattr(module, "segment", None)
    named = isinstance(sources, list | tuple) and all(isinstance(name, str) and name for name in sources)
    if not named or not sources or len(set(sources)) != len(sources):
        raise _mismatch(where, "its sources are not a list of different names")
    if not isinstance(rate, int) or not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
        raise _mismatch(where, f"its sample rate is {rate!r}: allowed {_RATES_HZ[0]} to {_RATES_HZ[1]} Hz")
    if not isinstance(channels, int) or not 1 <= channels <= _LARGEST_CHANNELS:
        raise _mismatch(where, f"its channels are {channels!r}: allowed 1 to {_LARGEST_CHANNELS}")
    if not isinstance(segment, int | float | Fraction) or not 0.0 < float(segment) < math.inf:
        raise _mismatch(where, f"its segment is {segment!r}: allowed a time above 0 s")
    return tuple(sources), rate, channels, float(segment)
