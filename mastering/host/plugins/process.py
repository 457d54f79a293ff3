"""One plug-in in one process: the host's side.

A worker that is late is killed, one that dies is reported with how it died and the last words it wrote.
Whatever happens, it is a PluginError with the plug-in's name, and this process goes on.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from mastering.audio import Samples
from mastering.child import Child, ChildEnded, environment
from mastering.errors import (
    EnvironmentProblem,
    PluginCrashed,
    PluginError,
    PluginMisbehaved,
    PluginTimedOut,
)
from mastering.host.plugins.shared import BUFFER_FRAMES, SLOTS, SharedAudio
from mastering.host.plugins.values import WorkerLimits
from mastering.host.plugins.wire import Message, pack, unpack

__all__ = ["PluginProcess"]

_COMMAND = (sys.executable, "-P", "-m", "mastering.host.plugins.worker")
_START_S = 60.0
"""A new interpreter on a machine that swaps; plug-ins are not loaded yet."""
_TIMES_REAL_TIME = 10.0
_LAST_WORDS = 2_000
_PASSED_ON = {
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "DISPLAY", "TMPDIR", "TEMP", "TMP"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"),
    *("SYSTEMROOT", "WINDIR", "COMSPEC", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
    *("PROGRAMDATA", "PROGRAMFILES", "COMMONPROGRAMFILES"),
}
"""What a plug-in may see of this process's environment: no tokens, no settings of ours."""


