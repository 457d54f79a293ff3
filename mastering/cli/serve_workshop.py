"""What a body of the HTTP interface asks for, as the task of the command of the same name.

Masters go through `mastering.cli.master.asked`, as what is typed does: the same wish makes the same task,
and so the same file to the last bit. Names that could be paths on the command line are only names here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mastering import library
from mastering.chain import SeparatedBy
from mastering.cli.master import asked
from mastering.cli.stems.remix_material import Wish
from mastering.cli.stems.remix_task import RemixTask
from mastering.cli.stems.tasks import Settings, StemsTask
from mastering.cli.tasks import AlbumTask, ApplyTask, MasterTask, PluginOrder, StemsOrder
from mastering.errors import ModelError, ParameterError, PresetError
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.values import WorkerLimits
from mastering.jobspec import MasterJob
from mastering.service.inserts import insert_of
from mastering.service.models import (
    AlbumBody,
    ApplyBody,
    DeliveryOptions,
    MasterBody,
    MasterOptions,
    RemixBody,
    StemsBody,
)
from mastering.service.plugins import check_plugins
from mastering.service.recipes import recipe_of
from mastering.target import DeliverySpec

__all__ = ["CommandWorkshop"]

_UNSET = (
    *("integrated_lufs", "ceiling_dbtp", "sample_rate", "bit_depth", "container", "amount", "only", "eq"),
    *("matcher", "refine", "output", "model", "models_dir", "device", "answer_s", "memory_mb"),
    *("on_plugin_failure", "style", "target"),
)
_STEMS = "{stem}"


class CommandWorkshop:
    """Makes tasks as the command line does.

    Args:
        allowed: gives the plug-ins that may be used, whenever it is asked.
    """

    def __init__(self, allowed: Callable[[], Policy] = Policy) -> None:
        self.allowed = allowed

    def master(self, body: MasterBody, song: Path, references: Sequence[Path], folder: Path) -> MasterTask:
        """As `tonmeister master`."""
        job, stems, plugins = self._asked(body.style, body.target, body.options, references, album=False)
        output = folder / f"master.{job.delivery.container}"
        return MasterTask(source=song, output=output, job=job, stems=stems, plugins=plugins, make_folder=True)

    def album(
        self, body: AlbumBody, songs: Sequence[Path], references: Sequence[Path], folder: Path
    ) -> AlbumTask:
        """As `tonmeister master --album`."""
        job, _, plugins = self._asked(body.style, body.target, body.options, references, album=True)
        pairs = tuple(
            (song, folder / f"{number:02d}.{job.delivery.container}") for number, song in enumerate(songs, 1)
        )
        return AlbumTask(pairs=pairs, job=job, plugins=plugins, make_folder=True)

    def apply(self, body: ApplyBody, song: Path, folder: Path) -> ApplyTask:
        """As `tonmeister apply`."""
        from mastering.io.encoders import check_spec

        recipe = recipe_of(body.recipe)
        check_plugins(recipe, self.allowed())
        given = _delivery(body.delivery)
        delivery = replace(recipe.delivery, **given) if given else None
        check_spec(delivery or recipe.delivery)
        stems = self.separators(recipe.stems.separator) if recipe.stems is not None else StemsOrder()
        return ApplyTask(
            recipe=recipe,
            source=song,
            output=folder / f"master.{(delivery or recipe.delivery).container}",
            force=False,
            downmix=False,
            write_report=True,
            delivery=delivery,
            stems=stems,
            plugins=self._plugins(),
            make_folder=True,
        )

    def stems(self, body: StemsBody, song: Path, folder: Path) -> StemsTask:
        """As `tonmeister stems separate`."""
        from mastering.cli.stems.delivery import Format
        from mastering.cli.stems.outputs import Place
        from mastering.io.encoders import check_format, nearest_rate

        rate = nearest_rate(body.container, 48_000)
        check_format(body.container, sample_rate=rate, channels=2, bit_depth=body.bit_depth)
        if body.residual and body.two_stems:
            raise ParameterError(
                "residual and two_stems exclude each other", hint="no_STEM has the residual."
            )
        return StemsTask(
            source=song,
            place=Place(root=folder, track="", template=_STEMS, container=body.container),
            how=Format(container=body.container, bit_depth=body.bit_depth),
            settings=Settings(model=_known_model(body.model), only=_known_stem(body)),
            residual=body.residual,
        )

    def remix(self, body: RemixBody, song: Path, folder: Path) -> RemixTask:
        """As `tonmeister stems remix`."""
        from mastering.io.encoders import check_spec
        from stems.remix.values import Remix, StemRemix

        delivery = DeliverySpec(container=body.container, bit_depth=body.bit_depth)
        check_spec(delivery)
        stems = {
            name: StemRemix(gain_db=level.gain_db, mute=level.mute, solo=level.solo, pan=level.pan)
            for name, level in body.stems.items()
        }
        spec = Remix(stems=stems, keep_loudness=body.keep_loudness)
        spec.check_names(_sources(body.model))
        return RemixTask(
            spec=spec,
            source=song,
            output=folder / f"mix.{body.container}",
            delivery=delivery,
            wish=Wish(model=_known_model(body.model)),
        )

    def separators(self, made_by: SeparatedBy) -> StemsOrder:
        """As `tonmeister apply`."""
        _known_model(made_by.model)
        return StemsOrder()

    def stem_models(self) -> list[dict[str, Any]]:
        """The models that have a name."""
        from stems.models import list_models

        return [
            {
                "name": entry.name,
                "label": entry.label,
                "stems": list(entry.sources),
                "present": _is_present(entry),
            }
            for entry in list_models()
        ]

    def _asked(
        self,
        style: str | None,
        target: str | None,
        options: MasterOptions,
        references: Sequence[Path],
        *,
        album: bool,
    ) -> tuple[MasterJob, StemsOrder | None, PluginOrder]:
        """What the command line would understand."""
        _check_preset("styles", style)
        _check_preset("targets", target)
        with _in_own_words():
            job, stems, _ = asked(
                {
                    **dict.fromkeys(_UNSET),
                    "references": [str(path) for path in references],
                    "style": style,
                    "target": target,
                    **_delivery(options),
                    "amount": options.amount_percent,
                    "only": tuple(options.only) or None,
                    "eq": options.eq,
                    "refine": options.refine_steps,
                    "downmix": options.downmix,
                    "force": False,
                    "no_report": False,
                    "stems": options.stems is not None,
                    "model": _known_model(options.stems.model) if options.stems is not None else None,
                    "album": album,
                    "inserts": (),
                    "places": (),
                }
            )
        return (
            replace(job, inserts=tuple(insert_of(body, self.allowed()) for body in options.inserts)),
            stems,
            self._plugins(),
        )

    def _plugins(self) -> PluginOrder:
        return PluginOrder(limits=WorkerLimits(network=False), policy=self.allowed())


def _delivery(options: DeliveryOptions) -> dict[str, Any]:
    """What was given of a DeliverySpec, by its own names."""
    given = {
        "integrated_lufs": options.integrated_lufs,
        "ceiling_dbtp": options.ceiling_dbtp,
        "sample_rate": options.sample_rate_hz,
        "bit_depth": options.bit_depth,
        "container": options.container,
    }
    return {name: value for name, value in given.items() if value is not None}


def _check_preset(kind: library.Kind, name: str | None) -> None:
    """Only names: what looks like a path would be read from the service's disk."""
    if name is not None and name not in library.names(kind):
        raise PresetError(
            f"there is no {kind[:-1]} called '{name[:80]}': there are {', '.join(library.names(kind))}",
            hint=f"GET /api/v1/{kind} describes them.",
            code="preset",
        )


