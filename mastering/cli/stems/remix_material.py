"""What `tonmeister stems remix` works on: a recording taken apart, or a folder of stems."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastering.cli.inputs import AUDIO_SUFFIXES, natural_key
from mastering.errors import AudioFileError
from mastering.notice import Notice

if TYPE_CHECKING:
    from mastering.audio import AudioSource
    from mastering.chain import SeparatedBy
    from mastering.io.metadata import Metadata
    from mastering.ports import Separator
    from stems.remix.values import Remix

__all__ = ["Material", "Wish", "open_folder", "open_recording"]

_MIXES = ("mix", "mixture", "master")
"""Files of a folder of stems that are no stems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which separator is wanted.

    Args:
        model: name or path; None is the one a remix was saved with, else the separator's default.
        models_dir: as in `tonmeister stems models`.
        device: "cpu", "cuda", "mps" or "auto".
        quality: "overlap" and "shifts" where they were typed; else they are those of the saved remix.
    """

    model: str | None = None
    models_dir: Path | None = None
    device: str = "cpu"
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is remixed.

    Attributes:
        original: the recording; None where only stems were given.
        parts: name -> stem; the recording alone where no stem is asked for.
        separated_by: what took it apart; None where nothing did.
        input_sha256: of the recording; empty for a folder.
        metadata: to carry over.
        inputs: files that must not be written over.
        notices: what should be known of them.
    """

    original: AudioSource | None
    parts: Mapping[str, AudioSource]
    separated_by: SeparatedBy | None = None
    input_sha256: str = ""
    metadata: Metadata
    inputs: tuple[Path, ...]
    notices: tuple[Notice, ...]


def open_recording(
    path: Path,
    spec: Remix,
    wish: Wish,
    *,
    downmix: bool,
    stack: contextlib.ExitStack,
    on_progress: Callable[[float], None],
) -> Material:
    """A recording and its stems; it is only separated where `spec` does something to a stem.

    Raises:
        TonmeisterError: the file, the model or a stem's name is not what it should be.
    """
    from mastering.io.files import open_source

    source = stack.enter_context(open_source(path, downmix=downmix))
    from mastering.io.tags import metadata_or_notice

    metadata, unread = metadata_or_notice(path)
    parts: Mapping[str, AudioSource] = {"mix": source}
    separated_by, notices = None, (*source.notices, *unread)
    if spec.stems:
        separator = _separator(spec, wish)
        spec.check_names(separator.info.sources)
        separated = separator.separate(source, on_progress=on_progress)
        parts = separated.parts
        separated_by = _separated_by(separated.info)
        notices += tuple(_other_weights(spec, separated_by))
    return Material(
        original=source,
        parts=parts,
        separated_by=separated_by,
        input_sha256=source.sha256,
        metadata=metadata,
        inputs=(path,),
        notices=notices,
    )


def open_folder(folder: Path, spec: Remix, *, downmix: bool, stack: contextlib.ExitStack) -> Material:
    """The stems of a folder; a file called mix, mixture or master is no stem.

    Raises:
        TonmeisterError: no stems, two of one name, or a name that `spec` has and the folder has not.
    """
    from mastering.io.files import open_source

    files = _stem_files(folder)
    left_out = [path for name, path in files.items() if name.lower() in _MIXES and len(files) > 1]
    files = {name: path for name, path in files.items() if path not in left_out}
    spec.check_names(files)
    sources = {name: stack.enter_context(open_source(path, downmix=downmix)) for name, path in files.items()}
    from mastering.io.tags import metadata_or_notice

    metadata, unread = metadata_or_notice(next(iter(files.values())))
    own = [notice for source in sources.values() for notice in source.notices]
    mixes = [
        Notice(code="mix_left_out", message=f"{path.name} is taken for the mix and left out.")
        for path in left_out
    ]
    return Material(
        original=None,
        parts=sources,
        metadata=metadata,
        inputs=(*files.values(), *left_out),
        notices=(*own, *unread, *mixes),
    )


def _separator(spec: Remix, wish: Wish) -> Separator:
    """The separator that is wished for; the one of a saved remix with the settings it had."""
    from stems.separate import Separator

    settings: dict[str, Any] = {"models_dir": wish.models_dir, "device": wish.device}
    model, saved = wish.model, spec.separator
    if saved is not None and model in (None, saved.model):
        model = saved.model
        settings |= {key: saved.settings[key] for key in ("overlap", "shifts") if key in saved.settings}
    settings |= wish.quality
    return Separator(model, **settings)


def _separated_by(info: Any) -> SeparatedBy:
    from mastering.chain import SeparatedBy

    return SeparatedBy(
        model=info.model, label=info.label, sha256=tuple(info.sha256), settings=dict(info.settings)
    )


def _other_weights(spec: Remix, now: SeparatedBy) -> Iterator[Notice]:
    saved = spec.separator
    if saved is not None and saved.model == now.model and saved.sha256 and saved.sha256 != now.sha256:
        yield Notice(
            code="other_weights",
            message=f"The weights of {saved.model} are not those the remix was saved with; "
            "the stems may differ.",
        )


def _stem_files(folder: Path) -> dict[str, Path]:
    """Name -> file of a folder of stems: vocals.wav, or the last part of SONG.vocals.wav."""
    paths = sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
        ),
        key=natural_key,
    )
    if not paths:
        raise AudioFileError(
            f"{folder}: the folder holds no stems",
            hint="Name a folder with vocals.wav, drums.wav and so on, or the mix itself.",
            code="no_audio",
        )
    found: dict[str, Path] = {}
    for path in paths:
        name = path.stem.rpartition(".")[2]
        if name in found:
            raise AudioFileError(
                f"{folder}: {found[name].name} and {path.name} are both the stem '{name}'",
                hint="Keep one file for each stem.",
                code="stem_twice",
            )
        found[name] = path
    return found