class PluginProcess:
    """A running worker. `close` ends it, whatever it is doing.

    Args:
        label: the plug-in's name in messages.
        limits: what it may take.

    Raises:
        EnvironmentProblem: no process can be started.
    """

    def __init__(self, label: str, limits: WorkerLimits = WorkerLimits()) -> None:
        self.label = label
        self.limits = limits
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        settings = json.dumps({"memory_bytes": limits.memory_mb * 2**20, "network": limits.network})
        passed_on = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
        try:
            self._child = Child(
                [*_COMMAND, settings],
                env=environment(passed_on),
                cwd=Path(tempfile.gettempdir()),
                stderr=self._errors,
            )
        except OSError as error:
            self._errors.close()
            raise EnvironmentProblem(
                f"a process for the plug-in {label} cannot be started ({error})",
                hint="Close other programs, or install again.",
                code="plugin_not_started",
            ) from error
        self._shared: SharedAudio | None = None
        self._pending: list[tuple[int, float]] = []
        self.channels, self._rate, self.latency_frames = 2, 44_100, 0
        self._slots = itertools.cycle(range(SLOTS))
        try:
            hello, _ = self._receive(_START_S)
            self.confined: dict[str, bool] = hello["confined"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PluginProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The worker's process number."""
        return self._child.pid

    @property
    def usable(self) -> bool:
        """It runs, and nothing is unanswered."""
        return self._child.alive and not self._pending

    def close(self) -> None:
        """End the worker and let go of what it shared; nothing happens the second time."""
        self._child.close()
        if self._shared is not None:
            self._shared.close()
        self._errors.close()

    def load(self, path: str, inside: str = "") -> dict[str, Any]:
        """Load a plug-in of a bundle; its identity as plain values."""
        load_s = self.limits.load_s
        about: dict[str, Any] = self.call(
            "load", within_s=load_s, path=path, name=inside or None, timeout_s=load_s
        )
        return about

    def call(self, do: str, *, within_s: float | None = None, blob: bytes = b"", **fields: Any) -> Any:
        """Ask for something and wait for the answer.

        Args:
            do: name of a request; see `worker`.
            within_s: how long it may take; None is the limit for answers.
            blob: bytes to send along.
            fields: of the request.

        Returns:
            The answer's table; its bytes where it has some.

        Raises:
            PluginTimedOut: no answer in time; the process was killed.
            PluginCrashed: the process ended.
            PluginMisbehaved: it answered with an exception.
        """
        within_s = self.limits.answer_s if within_s is None else within_s
        self._send({"do": do, "within_s": within_s, **fields}, within_s, blob)
        table, data = self._receive(within_s)
        return data or table

    def start(self, sample_rate: int, channels: int, buffer_frames: int = BUFFER_FRAMES) -> int:
        """Reset for a new song; gives the latency in frames.

        Args:
            sample_rate: in Hz.
            channels: of what is pushed.
            buffer_frames: what the plug-in is given at a time; what is left over waits for the next push.
        """
        if self._shared is None:
            self._shared = SharedAudio()
            try:
                self.call("attach", path=self._shared.path)
            finally:
                self._shared.forget_name()
        self.channels, self._rate = channels, sample_rate
        self._slots = itertools.cycle(range(SLOTS))
        answer = self.call("prepare", sample_rate=sample_rate, channels=channels, buffer_frames=buffer_frames)
        self.latency_frames = int(answer["latency_frames"])
        return self.latency_frames

    def push(self, samples: Samples) -> None:
        """Hand over a block of at most BLOCK_FRAMES; at most two may wait to be pulled."""
        assert self._shared is not None, "started before anything is pushed"
        frames = samples.shape[1]
        slot = next(self._slots)
        self._shared.slot(slot, self.channels, frames)[:] = samples
        self._submit("process", slot, frames)

    def push_notes(self, frames: int, notes: Sequence[tuple[int, bytes]]) -> None:
        """Ask an instrument for its next frames; notes are (frames from here, MIDI bytes)."""
        plain = [[frame, list(data)] for frame, data in notes]
        self._submit("play", next(self._slots), frames, notes=plain)

    def pull(self) -> Samples:
        """The oldest block that was pushed, as the plug-in made it; it may be shorter."""
        assert self._shared is not None, "started before anything is pulled"
        slot, within_s = self._pending.pop(0)
        table, _ = self._receive(within_s)
        return self._shared.slot(slot, self.channels, int(table["frames"])).copy()

    def abandon(self) -> None:
        """Pull what is still under way, for nothing."""
        while self._pending:
            self.pull()

    def _submit(self, do: str, slot: int, frames: int, **fields: Any) -> None:
        within_s = self.limits.answer_s + _TIMES_REAL_TIME * frames / self._rate
        self._pending.append((slot, within_s))
        self._send({"do": do, "slot": slot, "frames": frames, "within_s": within_s, **fields}, within_s)

    def _send(self, table: Mapping[str, Any], within_s: float, blob: bytes = b"") -> None:
        try:
            self._child.write(pack(table, blob), within_s)
        except ChildEnded as ended:
            raise self._gone(ended, within_s) from None

    def _receive(self, within_s: float) -> Message:
        try:
            table, blob = unpack(lambda view: self._child.read_into(view, within_s))
        except ChildEnded as ended:
            raise self._gone(ended, within_s) from None
        except ValueError:
            self.close()
            raise PluginCrashed(
                f"the plug-in {self.label} damaged its process: it answered what cannot be read",
                hint="Leave it out, or look for a newer version of it.",
            ) from None
        if "error" in table:
            raise self._threw(str(table["error"]), str(table["reason"]))
        return table, blob

    def _gone(self, ended: ChildEnded, within_s: float) -> PluginError:
        last_words = self._last_words()
        self.close()
        if ended.late or ended.how == "SIGALRM":
            return PluginTimedOut(
                f"the plug-in {self.label} gave no answer for {within_s:g} s and was stopped",
                hint="Leave it out, or give it longer with --plugin-timeout.",
            )
        if "bad_alloc" in last_words or "MemoryError" in last_words:
            return self._out_of_memory()
        words = f": {last_words.splitlines()[-1][:200]}" if last_words else ""
        return PluginCrashed(
            f"the plug-in {self.label} crashed ({ended.how}{words})",
            hint="Leave it out, or look for a newer version of it; no other job was touched.",
        )

    def _threw(self, kind: str, reason: str) -> PluginError:
        if kind == "memory" or "bad_alloc" in reason:
            return self._out_of_memory()
        return PluginMisbehaved(
            f"the plug-in {self.label} failed: {reason.splitlines()[0] if reason else kind}",
            hint="Leave it out, or look for a newer version of it.",
            code="plugin_refused" if kind in ("ImportError", "ValueError") else "plugin_threw",
        )

    def _out_of_memory(self) -> PluginError:
        return PluginCrashed(
            f"the plug-in {self.label} wanted more than the {self.limits.memory_mb} MB of memory it may have",
            hint="Leave it out, or give it more with --plugin-memory.",
            code="plugin_memory",
        )

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - _LAST_WORDS))
            return self._errors.read().decode("utf-8", "replace").strip()
        return ""
