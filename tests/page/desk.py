"""A page under test: what it complains about, and what comes out of its loudspeakers."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.page.server import Server

__all__ = ["WATCH", "Desk"]

_TAP = """
registerProcessor("tap", class extends AudioWorkletProcessor {
  process([input]) {
    const left = input[0] ?? new Float32Array(128);
    this.port.postMessage([currentFrame, left.slice(), (input[1] ?? left).slice()]);
    return true;
  }
});
"""

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.blockedURI));
{
  const connect = AudioNode.prototype.connect;
  window.contexts = [];
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(options);
      this.heard = [];
      this.tapped = this.audioWorklet.addModule("/tap-of-the-tests.js").then(() => {
        const tap = new AudioWorkletNode(this, "tap", { channelCount: 2, channelCountMode: "explicit" });
        tap.port.onmessage = ({ data }) => window.recording && this.heard.push(data);
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
"""

_TAKE = """
() => {
  window.recording = false;
  const heard = contexts.at(-1).heard;
  const bytes = (side) => {
    const all = new Float32Array(heard.length * 128);
    heard.forEach((block, index) => all.set(block[side], index * 128));
    let text = "";
    const raw = new Uint8Array(all.buffer);
    for (let at = 0; at < raw.length; at += 32768) text += String.fromCharCode(...raw.subarray(at, at + 32768));
    return btoa(text);
  };
  const answer = { frames: heard.map(([frame]) => frame), left: bytes(1), right: bytes(2), rate: contexts.at(-1).sampleRate };
  contexts.at(-1).heard = [];
  return answer;
}
"""

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
        page.on("console", lambda said: self._errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.route("**/tap-of-the-tests.js", lambda route: route.fulfill(body=_TAP, content_type="text/javascript"))

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
        self.page.evaluate("contexts.at(-1).tapped.then(() => true)")

    def listen(self, seconds: float, *, meanwhile: Any = None) -> tuple[Samples, list[int], int]:
        """Records what sounds: samples [2, frames], the context's frame of each block of 128, the rate in Hz."""
        self.page.evaluate("() => { contexts.at(-1).heard = []; window.recording = true; }")
        if meanwhile is not None:
            self.page.wait_for_timeout(seconds * 500)
            meanwhile()
            self.page.wait_for_timeout(seconds * 500)
        else:
            self.page.wait_for_timeout(seconds * 1000)
        taken = self.page.evaluate(_TAKE)
        sides = [np.frombuffer(base64.b64decode(taken[side]), np.float32) for side in ("left", "right")]
        return np.stack(sides), taken["frames"], round(taken["rate"])
