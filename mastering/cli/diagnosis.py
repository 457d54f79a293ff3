"""What `doctor` looks at: versions, codecs, models, folders, the machine.

Libraries are imported by name, as data: here it is the question whether they load at all.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mastering.cli.app import version
from mastering.target import CONTAINERS, Container

__all__ = ["Finding", "examine"]

State = Literal["ok", "missing", "broken"]

_NEEDED = {
    "numpy": "every array",
    "numba": "compressor, limiter, loudness and true peak",
    "pedalboard": "the parametric equaliser",
    "soundfile": "wav, aiff, flac, ogg, opus and mp3",
    "soxr": "sample-rate conversion",
    "mutagen": "tags and cover art",
    "platformdirs": "the folder of your presets",
    "rich": "progress bars",
}
_WANTED = {
    "av": "m4a/aac, wma, mka and the audio of video files",
    "matplotlib": "the plots of the report (--no-report does without)",
    "scipy": "--eq parametric",
}
_NOT_LOADED = {"torch": "separation, --refine and training", "demucs": "separation"}
_EXTRAS = {"ray": ("--executor ray", "cluster"), "watchfiles": ("a drop folder that looks at once", "watch")}
_DECODED_BY_FFMPEG = {"wma": "wmav2", "aac": "aac", "mka, webm": "vorbis", "mp4, mov": "aac"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        group: "versions", "codecs", "models", "folders" or "machine".
        name: what it is.
        found: version, place or state.
        state: "ok", "missing" (something works less), or "broken" (mastering needs it).
        hint: how to get it.
    """

    group: str
    name: str
    found: str
    state: State = "ok"
    hint: str = ""


def examine() -> list[Finding]:
    """Look at everything; takes a few seconds and writes only to a temporary folder."""
    return [*_versions(), *_codecs(), *_models(), *_folders(), *_machine()]


def _versions() -> Iterator[Finding]:
    yield Finding(group="versions", name="tonmeister", found=version())
    yield Finding(group="versions", name="python", found=platform.python_version())
    for name, use in _NEEDED.items():
        yield _library(name, use, "broken", load=True)
    for name, use in _WANTED.items():
        yield _library(name, use, "missing", load=True)
    for name, use in _NOT_LOADED.items():
        yield _library(name, use, "missing", load=False)
    for name, (use, extra) in _EXTRAS.items():
        yield _extra(name, use, extra)
    yield from _inside("soundfile", "libsndfile", "__libsndfile_version__")
    yield from _inside("soxr", "libsoxr", "__libsoxr_version__")
    yield from _inside("av", "FFmpeg", "ffmpeg_version_info")


