"""`Separator`: a recording taken apart by a model of demucs, once.

    stems = Separator("htdemucs").separate(source)
    stems.parts["vocals"].blocks()

The stems have the recording's rate, length and channels, sample for sample, and add up to it. The first
pass over the recording says which one it is (`survey`); what was separated before comes out of the
cache (`cache`) without PyTorch; what was begun before goes on where it was (`work`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mastering.audio import AudioSource
from mastering.errors import ParameterError
from mastering.notice import Notice
from mastering.ports import SeparatorInfo
from stems.cache import Lease, StemCache, default_cache, temporary_cache
from stems.device import DEVICES, Device, choose_device, is_out_of_memory, out_of_memory
from stems.identity import identify
from stems.separation import Separation, manifest_of, separation_of
from stems.settings import Settings, check_source, entry_key, is_reducible
from stems.survey import Survey, survey
from stems.work import Plan, fill

if TYPE_CHECKING:
    from stems.models import LoadedModel

__all__ = ["Separation", "Separator"]

_SURVEY_SHARE = 0.02
_SHORTEST_S = 1.0
_CATALOGUE_RATE_HZ = 44_100


class Separator:
    """A `mastering.ports.Separator` on one model.

    Args:
        model: its name, or a path to a .safetensors, .th or .yaml file; None is htdemucs where its files
            are on this machine, else the small embedded model "draft".
        models_dir: a folder to look for models in before all others.
        overlap, shifts, engine, only: see `Settings`.
        device: "cpu", "cuda", "mps", or "auto" for the best that is there; not part of what the cache
            tells apart, as it changes no more than rounding.
        cache: where separations are kept; None is the user's cache.
        allow_pickle: let a .th file execute what it asks for; for files of trusted makers only.

    Raises:
        ParameterError: no model of that name, or a setting outside its range.
        ModelError: the model's files are missing, or not the ones they should be.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        models_dir: Path | None = None,
        overlap: float = 0.25,
        shifts: int = 0,
        device: Device = "cpu",
        engine: str = "auto",
        only: str | None = None,
        cache: StemCache | None = None,
        allow_pickle: bool = False,
    ) -> None:
        if device not in DEVICES:
            raise ParameterError(f"Separator.device={device!r}: allowed {', '.join(DEVICES)}")
        self.settings = Settings(overlap=overlap, shifts=shifts, engine=engine, only=only)
        self._device: Device = device
        self._models_dir = models_dir
        self._allow_pickle = allow_pickle
        self._cache = cache if cache is not None else default_cache()
        self._known = identify(model, models_dir)
        if only is not None and self._known.sources:
            check_source(only, self._known.sources)
        self._reduced = is_reducible(self._known, self.settings)
        self._model: LoadedModel | None = None

    @property
    def known_sources(self) -> tuple[str, ...]:
        """The stems, where they are known without opening the model; else empty."""
        return self._model.sources if self._model is not None else self._known.sources

    @property
    def info(self) -> SeparatorInfo:
        """The model and the settings; loads a model that comes from a file."""
        return self._info()

    def separate(
        self, source: AudioSource, *, on_progress: Callable[[float], None] | None = None
    ) -> Separation:
        """Take a recording apart, or find what an earlier run has made of it.

        Args:
            source: 1 to 8 channels, any rate, any length; read two or three times.
            on_progress: called with the share done, 0..1, after each segment. An exception that it raises
                ends the run, and the next one goes on from there.

        Raises:
            ParameterError: the model does not have the one stem that is wanted.
            ModelError: weights that are no model, or one that answers with what is not finite.
            EnvironmentProblem: no room on the disk ("disk_full") or in memory ("out_of_memory"), or
                no such device ("device_missing").
        """
        report = on_progress or (lambda share: None)
        about = survey(source, lambda share: report(_SURVEY_SHARE * share))
        lease = self._kept(about)
        if lease is not None:
            report(1.0)
            return separation_of(lease, self._known, self.settings, cached=True)
        return _Run(
            self, source, about, lambda share: report(_SURVEY_SHARE + (1 - _SURVEY_SHARE) * share)
        ).go()

    def _kept(self, about: Survey) -> Lease | None:
        """A whole entry that answers: that of all sources answers for one of them, too."""
        lease = self._cache.read(entry_key(about.sha256, self._known, self.settings))
        if lease is None and self._reduced:
            lease = self._cache.read(entry_key(about.sha256, self._known, self.settings, reduced=True))
        return lease

    def _load(self) -> LoadedModel:
        if self._model is None:
            from stems.models import load

            named = self._known.model
            model = Path(named) if self._known.label == "custom" else named
            self._model = load(model, self._models_dir, allow_pickle=self._allow_pickle)
            if self.settings.only is not None:
                check_source(self.settings.only, self._model.sources)
        return self._model

    def _info(self, segment_s: float | None = None) -> SeparatorInfo:
        known, model = self._known, self._model
        if model is None and not known.sources:
            model = self._load()
        return SeparatorInfo(
            model=known.name,
            label=known.label,
            sources=model.sources if model else known.sources,
            sample_rate=model.sample_rate if model else _CATALOGUE_RATE_HZ,
            sha256=model.sha256 if model else known.sha256,
            settings=self.settings.plain(segment_s),
        )


