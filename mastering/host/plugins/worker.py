"""The worker process: loads one plug-in on its main thread and answers one request at a time.

Run as `python -m mastering.host.plugins.worker SETTINGS` with the settings as JSON. Requests come on standard
input, answers go to what standard output was: a plug-in that prints writes to the error output. It ends when
its input ends. Everything that the plug-in may do wrong happens here and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mastering.host.libatomic import provide_libatomic
from mastering.host.plugins.confine import arm, confine
from mastering.host.plugins.shared import (
    AUTOMATION_FRAMES,
    BUFFER_FRAMES,
    INSTRUMENT_BUFFER_FRAMES,
    SharedAudio,
)
from mastering.host.plugins.wire import Message, pack, unpack

__all__ = ["main"]


class _Worker:
    """The loaded plug-in and what is known of the running job."""

    def __init__(self) -> None:
        self.plugin: Any = None
        self.shared: Any = None  # SharedAudio
        self.first_state = b""
        self.sample_rate = 44_100
        self.channels = 2
        self.buffer_frames = BUFFER_FRAMES
        self.position = 0
        self.held: Any = None
        self.lanes: list[tuple[int, list[float], list[float]]] = []

    def attach(self, path: str) -> dict[str, Any]:
        self.shared = SharedAudio(path)
        return {}

    def names(self, path: str) -> dict[str, Any]:
        """The plug-ins in a bundle."""
        return {"names": _kind(path).get_plugin_names_for_file(path)}

    def load(self, path: str, name: str | None, timeout_s: float) -> dict[str, Any]:
        _probe_no_parameters()
        self.plugin = _kind(path)(path, plugin_name=name, initialization_timeout=timeout_s)
        plugin = self.plugin
        self._settle()
        self.first_state = bytes(plugin.raw_state)
        return {
            "id": str(plugin.identifier),
            "name": str(plugin.name),
            "vendor": str(plugin.manufacturer_name),
            "version": str(plugin.version),
            "category": str(plugin.category),
            "instrument": bool(plugin.is_instrument),
            "latency_frames": int(plugin.reported_latency_samples),
        }

    def _settle(self) -> None:
        """Let parameters that were set arrive: states, latency and sound know of them only after a buffer."""
        import numpy as np

        if self.plugin.is_instrument:
            seconds = BUFFER_FRAMES / self.sample_rate
            self.plugin([], duration=seconds, sample_rate=self.sample_rate, num_channels=2)
            return
        for channels in (self.channels, 3 - self.channels):  # before its first job any number may be right
            silence = np.zeros((channels, self.buffer_frames), np.float32)
            with contextlib.suppress(ValueError):
                for _ in range(2):  # a latency that was changed is known from the second call on
                    self.plugin.process(silence, self.sample_rate, buffer_size=self.buffer_frames, reset=True)
                return

    def table(self) -> dict[str, Any]:
        """Every parameter."""
        from mastering.host.plugins.plainvalues import describe

        return {"parameters": [describe(p, i) for i, p in enumerate(self.plugin._parameters)]}

    def rewind(self) -> dict[str, Any]:
        """As it was when it was loaded."""
        self.lanes = []
        self._settle()
        if bytes(self.plugin.raw_state) != self.first_state:
            self.plugin.raw_state = self.first_state
            self._settle()
        return {"private_bytes": _private_bytes()}

    def set(self, values: list[list[Any]]) -> dict[str, Any]:
        """Set parameters, [index, value in its unit] or [index, raw value, "raw"]; what they show then."""
        from mastering.host.plugins.plainvalues import raw_of

        native = self.plugin._parameters
        shown = []
        for index, value, *raw in values:
            parameter = native[index]
            try:
                parameter.raw_value = float(value) if raw else raw_of(parameter, value)
            except ValueError as error:
                return {"refused": parameter.name, "reason": str(error)}
            shown.append([float(parameter.raw_value), str(parameter.string_value)])
        return {"shown": shown}

    def get_state(self) -> Message:
        self._settle()
        return {}, bytes(self.plugin.raw_state)

    def set_state(self, blob: bytes) -> dict[str, Any]:
        """A state that is not the plug-in's own is taken without a word: one that changes nothing is told."""
        before = bytes(self.plugin.raw_state)
        self.plugin.raw_state = blob
        self._settle()
        after = bytes(self.plugin.raw_state)
        return {"taken": after == blob or after != before}

    def get_preset(self) -> Message:
        self._settle()
        return {}, bytes(self.plugin.preset_data)

    def load_preset(self, path: str) -> dict[str, Any]:
        self.plugin.load_preset(path)
        self._settle()
        return {}

    def automate(self, lanes: list[dict[str, Any]]) -> dict[str, Any]:
        """Parameters that move: {"index", "times_s", "values"}, values in the parameter's unit."""
        from mastering.host.plugins.plainvalues import raw_of

        native = self.plugin._parameters
        self.lanes = [
            (
                lane["index"],
                lane["times_s"],
                [raw_of(native[lane["index"]], value) for value in lane["values"]],
            )
            for lane in lanes
        ]
        return {}

    def prepare(self, sample_rate: int, channels: int, buffer_frames: int) -> dict[str, Any]:
        """Silence before the first frame: waiting changes of parameters arrive, then everything is reset."""
        import numpy as np

        self.sample_rate, self.channels, self.buffer_frames = sample_rate, channels, buffer_frames
        self.position, self.held = 0, np.zeros((channels, 0), np.float32)
        self._settle()
        self.plugin.reset()
        return {"latency_frames": int(self.plugin.reported_latency_samples)}

    def process(self, slot: int, frames: int) -> dict[str, Any]:
        """Run the audio in a slot; what comes back is in the same slot.

        The plug-in gets whole buffers on a fixed grid of the song, however the audio came; the rest waits.
        """
        import numpy as np

        given = self.shared.slot(slot, self.channels, frames)
        if self.held.shape[1]:
            given = np.concatenate([self.held, given], axis=1)
        whole = given.shape[1] // self.buffer_frames * self.buffer_frames
        self.held = given[:, whole:].copy()  # the slot is written to again
        out = self._automated(given[:, :whole]) if self.lanes else self._run(given[:, :whole])
        self.position += whole
        self.shared.slot(slot, self.channels, out.shape[1])[:] = out
        return {"frames": int(out.shape[1])}

    def _run(self, samples: Any) -> Any:
        if samples.shape[1] == 0:
            return samples
        return self.plugin.process(samples, self.sample_rate, buffer_size=self.buffer_frames, reset=False)

    def _automated(self, samples: Any) -> Any:
        """The same in short pieces, parameters set before each."""
        import numpy as np

        native = self.plugin._parameters  # anew each time: pedalboard may have made the plug-in anew
        pieces = [samples[:, :0]]
        for start in range(0, samples.shape[1], AUTOMATION_FRAMES):
            now_s = (self.position + start) / self.sample_rate
            for index, times_s, raws in self.lanes:
                native[index].raw_value = float(np.interp(now_s, times_s, raws))
            pieces.append(self._run(samples[:, start : start + AUTOMATION_FRAMES]))
        return np.concatenate(pieces, axis=1)

    def play(self, slot: int, frames: int, notes: list[list[Any]]) -> dict[str, Any]:
        """An instrument's next frames; notes are [frames from here, bytes]."""
        share = 0.5 / max(1, len(notes))  # of a frame: pedalboard refuses a hundred messages of one time
        messages = [
            (bytes(data), (frame + 0.25 + share * number) / self.sample_rate)
            for number, (frame, data) in enumerate(notes)
        ]
        out = self.plugin(
            messages,
            duration=(frames + 0.5) / self.sample_rate,  # it rounds down
            sample_rate=self.sample_rate,
            num_channels=self.channels,
            buffer_size=INSTRUMENT_BUFFER_FRAMES,
            reset=False,
        )
        count = min(frames, out.shape[1])
        self.shared.slot(slot, self.channels, count)[:] = out[:, :count]
        return {"frames": int(count)}


