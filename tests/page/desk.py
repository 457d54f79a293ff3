"""A page under test: what it complains about, and what comes out of its loudspeakers."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.page.server import Server

__all__ = ["BLOCK", "EARS", "PATIENCE_MS", "WATCH", "Desk", "drag"]

BLOCK = 4_096
"""Frames that the tap hands over at once."""

PATIENCE_MS = 120_000
"""With a machine that has other things to do; what comes sooner is not waited for."""

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(event.violatedDirective + " " + event.blockedURI);
});
"""

EARS = """
{
  const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
    filled = 0;
    process([input]) {
      if (!this.filled) this.block = [currentFrame, new Float32Array(BLOCK), new Float32Array(BLOCK)];
      for (const side of [0, 1]) if (input[side]) this.block[side + 1].set(input[side], this.filled);
      this.filled += 128;
      if (this.filled < BLOCK) return true;
      this.port.postMessage(this.block);
      this.filled = 0;
      return true;
    }
  })`;
  const connect = AudioNode.prototype.connect;
  window.contexts = [];
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(options);
      this.heard = [];
      const module = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
      this.tapped = this.audioWorklet.addModule(module).then(() => {
        const tap = new AudioWorkletNode(this, "tap", { channelCount: 2, channelCountMode: "explicit" });
        tap.port.onmessage = ({ data }) => window.recording && this.heard.push(data);
        connect.call(tap, this.destination);
        return tap;
      });
      contexts.push(this);
    }
  };
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to === this.context.destination) this.context.tapped?.then((tap) => connect.call(this, tap));
    return connect.call(this, to, ...rest);
  };
}
""".replace("BLOCK", str(BLOCK))
"""Taps the loudspeakers. Its code is no file of the service, so it needs a context without policy."""

_TAKE = """
() => {
  window.recording = false;
  const heard = contexts.at(-1).heard;
  const bytes = (side) => {
    const all = new Float32Array(heard.length * BLOCK);
    heard.forEach((block, index) => all.set(block[side], index * BLOCK));
    let text = "";
    const raw = new Uint8Array(all.buffer);
    const step = 32768;
    for (let at = 0; at < raw.length; at += step) text += String.fromCharCode(...raw.subarray(at, at + step));
    return btoa(text);
  };
  const [frames, rate] = [heard.map(([frame]) => frame), contexts.at(-1).sampleRate];
  contexts.at(-1).heard = [];
  return { frames, rate, left: bytes(1), right: bytes(2) };
}
""".replace("BLOCK", str(BLOCK))

Samples = npt.NDArray[np.float32]


class Desk:
    """The page in a context of its own.

    Args:
        page: of Playwright.
        server: that serves it.
    """

    def __init__(self, page: Any, server: Server) -> None:
        self.page = page
        self.server = server
        self.expected: list[str] = []
        self._errors: list[str] = []
        page.on(
            "console",
            lambda said: self._errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def expect(self, *words: str) -> None:
        """Allows complaints with these words, such as of an answer that a test provokes."""
        self.expected += words

    def complaints(self) -> list[str]:
        """Errors of the console, of scripts and of the content policy that were not expected."""
        violations = self.page.evaluate("window.violations ?? []")
        return [one for one in [*self._errors, *violations] if not any(word in one for word in self.expected)]

    def drop(self, *files: Any, on: str = "body") -> None:
        """Drops files from the desktop."""
        transfer = self.page.evaluate_handle(
            """(files) => {
              const transfer = new DataTransfer();
              for (const [name, text] of files)
                transfer.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name));
              return transfer;
            }""",
            [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files],
        )
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event(on, event, {"dataTransfer": transfer})

    def wait_for_desk(self) -> None:
        """Until the desk of a finished job is there."""
        self.page.wait_for_selector(".desk .listen")
        self.page.wait_for_selector(".adjust input[type=range]")
        self.page.evaluate("() => window.contexts?.at(-1).tapped.then(() => true)")

    def play(self) -> None:
        """Until music sounds."""
        before = self.page.locator(".times .time").first.inner_text()
        self.page.keyboard.press("Space")
        moved = "(before) => document.querySelector('.times .time').textContent !== before"
        self.page.wait_for_function(moved, arg=before)

    def listen(self, seconds: float, *, meanwhile: Any = None) -> tuple[Samples, list[int], int]:
        """Records what sounds: samples [2, frames], the context's frame of each block, the rate in Hz."""
        self.page.evaluate("() => { contexts.at(-1).heard = []; window.recording = true; }")
        if meanwhile is not None:
            self._let_play(seconds / 2)
            meanwhile()
            seconds /= 2
        self._let_play(seconds)
        taken = self.page.evaluate(_TAKE)
        sides = [np.frombuffer(base64.b64decode(taken[side]), np.float32) for side in ("left", "right")]
        return np.stack(sides), taken["frames"], round(taken["rate"])

    def _let_play(self, seconds: float) -> None:
        """Waits by the clock of the music, which is slow on a machine that has other things to do."""
        end = self.page.evaluate("contexts.at(-1).currentTime") + seconds
        self.page.wait_for_function("(end) => contexts.at(-1).currentTime > end", arg=end)


def drag(page: Any, from_px: float, to_px: float, y: float) -> None:
    """With the mouse, on the lanes."""
    page.mouse.move(from_px, y)
    page.mouse.down()
    page.mouse.move((from_px + to_px) / 2, y, steps=4)
    page.mouse.move(to_px, y, steps=4)
    page.mouse.up()
    page.evaluate("() => new Promise((done) => setTimeout(done, 20))")  # the click of a drag is none
