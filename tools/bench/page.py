"""The page's first view, its bytes, and how soon an adjustment is heard.

    python tools/bench/page.py --music ../shared/data/music

A real `tonmeister serve` on loopback and Debian's Chromium, with a fresh profile for every run. First view:
paints, and when a file can be dropped and chosen. Bytes: as sent, with headers, of the page's own files,
fonts too, on the first view, and after the desk of a master was opened; music and curves are counted apart.
Previews, of a song of four minutes: of 30 s by the API at random places with random adjustments; and on the
page from the knob's move to the first adjusted sample out of the loudspeaker. Writes results/page.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import random
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from service import Server, make_files

from mastering.client import Tonmeister

_RESULTS = Path(__file__).parent / "results" / "page.md"
_WIDTHS_PX = (390, 1440)
_SONG_S = 240.0
_PREVIEW_S = 30.0
_KNOBS = {
    "Amount in %": (20.0, 150.0),
    "Bass in dB": (-4.0, 4.0),
    "Presence in dB": (-4.0, 4.0),
    "Air in dB": (-4.0, 4.0),
    "Compression in %": (0.0, 200.0),
    "Width in %": (40.0, 160.0),
    "Loudness in LUFS": (-20.0, -9.0),
    "Ceiling in dBTP": (-3.0, -0.5),
}
_WATCH = """
window.seen = { largest_ms: 0, usable_ms: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.largest_ms = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
const look = () => {
  const button = document.querySelector("[data-drop=songs] button");
  if (button && !button.disabled && button.checkVisibility()) seen.usable_ms = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_HEAR = """
{
  const start = AudioBufferSourceNode.prototype.start;
  window.planned = [];
  AudioBufferSourceNode.prototype.start = function (at_s, ...rest) {
    const { currentTime, outputLatency } = this.context;
    const ahead_s = at_s - currentTime + (outputLatency || 0);
    planned.push([performance.now(), performance.now() + 1000 * ahead_s]);
    return start.call(this, at_s, ...rest);
  };
  window.turn = (label, value) => new Promise((heard, failed) => {
    const status = document.querySelector(".preview-status");
    const field = document.querySelector(`[aria-label="${label}"]`);
    const began_ms = performance.now();
    const late = setTimeout(() => failed(new Error(`not heard: ${status.textContent}`)), 60000);
    let rendering = false;
    const watcher = new MutationObserver(() => {
      rendering ||= status.textContent.startsWith("Rendering");
      if (!rendering || !status.textContent.startsWith("You hear it adjusted")) return;
      watcher.disconnect();
      clearTimeout(late);
      const now = performance.now();
      const swapped = planned.filter(([called_ms]) => called_ms > now - 30).map(([, at_ms]) => at_ms);
      heard(Math.min(...swapped) - began_ms);
    });
    watcher.observe(status, { childList: true, characterData: true, subtree: true });
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
"""
"""When a sound is planned is known to the sample: this adds the time from then until it leaves the device."""

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--autoplay-policy=no-user-gesture-required"]


def main() -> None:
    """Measure, and write it down."""
    options = _options()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(served(folder))
        browser = stack.enter_context(chromium())
        desk = stack.enter_context(Tonmeister(server.url, timeout_s=300.0))
        rows = [row for width in _WIDTHS_PX for row in first_view(browser, server.url, width, options.runs)]
        (song,) = make_files(folder / "songs", 1, _SONG_S, Path(options.music))
        job = desk.wait(desk.master(desk.upload(song), style="balanced"))
        rows += bytes_sent(browser, server.url, job.id)
        rows += by_api(desk, job, options.previews)
        rows += by_ear(browser, server.url, job.id, options.previews)
    text = report(rows, options)
    _RESULTS.write_text(text, "utf-8")
    print(text)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    """The service with its data in a folder."""
    server = Server(folder / "served")
    try:
        yield server
    finally:
        server.end(signal.SIGTERM)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, width_px: int, script: str) -> Iterator[Page]:
    """A page with a profile of its own."""
    context = browser.new_context(viewport={"width": width_px, "height": 900})
    context.set_default_timeout(60_000)
    context.add_init_script(script)
    yield context.new_page()
    context.close()


Row = tuple[str, str, str]


def first_view(browser: Browser, url: str, width_px: int, runs: int) -> list[Row]:
    """Paints of the first view, each run with nothing kept from the one before."""
    found: list[dict[str, float]] = []
    for _ in range(runs):
        with opened(browser, width_px, _WATCH) as page:
            page.goto(url)
            page.wait_for_function("() => seen.usable_ms > 0")
            page.wait_for_timeout(300)
            found.append(
                page.evaluate(
                    """() => ({ ...seen, first_ms: performance.getEntriesByName("first-contentful-paint")[0]
                      .startTime })"""
                )
            )
    names = {"first_ms": "first paint", "largest_ms": "largest paint", "usable_ms": "usable"}
    return [
        (f"{width_px} px: {name}", _spread([one[key] for one in found], "ms", 0), "< 1000 ms")
        for key, name in names.items()
    ]


def bytes_sent(browser: Browser, url: str, job: str) -> list[Row]:
    """What the page's files weigh on the wire, on its first view and with a desk opened."""
    own: dict[str, int] = {}
    other: dict[str, int] = {}
    with opened(browser, 1440, "") as page:

        def finished(request: Any) -> None:
            sizes = request.sizes()
            place = other if "/api/" in request.url else own
            place[request.url] = sizes["responseBodySize"] + sizes["responseHeadersSize"]

        page.on("requestfinished", finished)
        page.goto(url)
        page.wait_for_selector("[data-drop=songs] button")
        first = sum(own.values())
        page.wait_for_load_state("networkidle")
        page.goto(f"{url}/#/job/{job}")
        page.wait_for_selector(".adjust input[type=range]")
        page.wait_for_timeout(3_000)
    return [
        ("files of the page until it is usable", f"{first / 1e3:.0f} kB", ""),
        ("files of the page, desk opened", f"{sum(own.values()) / 1e3:.0f} kB in {len(own)}", "< 400 kB"),
        ("answers and music of the desk", f"{sum(other.values()) / 1e6:.1f} MB", ""),
    ]


def by_api(desk: Tonmeister, job: Any, count: int) -> list[Row]:
    """Previews of 30 s as a program asks for them."""
    rng = random.Random(1)

    def one() -> float:
        adjust = {
            "amount_percent": rng.uniform(20.0, 150.0),
            "width_percent": rng.uniform(40.0, 160.0),
            "ceiling_dbtp": rng.uniform(-3.0, -0.5),
            "integrated_lufs": rng.uniform(-20.0, -9.0),
            "tone": [
                {"shape": "peak", "frequency_hz": rng.uniform(60.0, 9_000.0), "q": 0.7, "gain_db": gain_db}
                for gain_db in (rng.uniform(-4.0, 4.0), rng.uniform(-4.0, 4.0))
            ],
        }
        start_s = rng.uniform(0.0, _SONG_S - _PREVIEW_S)
        began_s = time.perf_counter()
        desk.preview(job, start_s=start_s, duration_s=_PREVIEW_S, **adjust)
        return time.perf_counter() - began_s

    return _previews("by the API, 30 s", one, count)


def by_ear(browser: Browser, url: str, job: str, count: int) -> list[Row]:
    """From a knob's move to the first adjusted sample, the music playing, at random places."""
    rng = random.Random(2)
    with opened(browser, 1440, _HEAR) as page:
        page.goto(f"{url}/#/job/{job}")
        page.wait_for_selector(".adjust input[type=range]")
        page.keyboard.press("Space")

        def one() -> float:
            box = page.locator(".touch").bounding_box()
            assert box is not None
            page.mouse.click(box["x"] + rng.uniform(0.0, 0.95) * box["width"], box["y"] + 40)
            page.wait_for_timeout(1_500)  # it plays there
            label, (low, high) = rng.choice(list(_KNOBS.items()))
            value = f"{rng.uniform(low, high):.1f}"
            return float(page.evaluate("([label, value]) => turn(label, value)", [label, value])) / 1e3

        return _previews("on the page, knob to ear", one, count)


def _previews(name: str, one: Callable[[], float], count: int) -> list[Row]:
    first_s = one()
    later = [one() for _ in range(count)]
    return [
        (f"preview {name}: the first", f"{first_s:.2f} s", ""),
        (f"preview {name}: {count} more", _spread(later, "s", 2), "< 2 s"),
    ]


def _spread(values: Sequence[float], unit: str, decimals: int) -> str:
    middle, most = statistics.median(values), max(values)
    return f"{middle:.{decimals}f} {unit}, at most {most:.{decimals}f} {unit}"


def report(rows: Sequence[Row], options: argparse.Namespace) -> str:
    """The table."""
    table = "\n".join(f"| {name} | {value} | {bar} |" for name, value, bar in rows)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    return (
        f"# The page\n\n`python tools/bench/page.py`: {options.runs} runs each with a fresh profile, "
        f"a song of {_SONG_S:g} s (44.1 kHz, 16 bit); {machine}; browser and service on the same machine, "
        f"whose load was {os.getloadavg()[0]:.1f} at the end. Medians.\n\n"
        f"| | measured | wanted |\n|---|---|---|\n{table}\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="first views of each width")
    parser.add_argument("--previews", type=int, default=20, help="after the first")
    parser.add_argument("--music", required=True, help="folder of ogg files; noise where there are none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
