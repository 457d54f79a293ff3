"""The systems of the separation benchmark: baselines, the ceiling, Demucs by name, and models by path."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import separate_baselines as baselines
from cases import code_digest
from separate_cases import RATE, STEMS, Case

DRAFT = Path(__file__).resolve().parents[2] / "presets" / "models" / "draft.safetensors"
OFFICIAL = ("htdemucs", "htdemucs_ft", "hdemucs_mmi", "mdx_extra")
OVERLAP = 0.25
ROUTES = ("separator", "apply")
"""A model by the product's Separator, whose stems sum to the mixture, or by demucs's own apply_model."""

Estimates = dict[str, np.ndarray]


@dataclass(frozen=True)
class System:
    """One row of the table.

    Args:
        name: key of its kept results.
        title: for people.
        run: the four stems of a case, each [2, frames].
        kind: "free" (no training), "ceiling" or "model".
        version: of what made its estimates: others that are kept are not used.
        missing: why it cannot run; "" if it can.
        sets: the sets it may be judged on.
        weights: what a model was loaded from, for people.
    """

    name: str
    title: str
    run: Callable[[Case], Estimates] = field(repr=False)
    kind: str
    version: Callable[[], str] = field(repr=False)
    missing: str = ""
    sets: tuple[str, ...] = ()
    weights: str = ""


def systems(models: list[str], fold_model: Path | None, models_dir: Path | None, route: str) -> list[System]:
    """All in the order of the table.

    Args:
        models: "draft", names of catalogued models, or paths of .safetensors files.
        fold_model: weights of a model that has not heard Sodium.
        models_dir: where the weights of named models lie.
        route: one of ROUTES.
    """
    everywhere = ("caesium", "renders", "band", "sodium")
    free: list[tuple[str, str, Callable[[np.ndarray], Estimates]]] = [
        ("silence", "silence", baselines.silence),
        ("quarter", "mix/4", baselines.quarter),
        ("hpss", "HPSS + centre + low-pass", baselines.hpss_centre),
        ("repet", "REPET-SIM", baselines.repet_sim),
    ]
    listed = [
        System(name, title, functools.partial(_free, made=made), "free", _baselines_version, sets=everywhere)
        for name, title, made in free
    ]
    listed += [_named(name, models_dir, route, everywhere) for name in OFFICIAL if name not in models]
    listed += [_model(name, models_dir, route) for name in models]
    listed.append(_fold(fold_model, route))
    ceiling = System("irm", "ideal ratio mask (ceiling)", _ideal, "ceiling", _baselines_version)
    return [*listed, System(**{**vars(ceiling), "sets": everywhere})]


def _free(case: Case, made: Callable[[np.ndarray], Estimates]) -> Estimates:
    return made(case.mix)


def _ideal(case: Case) -> Estimates:
    return baselines.ideal_ratio(case.mix, case.stems)


def _baselines_version() -> str:
    return code_digest("separate_baselines.py")


OURS = ("caesium", "renders", "band")
"""A model of ours has heard Sodium."""


def _model(name: str, models_dir: Path | None, route: str) -> System:
    """Ours, by path or as `draft`; or any by name."""
    path = DRAFT if name == "draft" else Path(name)
    if path.suffix != ".safetensors":
        return _named(name, models_dir, route, ("caesium", "renders", "band", "sodium"))
    title = "draft" if name == "draft" else path.stem
    missing = "" if path.exists() else f"{path.name} is not there"
    run = functools.partial(_separated, model=path, models_dir=None, route=route)
    return System(
        title, title, run, "model", functools.partial(_version, path, route), missing, OURS, _digest(path)
    )


def _fold(path: Path | None, route: str) -> System:
    title = "draft, trained without Sodium"
    if path is None or not path.exists():
        return System("fold", title, _never, "model", str, "no --fold-model", ("sodium",))
    run = functools.partial(_separated, model=path, models_dir=None, route=route)
    version = functools.partial(_version, path, route)
    return System("fold", title, run, "model", version, "", ("sodium",), _digest(path))


def _named(name: str, models_dir: Path | None, route: str, sets: tuple[str, ...]) -> System:
    title = f"{name} (official)" if name in OFFICIAL else name
    files, missing = _weights(name, models_dir)
    run = functools.partial(_separated, model=name, models_dir=models_dir, route=route)
    version = functools.partial(_version, *files, route)
    return System(name, title, run, "model", version, missing, sets)


def _weights(name: str, models_dir: Path | None) -> tuple[tuple[Path, ...], str]:
    """Files of a catalogued model, or why there are none."""
    if importlib.util.find_spec("stems.models") is None:
        return (), "weights not present"
    from mastering.errors import TonmeisterError
    from stems.models import find_model, locate

    try:
        files = locate(find_model(name), models_dir)
    except TonmeisterError as error:
        return (), f"weights not present ({getattr(error, 'code', error)})"
    return tuple(file.path for file in files.files), ""


def _version(*parts: Path | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
    return digest.hexdigest()[:12]


def _digest(path: Path) -> str:
    """Size and SHA-256, for the page."""
    if not path.exists():
        return ""
    content = path.read_bytes()
    return f"{path.name}, {len(content) / 1e6:.1f} MB, SHA-256 {hashlib.sha256(content).hexdigest()[:16]}"


def _never(case: Case) -> Estimates:
    raise AssertionError(case.spec.name)


def _separated(case: Case, model: Path | str, models_dir: Path | None, route: str) -> Estimates:
    if route == "separator":
        return _by_separator(case, model, models_dir)
    return _by_apply(case, model, models_dir)


def _by_separator(case: Case, model: Path | str, models_dir: Path | None) -> Estimates:
    """By the product, past its cache."""
    from mastering.audio import Audio
    from stems.cache import temporary_cache
    from stems.separate import Separator

    cache = temporary_cache()
    separator = Separator(model, models_dir=models_dir, overlap=OVERLAP, shifts=0, cache=cache)
    parts = separator.separate(Audio(samples=case.mix, sample_rate=RATE)).parts
    return _four({name: np.concatenate(list(part.blocks()), axis=1) for name, part in parts.items()})


def _by_apply(case: Case, model: Path | str, models_dir: Path | None) -> Estimates:
    """By demucs's own plumbing, mixtures normalised as its command does."""
    import torch
    from demucs.apply import apply_model

    net = _loaded(model, models_dir)
    mix = torch.from_numpy(case.mix)
    mono = mix.mean(dim=0)
    mean, deviation = mono.mean(), mono.std() + 1e-8
    with torch.no_grad():
        made = apply_model(net, ((mix - mean) / deviation)[None], shifts=0, split=True, overlap=OVERLAP)
    samples = (made[0] * deviation + mean).numpy()
    return _four(dict(zip(net.sources, samples, strict=True)))


def _four(estimates: Estimates) -> Estimates:
    """What a model of six stems takes out of other goes back into it."""
    extra = [samples for name, samples in estimates.items() if name not in STEMS]
    four = {stem: estimates[stem] for stem in STEMS}
    return {**four, "other": np.sum([four["other"], *extra], axis=0)}


@functools.lru_cache(maxsize=1)
def _loaded(model: Path | str, models_dir: Path | None):
    from demucs.apply import BagOfModels
    from demucs.hf import load_safetensors_model

    if isinstance(model, Path):
        return load_safetensors_model(model).eval()
    from stems.models import find_model, load

    found = load(find_model(model), models_dir)
    return BagOfModels(list(found.models), found.weights)