def _kind(path: str) -> Any:
    """Pedalboard's class for a bundle."""
    provide_libatomic()
    import pedalboard

    if path.lower().endswith(".vst3"):
        return pedalboard.VST3Plugin
    kind = getattr(pedalboard, "AudioUnitPlugin", None)
    if kind is None:
        raise ImportError("Audio Units run on macOS only")
    return kind


def _private_bytes() -> int:
    """Memory that is this process's own; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _probe_no_parameters() -> None:
    """Keep pedalboard from asking for two thousand texts of every parameter: it takes seconds."""
    import re

    provide_libatomic()
    import pedalboard

    with contextlib.suppress(AttributeError):
        pedalboard._pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(""))


def _answer(worker: _Worker, request: dict[str, Any]) -> Message:
    operation: Callable[..., dict[str, Any] | Message] = getattr(worker, request.pop("do"))
    arm(request.pop("within_s") + 1.0)
    try:
        answer = operation(**request)
    except MemoryError:
        return {"error": "memory", "reason": "it ran out of memory"}, b""
    except Exception as error:  # whatever a plug-in throws: the host names it
        return {"error": type(error).__name__, "reason": str(error).strip()}, b""
    finally:
        arm(0.0)
    return answer if isinstance(answer, tuple) else (answer, b"")


def main() -> None:
    """Serve until the input ends."""
    settings = json.loads(sys.argv[1])
    requests, answers = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    held = confine(memory_bytes=settings["memory_bytes"], network=settings["network"])
    reader = os.fdopen(requests, "rb", buffering=0)

    def fill(view: memoryview) -> None:
        while view:
            count = reader.readinto(view)
            if not count:
                os._exit(0)  # the host is gone: no destructor of a plug-in is to be trusted
            view = view[count:]

    worker = _Worker()
    _send(answers, pack({"pid": os.getpid(), "confined": held}))
    while True:
        request, blob = unpack(fill)
        if blob:
            request["blob"] = blob
        _send(answers, pack(*_answer(worker, request)))


def _send(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


if __name__ == "__main__":
    main()