def _known_model(name: str | None) -> str | None:
    """Only models of the catalogue: a path would be opened."""
    from stems.models import list_models

    names = [entry.name for entry in list_models()]
    if name is not None and name not in names:
        raise ParameterError(
            f"there is no separation model called '{name[:80]}': there are {', '.join(names)}",
            hint="GET /api/v1/about tells which of them are on this machine.",
            code="model_unknown",
        )
    return name


def _is_present(entry: Any) -> bool:
    from stems.models import locate

    try:
        locate(entry)
    except ModelError:
        return False
    return True


def _sources(model: str | None) -> Collection[str]:
    """The stems of a model; of any model where none is named."""
    from stems.models import find_model, list_models

    if model is not None:
        return find_model(str(_known_model(model))).sources
    return dict.fromkeys(source for entry in list_models() for source in entry.sources)


def _known_stem(body: StemsBody) -> str | None:
    if body.two_stems is not None and body.two_stems not in _sources(body.model):
        raise ParameterError(
            f"no stem is called '{body.two_stems}': there are {', '.join(_sources(body.model))}",
            hint="Choose one of them.",
            code="unknown_stem",
        )
    return body.two_stems


@contextlib.contextmanager
def _in_own_words() -> Iterator[None]:
    """What the command line says about its options, as an error of the body."""
    try:
        yield
    except click.UsageError as error:
        raise ParameterError(error.format_message(), code="parameter") from error
