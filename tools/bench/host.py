"""The plug-in host against pedalboard in its own process, and what isolation costs and catches.

    python tools/bench/host.py [--minutes 4] [--pairs 7]

Needs zam-plugins (Debian) in /usr/lib/vst3, and for crashes dpf-source and g++ (the fixtures are built).
Pedalboard in-process runs in a process of its own, too, but with the audio in it: that is the peer. Pairs are
run one after the other in changing order, and the ratio is the median over pairs.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tools")]

import make_fixtures

from mastering.audio import Audio
from mastering.chain import Compressor, EqBand, Equalizer, External, LinearPhaseEq, Saturation, Step, Width
from mastering.errors import PluginError
from mastering.host.plugins.bundles import find_bundles
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.scan import scan
from mastering.host.plugins.setting import with_settings
from mastering.host.render import Rendered

RATE = 44_100
DPF = Path(os.environ.get("TONMEISTER_DPF", make_fixtures.DPF))
ZAM = Path("/usr/lib/vst3")
MEASURED = ("ZaMaximX2", "ZaMultiCompX2", "ZamCompX2", "ZamGateX2", "ZamHeadX2")
PEER = """
import sys, time
import numpy as np, pedalboard
x = np.load(sys.argv[2])
plugin = pedalboard.load_plugin(sys.argv[1])
plugin.process(x[:, :44100], 44100, reset=True)
print("ready", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    y = plugin.process(x, 44100, buffer_size=2048, reset=True)
    print(time.perf_counter() - start, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--soak", type=int, default=1000, help="renders of the soak; 0 leaves it out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        lines = list(_report(given, Path(scratch)))
    text = "\n".join(lines) + "\n"
    (REPOSITORY / "tools" / "bench" / "results" / "host.md").write_text(text)
    print(text)


def _report(given: argparse.Namespace, scratch: Path) -> Any:
    yield "# The plug-in host"
    yield ""
    yield f"{platform.platform()}, {_processor()}, {os.cpu_count()} cores."
    yield ""
    yield from _scanning()
    catalog = _catalog(scratch)
    policy = Policy(folders=("/",))
    with PluginHost(catalog, policy) as host:
        yield from _isolation(host, given, scratch)
        yield from _small(host, catalog)
        yield from _builtin(host)
    if given.soak:
        from bench.host_soak import soak

        yield from soak(catalog, policy, given.soak)


def _scanning() -> Any:
    bundles = find_bundles([ZAM])
    start = time.perf_counter()
    found = list(scan(bundles, Catalog(), Policy(folders=("/",))))
    seconds = time.perf_counter() - start
    bad = [entry for entry in found if entry.status != "ok"]
    yield f"Scan of the {len(found)} bundles of zam-plugins, each in a process of its own, two at a time: "
    yield f"{seconds:.1f} s (asked: under 90 s); not usable: {len(bad)} "
    yield "(" + (", ".join(f"{Path(entry.path).stem}: {entry.status}" for entry in bad) or "none") + ")."
    yield ""


def _catalog(scratch: Path) -> Catalog:
    bundles = find_bundles([ZAM])
    if make_fixtures.missing(DPF) is None:
        bundles += make_fixtures.build(scratch, DPF).values()
    return Catalog(bundles=tuple(scan(bundles, Catalog(), Policy(folders=("/",)))))


def _music(minutes: float) -> np.ndarray:
    """Noise with a beat: compressors and gates have something to do."""
    rng = np.random.default_rng(5)
    frames = int(minutes * 60 * RATE)
    beat = 0.2 + 0.8 * np.abs(np.sin(np.arange(frames) * np.pi * 2 / RATE)) ** 4
    return np.asarray(rng.standard_normal((2, frames)) * 0.15 * beat, np.float32)


def _isolation(host: PluginHost, given: argparse.Namespace, scratch: Path) -> Any:
    yield f"Stereo, {given.minutes:g} minutes at {RATE} Hz: seconds isolated / in-process, median of "
    yield f"{given.pairs} pairs; both give the plug-in buffers of 2048 frames. Asked: at most 1.15."
    yield ""
    yield "| plug-in | isolated s | in-process s | ratio | difference |"
    yield "|---|---|---|---|---|"
    samples = _music(given.minutes)
    audio = Audio(samples=samples, sample_rate=RATE)
    file = scratch / "audio.npy"
    np.save(file, samples)
    for name in MEASURED:
        info = host.catalog.find(name)
        step = External(plugin=info.ref)
        _run(host, audio, step)
        with _Peer(info.path, file) as peer:
            ours, theirs = [], []
            for pair in range(given.pairs):
                for turn in (0, 1) if pair % 2 else (1, 0):
                    if turn:
                        ours.append(_timed(lambda: _run(host, audio, step)))  # noqa: B023 - called at once
                    else:
                        theirs.append(peer.run())
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        yield (
            f"| {name} | {statistics.median(ours):.2f} | {statistics.median(theirs):.2f} | {ratio:.2f} | "
            f"{_difference(host, info.path, name)} |"
        )
    yield ""


def _run(host: PluginHost, audio: Audio, step: Step) -> list[Any]:
    return list(Rendered(audio, (step,), plugins=host).blocks())


class _Peer:
    """Pedalboard with the plug-in and the audio in one process."""

    def __init__(self, path: str, file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PEER, path, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._line() == "ready"

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line())


def _difference(host: PluginHost, path: str, name: str) -> str:
    """Isolated against in-process on ten seconds."""
    code = (
        "import sys, numpy as np, pedalboard\n"
        "plugin = pedalboard.load_plugin(sys.argv[1])\n"
        "y = plugin.process(np.load(sys.argv[2]), 44100, buffer_size=2048, reset=True)\n"
        "np.save(sys.argv[3], y)"
    )
    samples = _music(1 / 6)
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder, "in.npy"), Path(folder, "out.npy")
        np.save(given, samples)
        subprocess.run(
            [sys.executable, "-c", code, path, str(given), str(got)], check=True, capture_output=True
        )
        theirs = np.load(got)
    step = External(plugin=host.catalog.find(name).ref)
    rendered = Rendered(Audio(samples=samples, sample_rate=RATE), (step,), plugins=host)
    ours = np.concatenate(list(rendered.blocks()), axis=1)
    if np.array_equal(ours, theirs):
        return "none"
    error = np.sqrt(np.mean((ours - theirs) ** 2) / np.mean(theirs**2))
    return f"{20 * np.log10(error):.0f} dB"


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _small(host: PluginHost, catalog: Catalog) -> Any:
    info = catalog.find("ZaMultiCompX2")
    second = Audio(samples=_music(1 / 60), sample_rate=RATE)
    step = with_settings(External(plugin=info.ref), info, ["threshold 1=-30 dB"])
    jobs = [_timed(lambda: _run(host, second, step)) for _ in range(51)][1:]
    yield f"Warm job of one second (ZaMultiCompX2, a parameter set): median {_ms(jobs)} (asked: under 10 ms),"
    yield f"slowest of 50 {1e3 * max(jobs):.1f} ms."
    spawned = []
    for _ in range(7):
        start = time.perf_counter()
        with host.lease(info, fresh=True):
            spawned.append(time.perf_counter() - start)
    slowest = f"{1e3 * max(spawned):.0f} ms"
    yield f"A new process with ZaMultiCompX2 loaded: median {_ms(spawned)}, slowest {slowest}"
    yield "(asked: under 1 s)."
    trouble = [plugin for plugin in catalog.plugins if plugin.ref.name == "Test Trouble"]
    if trouble:
        crash = with_settings(External(plugin=trouble[0].ref), trouble[0], ["trouble=Crash"])
        noticed = [_crash(host, crash) for _ in range(11)]
        yield f"A crash in the first block noticed after: median {_ms(noticed)}, slowest "
        yield f"{1e3 * max(noticed):.1f} ms (asked: under 50 ms; from handing the block over to the error)."
    yield ""


def _crash(host: PluginHost, step: External) -> float:
    from mastering.host.plugins.host import configure

    info = host.resolve(step.plugin)
    try:
        with host.lease(info, fresh=True) as process:
            process.start(RATE, 2)
            configure(process, info, step)
            start = time.perf_counter()
            process.push(np.zeros((2, 4096), np.float32))
            process.pull()
    except PluginError:
        return time.perf_counter() - start
    raise AssertionError("it did not crash")


def _ms(seconds: list[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.1f} ms"


def _builtin(host: PluginHost) -> Any:
    band = EqBand(frequency_hz=1000.0, gain_db=1.0)
    compressor = Compressor(threshold_dbfs=-20.0)
    curve: dict[str, Any] = {"frequencies_hz": (100.0, 5000.0), "side_gain_db": (0.0, 1.0)}
    steps: tuple[Step, ...] = (
        Equalizer(mid=(band,)), compressor, LinearPhaseEq(mid_gain_db=(0.0, 1.0), **curve), Width(**curve),
        Saturation(), compressor, Equalizer(side=(band,)), compressor,
    )  # fmt: skip
    audio = Audio(samples=_music(1.0), sample_rate=RATE)

    def run(plugins: PluginHost | None) -> float:
        return _timed(lambda: list(Rendered(audio, steps, plugins=plugins).blocks()))

    run(None)
    pairs = [(run(host), run(None)) for _ in range(7)]
    ratio = statistics.median(a / b for a, b in pairs)
    yield f"A chain of 8 built-in steps, one minute, with the host at hand / without: ratio {ratio:.2f};"
    yield "they run in this process either way."
    yield ""


if __name__ == "__main__":
    main()