def _library(name: str, use: str, without: State, *, load: bool) -> Finding:
    hint = f"For {use}: {Path(sys.executable).name} -m pip install --upgrade {name}"
    try:
        found = importlib.metadata.version(name)
        if load:
            importlib.import_module(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(group="versions", name=name, found="not installed", state=without, hint=hint)
    except Exception as error:  # a broken binary may raise anything while it loads
        return Finding(group="versions", name=name, found=f"does not load: {error}", state=without, hint=hint)
    return Finding(group="versions", name=name, found=found)


def _extra(name: str, use: str, extra: str) -> Finding:
    """A library that only some want: nothing is wrong without it."""
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = f"not installed; for {use}: pip install 'tonmeister[{extra}]'"
    return Finding(group="versions", name=name, found=found)


def _inside(module: str, name: str, attribute: str) -> Iterator[Finding]:
    """The version of a C library inside a wheel; nothing where the wheel does not load."""
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except Exception:  # already reported as a version that does not load
        return
    yield Finding(group="versions", name=name, found=str(found))


def _codecs() -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        for container in CONTAINERS:
            yield _round_trip(Path(folder), container)
    for name, codec in _DECODED_BY_FFMPEG.items():
        yield _decoder(name, codec)


def _round_trip(folder: Path, container: Container) -> Finding:
    """Write half a second of a tone and read it again."""
    state: State = "broken" if container == "wav" else "missing"
    try:
        import numpy as np

        from mastering.io.files import open_source
        from mastering.io.writer import open_writer

        path = folder / f"tone.{container}"
        tone = 0.1 * np.sin(np.arange(24_000) * (2.0 * np.pi * 1_000.0 / 48_000.0))
        with open_writer(path, sample_rate=48_000, channels=2, container=container) as writer:
            writer.write(np.stack([tone, tone]).astype(np.float32))
        with open_source(path) as source:
            if not source.frames:
                raise ValueError("nothing came back")
    except Exception as error:  # whatever a codec raises is the finding
        return Finding(
            group="codecs",
            name=container,
            found=f"fails: {error}",
            state=state,
            hint="Update soundfile and av, which bring the codecs.",
        )
    return Finding(group="codecs", name=container, found="reads and writes")


def _decoder(name: str, codec: str) -> Finding:
    try:
        there = codec in importlib.import_module("av").codecs_available
    except Exception:  # av itself is reported among the versions
        there = False
    if there:
        return Finding(group="codecs", name=name, found="reads")
    return Finding(
        group="codecs", name=name, found="cannot be read", state="missing", hint="Install or update av."
    )


def _models() -> Iterator[Finding]:
    yield from _matchers()
    yield _weights()
    yield _separators()
    yield _plugins()


def _separators() -> Finding:
    """The separation models on this machine; no weights are opened."""
    from stems.models.catalog import list_models
    from stems.models.store import locate_member

    every = list_models()
    there = [entry.name for entry in every if all(map(locate_member, entry.distinct_members))]
    return Finding(
        group="models",
        name="separation",
        found=f"{', '.join(there) or 'none'} ({len(there)} of {len(every)}; `tonmeister stems models list`)",
    )


def _plugins() -> Finding:
    """The external plug-ins of the last scan; none is loaded."""
    from mastering.host.plugins.catalog import load_catalog

    catalog = load_catalog()
    bad = sum(bundle.status != "ok" for bundle in catalog.bundles)
    found = f"{len(catalog.plugins)} plug-ins" + (f", {bad} bundles that cannot be used" if bad else "")
    if not catalog.bundles:
        found = "not looked for yet (`tonmeister plugins scan`)"
    return Finding(group="models", name="plug-ins", found=found)


def _weights() -> Finding:
    """The shipped weights: there, and with the digest of their card."""
    from mastering.errors import TonmeisterError
    from mastering.io.weights import load_weights
    from mastering.match.learned import MODEL, shipped_models

    try:
        ref, _ = load_weights(shipped_models(), MODEL)
    except TonmeisterError as error:
        return Finding(group="models", name="weights", found=error.message, state="broken", hint=error.hint)
    return Finding(
        group="models",
        name="weights",
        found=f"{ref.name} {ref.version}, sha256 {ref.sha256[:12]}…, as its card says",
    )


def _matchers() -> Iterator[Finding]:
    from mastering.errors import TonmeisterError
    from mastering.jobspec import MasterJob
    from mastering.ports import find_matcher

    default = MasterJob().matcher
    names = {entry.name for entry in importlib.metadata.entry_points(group="tonmeister.matchers")}
    for name in sorted(names | {default}):
        try:
            kind = type(find_matcher(name))
        except TonmeisterError as error:
            state: State = "broken" if name == default else "missing"
            yield Finding(
                group="models",
                name=name,
                found=error.message,
                state=state,
                hint="Install tonmeister with pip, so that its matchers are registered."
                if name == default
                else error.hint,
            )
        else:
            yield Finding(group="models", name=name, found=f"matcher {kind.__module__}.{kind.__qualname__}")


def _folders() -> Iterator[Finding]:
    from mastering.cli.presets import KINDS
    from mastering.library import entries, user_folder

    own = user_folder()
    yield Finding(
        group="folders", name="your presets", found=f"{own}{'' if own.is_dir() else ' (not there yet)'}"
    )
    for entry in (entry for kind in KINDS for entry in entries(kind)):
        if entry.error:
            hint = f"Correct or remove {entry.path}."
            yield Finding(group="folders", name=entry.name, found=entry.error, state="missing", hint=hint)
    yield _writable("temporary files", Path(tempfile.gettempdir()), "broken", "Set TMPDIR.")
    yield _writable("this folder", Path.cwd(), "missing", "Use --output-dir for masters.")
    yield _kernels()


def _writable(name: str, folder: Path, without: State, hint: str) -> Finding:
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding(group="folders", name=name, found=str(folder))
    return Finding(group="folders", name=name, found=f"{folder} cannot be written", state=without, hint=hint)


def _kernels() -> Finding:
    """Where numba keeps compiled code: NUMBA_CACHE_DIR, else beside the module, else the user's cache."""
    import platformdirs

    import mastering.dsp

    named = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(next(iter(mastering.dsp.__path__))) / "__pycache__"
    users = platformdirs.user_cache_path("numba", appauthor=False)
    for folder in [Path(named)] if named else [beside, users]:
        if os.access(_existing(folder), os.W_OK):
            return Finding(group="folders", name="compiled code", found=str(folder))
    return Finding(
        group="folders",
        name="compiled code",
        found="no folder for it can be written: every run compiles again",
        state="missing",
        hint="Set NUMBA_CACHE_DIR to a folder you can write.",
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _machine() -> Iterator[Finding]:
    count = getattr(os, "process_cpu_count", os.cpu_count)()  # Python 3.13 knows what this process may use
    yield Finding(group="machine", name="system", found=platform.platform())
    yield Finding(group="machine", name="cores", found=f"{count} (--jobs {count} uses them all)")