class _Run:
    """One separation that was not in the cache."""

    def __init__(
        self, maker: Separator, source: AudioSource, about: Survey, on_progress: Callable[[float], None]
    ) -> None:
        self._maker = maker
        self._source = source
        self._about = about
        self._on_progress = on_progress
        self._share = 0.0
        self._notices: list[Notice] = []

    def go(self) -> Separation:
        """Separate; with shorter segments where memory is short and the model takes them."""
        maker = self._maker
        device = choose_device(maker._device)
        self._cache = self._writable_cache()
        segment_s: float | None = None
        while True:
            try:
                lease, cached = self._entry(device, segment_s)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                shorter_s = _shorter(maker._load(), segment_s)
                if shorter_s is None:
                    raise out_of_memory(device, segment_s or maker._load().segment_s) from error
                segment_s = shorter_s
        if segment_s is not None:
            self._notices.append(_shortened(segment_s))
        return separation_of(lease, maker._known, maker.settings, cached=cached, notices=tuple(self._notices))

    def _writable_cache(self) -> StemCache:
        """The cache, or a temporary one where it cannot be written."""
        cache = self._maker._cache
        problem = cache.problem()
        if not problem:
            return cache
        self._notices.append(
            Notice(
                code="cache_unwritable",
                message=f"The cache {cache.folder} cannot be written ({problem}); the stems are kept in a "
                "temporary folder, for this run only.",
            )
        )
        return temporary_cache()

    def _entry(self, device: str, segment_s: float | None) -> tuple[Lease, bool]:
        """The whole entry, and whether another process has just made it."""
        maker, cached = self._maker, True
        key = entry_key(
            self._about.sha256, maker._known, maker.settings, segment_s=segment_s, reduced=maker._reduced
        )
        while (found := self._cache.read(key)) is None:
            lease = self._cache.write(key, wait=lambda: self._report(self._share))
            try:
                if not lease.manifest:
                    cached = False
                    self._fill(lease, device, segment_s)
            finally:
                lease.release()
        return found, cached

    def _fill(self, lease: Lease, device: str, segment_s: float | None) -> None:
        about, cache = self._about, self._cache
        plan = self._plan(device, segment_s)
        rates = plan.model.sample_rate * len(plan.sources) / about.sample_rate
        needed = int(4 * about.channels * about.frames * (1 + rates))
        try:
            there = sum(path.stat().st_size for path in lease.folder.iterdir())
            cache.make_room(max(0, needed - there))
            found = fill(lease, self._source, about, plan, self._report)
        except OSError as error:
            raise cache.reported(error, needed) from error
        cache.finish(lease, manifest_of(self._maker._info(segment_s), about, plan, found))

    def _plan(self, device: str, segment_s: float | None) -> Plan:
        from stems.engine import forward_for

        maker, model = self._maker, self._maker._load()
        sources = tuple(range(len(model.sources)))
        if maker._reduced and maker.settings.only is not None:
            sources = (model.sources.index(maker.settings.only),)
        modules = {id(module): module.to(device) for module in model.models}
        forwards = {key: forward_for(module, engine=maker.settings.engine) for key, module in modules.items()}
        return Plan(
            model=model,
            forwards=[forwards[id(module)] for module in model.models],
            sources=sources,
            overlap=maker.settings.overlap,
            shifts=maker.settings.shifts,
            segment_s=segment_s,
            device=device,
        )

    def _report(self, share: float) -> None:
        self._share = max(share, self._share)
        self._on_progress(self._share)


def _shorter(model: LoadedModel, segment_s: float | None) -> float | None:
    """Half the segment, if every network takes one and it is not too short to make sense of."""
    # A transformer is made for one length, and pads what is shorter.
    if any(getattr(module, "use_train_segment", False) for module in model.models):
        return None
    half_s = (segment_s or model.segment_s) / 2
    return half_s if half_s >= _SHORTEST_S else None


def _shortened(segment_s: float) -> Notice:
    return Notice(
        code="segment_shortened",
        message=f"Memory was short, so the model worked on segments of {segment_s:.1f} s; "
        "the stems may be a little worse.",
    )
