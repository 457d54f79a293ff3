"""Scanning: every bundle in a process of its own, and every way to fail recorded with its reason.

A plug-in that loads is tried on a second of noise: which channels it takes, whether it gives the same samples
twice, in one piece or in many, and after its state was saved and set again.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mastering.audio import BLOCK_FRAMES, Samples
from mastering.chain import PluginRef
from mastering.errors import PluginError, PluginForbidden, PluginMisbehaved, PluginTimedOut
from mastering.host.plugins.bundles import Fingerprint, digest, fingerprint
from mastering.host.plugins.catalog import SCANNER, Catalog
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.shared import BUFFER_FRAMES
from mastering.host.plugins.values import PluginInfo, PluginParameter, Scanned, Status, WorkerLimits

__all__ = ["scan", "scan_bundle"]

_RATE = 44_100
_TRIAL = 22_050
_BUFFERS = (64, 333, 4_096)
"""Other buffers that must make no difference."""
_MOST_PARAMETERS = 20_000
_CONTROLLER = re.compile(r"MIDI (Ch\. ?\d+ )?CC\b|MIDI Ch\. ?\d+ ")
"""Wrappers show every MIDI controller of every channel as a parameter: two thousand of them."""


def scan(
    bundles: Iterable[Path],
    known: Catalog,
    policy: Policy,
    limits: WorkerLimits = WorkerLimits(),
    *,
    jobs: int = 2,
    force: bool = False,
) -> Iterator[Scanned]:
    """Entries of bundles as they come, in the order given; what is known and unchanged is not loaded again.

    Args:
        bundles: paths.
        known: the catalog so far.
        policy: what may be loaded.
        limits: of each bundle's process; `load_s` is also the time for a whole bundle after it has loaded.
        jobs: bundles at a time.
        force: scan what is known too.
    """
    live = _Live()

    def one(bundle: Path) -> Scanned:
        before = None if force else known.bundle(bundle)
        if before is not None and before.status != "not_allowed":
            return before
        return scan_bundle(bundle, policy, limits, live)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        pending = [pool.submit(one, bundle) for bundle in bundles]
        try:
            for future in pending:
                yield future.result()
        finally:  # an interrupted scan does not wait for what hangs
            pool.shutdown(wait=False, cancel_futures=True)
            live.close()


class _Live:
    """The running processes of a scan."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: list[PluginProcess] = []
        self._closed = False

    @contextlib.contextmanager
    def process(self, label: str, limits: WorkerLimits) -> Iterator[PluginProcess]:
        """A process that ends with the block, or with the scan.

        Raises:
            PluginCrashed: the scan has ended.
        """
        with PluginProcess(label, limits) as process:
            with self._lock:
                self._processes.append(process)
                if self._closed:
                    process.close()
            try:
                yield process
            finally:
                with self._lock:
                    self._processes.remove(process)

    def close(self) -> None:
        """End them all."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.close()


def scan_bundle(
    bundle: Path, policy: Policy, limits: WorkerLimits = WorkerLimits(), live: _Live | None = None
) -> Scanned:
    """What one bundle holds, or why it cannot be used. A broken plug-in raises nothing."""
    live = live or _Live()
    started_s = time.perf_counter()

    def result(status: Status, reason: str = "", plugins: tuple[PluginInfo, ...] = ()) -> Scanned:
        return Scanned(
            path=str(bundle),
            size_bytes=mark.size_bytes,
            mtime_ns=mark.mtime_ns,
            sha256=sha256,
            status=status,
            reason=reason,
            seconds=round(time.perf_counter() - started_s, 3),
            plugins=plugins,
            scanner=SCANNER,
        )

    mark, sha256 = Fingerprint(0, 0), ""
    try:
        mark, sha256 = fingerprint(bundle), digest(bundle)
        policy.check(bundle, sha256)
    except OSError as error:
        return result("refused", f"it cannot be read ({error.strerror})")
    except PluginForbidden as error:
        return result("not_allowed", error.message)
    deadline = _Deadline(limits)
    try:
        names = _names(bundle, limits, live)
        plugins = tuple(
            _Trial(bundle, name if len(names) > 1 else "", sha256, deadline, live).run() for name in names
        )
    except PluginError as error:
        return result(_status(error), error.message)
    return result("ok", plugins=plugins) if plugins else result("refused", "it holds no plug-in")


def _status(error: PluginError) -> Status:
    if isinstance(error, PluginTimedOut):
        return "timed_out"
    if isinstance(error, PluginMisbehaved):
        return "refused" if error.code == "plugin_refused" else "misbehaved"
    return "crashed"


def _names(bundle: Path, limits: WorkerLimits, live: _Live) -> list[str]:
    with live.process(bundle.stem, limits) as process:
        names: list[str] = process.call("names", within_s=limits.load_s, path=str(bundle))["names"]
    return names


@dataclass(slots=True)
class _Deadline:
    """The time for a whole bundle: loading, and trying it out."""

    limits: WorkerLimits
    started_s: float = field(default_factory=time.monotonic)

    def left(self, label: str) -> WorkerLimits:
        """Limits of what may still be asked for.

        Raises:
            PluginTimedOut: nothing is left.
        """
        whole_s = 2.0 * self.limits.load_s
        left_s = whole_s - (time.monotonic() - self.started_s)
        if left_s <= 0.0:
            raise PluginTimedOut(
                f"the plug-in {label} took more than {whole_s:g} s to load and to be tried out"
            )
        left_s = max(0.5, left_s)
        return replace(
            self.limits, load_s=min(self.limits.load_s, left_s), answer_s=min(self.limits.answer_s, left_s)
        )


class _Trial:
    """One plug-in, loaded and tried out."""

    def __init__(self, bundle: Path, inside: str, sha256: str, deadline: _Deadline, live: _Live) -> None:
        self._bundle, self._inside, self._sha256 = bundle, inside, sha256
        self._deadline, self._live = deadline, live
        self._notes: list[str] = []

    def run(self) -> PluginInfo:
        label = self._inside or self._bundle.stem
        with PluginProcess(label, self._deadline.left(label)) as process:
            about = process.load(str(self._bundle), self._inside)
            process.label = about["name"]
            info = PluginInfo(
                ref=PluginRef(
                    id=about["id"],
                    name=about["name"],
                    vendor=about["vendor"],
                    version=about["version"],
                    format="vst3" if self._bundle.suffix.lower() == ".vst3" else "au",
                    sha256=self._sha256,
                ),
                path=str(self._bundle),
                inside=self._inside,
                category=about["category"],
                instrument=about["instrument"],
                latency_frames=about["latency_frames"],
                parameters=parameters_of(process.call("table")["parameters"]),
            )
            info = self._played(process, info) if info.instrument else self._tried(process, info)
        return replace(info, notes=tuple(self._notes))

    def _played(self, process: PluginProcess, info: PluginInfo) -> PluginInfo:
        def run() -> Samples:
            process.start(_RATE, 2)
            process.push_notes(_TRIAL, [(0, b"\x90\x3c\x64"), (9_000, b"\x80\x3c\x00")])
            return process.pull()

        first, second = run(), run()
        self._note_sound(first)
        return replace(info, channels=(2,), repeatable=np.array_equal(first, second))

    def _tried(self, process: PluginProcess, info: PluginInfo) -> PluginInfo:
        channels = tuple(count for count in (1, 2) if self._takes(process, count))
        if not channels:
            raise PluginMisbehaved(
                f"the plug-in {info.ref.name} takes neither mono nor stereo",
                hint="Leave it out.",
                code="plugin_refused",
            )
        noise = _noise(channels[-1])
        first = self._through(process, noise)
        latency = process.latency_frames
        self._note_sound(first)
        second = self._through(process, noise)
        others = [self._through(process, noise, buffer) for buffer in _BUFFERS]
        state = process.call("get_state")
        process.call("set_state", blob=state)
        restored = self._through(process, noise)
        repeatable = np.array_equal(first, second)
        return replace(
            info,
            channels=channels,
            latency_frames=latency,
            repeatable=repeatable,
            block_invariant=repeatable and all(np.array_equal(first, o) for o in others),
            state_round_trips=repeatable and np.array_equal(first, restored),
        )

    def _takes(self, process: PluginProcess, channels: int) -> bool:
        """Whether it runs with so many channels and gives as many back."""
        try:
            process.start(_RATE, channels)
            process.push(_noise(channels)[:, :BUFFER_FRAMES])
            process.pull()
        except PluginMisbehaved as error:
            if process.usable and error.code == "plugin_refused":
                return False
            raise error
        return True

    def _through(self, process: PluginProcess, given: Samples, buffer_frames: int = BUFFER_FRAMES) -> Samples:
        process.limits = self._deadline.left(process.label)
        return _through(process, given, buffer_frames)

    def _note_sound(self, out: Samples) -> None:
        if not np.isfinite(out).all():
            self._notes.append("it gave NaN or infinite samples with its first settings")
        elif not out.any():
            self._notes.append("it is silent with its first settings")


def _noise(channels: int) -> Samples:
    rng = np.random.default_rng(20_261_123)
    return np.asarray(rng.standard_normal((channels, _TRIAL)) * 0.1, np.float32)


def _through(process: PluginProcess, given: Samples, buffer_frames: int = BUFFER_FRAMES) -> Samples:
    """What the plug-in makes of a signal from a reset, without its latency; as long as the signal."""
    latency = process.start(_RATE, len(given), buffer_frames)
    rest = latency + buffer_frames
    out = []
    for part in (given, np.zeros((len(given), rest), np.float32)):
        for start in range(0, part.shape[1], BLOCK_FRAMES):
            process.push(part[:, start : start + BLOCK_FRAMES])
            out.append(process.pull())
    return np.concatenate(out, axis=1)[:, : given.shape[1]]


def parameters_of(table: list[dict[str, Any]]) -> tuple[PluginParameter, ...]:
    """The worker's table with keys to type: unique, in lower case."""
    taken: set[str] = set()
    found = []
    # What may be set comes first to its name: wrappers add hidden parameters of their own.
    own = [entry for entry in table[:_MOST_PARAMETERS] if not _CONTROLLER.match(entry["name"])]
    for entry in sorted(own, key=lambda entry: not entry["automatable"]):
        key = _key(entry["name"]) or f"parameter_{entry['index']}"
        while key in taken:
            key = _next(key)
        taken.add(key)
        choices = tuple(text.strip() for text in entry["choices"])
        found.append(
            PluginParameter(**{**entry, "choices": choices, "unit": entry["unit"].strip(), "key": key})
        )
    return tuple(sorted(found, key=lambda parameter: parameter.index))


def _key(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", name.casefold()).strip("_")


def _next(key: str) -> str:
    stem, _, number = key.rpartition("_")
    return f"{stem}_{int(number) + 1}" if stem and number.isdigit() else f"{key}_2"
