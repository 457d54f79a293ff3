"""Benchmark of the fast forward pass of HTDemucs against demucs 4.1's own, on the CPU.

    pip install '.[bench]'
    python tools/bench/separate_speed.py --music ../shared/data/music

Two processes hold the same official-size model (random seeded weights: speed does not depend on
them; layer scales and normalisations are drawn large, so that every layer counts in the signal to
noise ratio). They take turns on the same music: own, fast, own, fast ... Each turn is one call of
demucs's `apply_model` with its default overlap, around its own module or around ours. Wall and CPU
time are the turns' own, the memory each process's peak. Writes tools/bench/results/separate_speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

RATE = 44_100
SEGMENT_S = Fraction(39, 5)
SONG = "librosa/Karissa_Hobbs_-_Lets_Go_Fishin.hq.ogg"
SIDES = ("own", "fast")
MODELS = ("htdemucs", "hdemucs_mmi", "draft")


def build_model(name: str) -> Any:
    """The published architecture `name` with seeded weights in which every layer matters."""
    import torch
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(1)
    sources = ["drums", "bass", "other", "vocals"]
    if name == "htdemucs":
        model = HTDemucs(sources, bottom_channels=512, dconv_mode=3, t_dropout=0.02, segment=SEGMENT_S)
    elif name == "hdemucs_mmi":
        model = HDemucs(sources, depth=6, segment=44)
    else:
        model = HDemucs(sources, channels=16, depth=5, segment=10)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if key.endswith(".scale"):
                sign = torch.sign(torch.randn(weight.shape, generator=generator))
                weight.copy_(sign * (0.15 + 0.3 * torch.rand(weight.shape, generator=generator)))
            elif weight.dim() == 1 and "norm" in key:
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return model.eval()


def read_mix(music: Path | None, seconds: float) -> tuple[np.ndarray, str]:
    """Stereo (2, frames) from the middle of a song, or noise where no music is at hand."""
    frames = int(seconds * RATE)
    path = None if music is None else music / SONG
    if path is None or not path.is_file():
        return 0.1 * np.random.default_rng(3).standard_normal((2, frames), np.float32), "noise"
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = soxr.resample(samples, rate, RATE).T
    start = max(0, (samples.shape[1] - frames) // 2)
    samples = np.broadcast_to(samples, (2, samples.shape[1])) if len(samples) == 1 else samples[:2]
    return np.ascontiguousarray(samples[:, start : start + frames]), "music"


class Stand:
    """What `apply_model` needs of a model, around a forward pass."""

    def __init__(self, model: Any, forward: Any) -> None:
        self.samplerate, self.segment, self.sources = model.samplerate, model.segment, model.sources
        self.forward = forward
        if hasattr(model, "valid_length"):
            self.valid_length = model.valid_length

    def to(self, _device: object) -> Stand:
        return self

    def eval(self) -> Stand:
        return self

    def __call__(self, mix: Any) -> Any:
        return self.forward(mix)


def serve(side: str, name: str, folder: Path, threads: int) -> None:
    """One side's process: a turn for every line on standard input, a line of JSON for every turn."""
    import torch
    from demucs.apply import apply_model

    torch.set_num_threads(threads)
    model = build_model(name)
    if side == "fast":
        from mastering.cli.memory import keep_freed_memory
        from stems.engine import forward_for

        keep_freed_memory()
    mix = torch.from_numpy(np.load(folder / "mix.npy"))[None]
    started = time.perf_counter()
    user: Any = Stand(model, forward_for(model, engine="fast")) if side == "fast" else model
    print(json.dumps({"prepare_s": time.perf_counter() - started}), flush=True)
    for line in sys.stdin:
        started, cpu_started = time.perf_counter(), time.process_time()
        out = apply_model(user, mix, shifts=0)
        turn = {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu_started}
        if line.strip() == "save":
            np.save(folder / f"{side}.npy", out.numpy())
        turn["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(turn), flush=True)


class Side:
    """A process that takes turns."""

    def __init__(self, side: str, name: str, folder: Path, threads: int) -> None:
        command = [sys.executable, __file__, "--serve", side, name, str(folder), str(threads)]
        root = Path(__file__).resolve().parents[2]
        paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": paths}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.prepare_s = self._answer()["prepare_s"]

    def turn(self, word: str = "go") -> dict[str, float]:
        """One separation; wall and CPU seconds, peak megabytes so far."""
        assert self.process.stdin is not None
        print(word, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare(name: str, mix: np.ndarray, pairs: int, threads: int) -> dict[str, Any]:
    """Take `pairs` turns of both sides after a first one that warms up and keeps the results."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "mix.npy", mix)
        sides = [Side(side, name, Path(folder), threads) for side in SIDES]
        first = [side.turn("save") for side in sides]
        turns = [[side.turn() for side in sides] for _ in range(pairs)]
        for side in sides:
            side.close()
        own, fast = (np.load(Path(folder) / f"{side}.npy").astype(np.float64) for side in SIDES)
    ratios = {key: [a[key] / b[key] for a, b in turns] for key in ("wall_s", "cpu_s")}
    return {
        "model": name,
        "threads": threads,
        "pairs": pairs,
        "prepare_s": sides[1].prepare_s,
        "first_s": [turn["wall_s"] for turn in first],
        "wall_s": [statistics.median(pair[k]["wall_s"] for pair in turns) for k in (0, 1)],
        "cpu_s": [statistics.median(pair[k]["cpu_s"] for pair in turns) for k in (0, 1)],
        "peak_mb": [turns[-1][k]["peak_mb"] for k in (0, 1)],
        "wall_ratios": ratios["wall_s"],
        "cpu_ratios": ratios["cpu_s"],
        "snr_db": float(10 * np.log10(np.sum(own**2) / np.sum((own - fast) ** 2))),
    }


def table(rows: list[dict[str, Any]], seconds: float, kind: str) -> str:
    """The result as Markdown."""
    import torch

    lines = [
        "# Speed of separation on the CPU: the fast forward pass beside demucs's own\n",
        f"`tools/bench/separate_speed.py`, {_machine()}, torch {torch.__version__.split('+')[0]}. Two "
        "processes hold the same model with random seeded weights and take turns on the same input, "
        f"{seconds:g} s of {kind}; a turn is `demucs.apply.apply_model(shifts=0)` at its default overlap. "
        "Ratios are medians of pairs (least to greatest). CPU time is what a busy machine leaves "
        "comparable. The fast side has the command line's allocator setting, as in `tonmeister`.\n",
        "| Model | Threads | Pairs | demucs s | fast s | Times faster (wall) | Times faster (CPU time) "
        "| SNR dB | Peak MB demucs | Peak MB fast | Prepare s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [_line(row) for row in rows]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    cells = [
        row["model"],
        str(row["threads"]),
        str(row["pairs"]),
        *(f"{value:.2f}" for value in row["wall_s"]),
        _spread(row["wall_ratios"]),
        _spread(row["cpu_ratios"]),
        f"{row['snr_db']:.1f}",
        *(f"{value:.0f}" for value in row["peak_mb"]),
        f"{row['prepare_s']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _spread(ratios: list[float]) -> str:
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


def _machine() -> str:
    names: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            names.setdefault(key.strip(), value.strip())
    vendor = names.get("vendor_id", platform.machine())
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16") if flag in names.get("flags", "").split()]
    family = f" family {names['cpu family']}" if "cpu family" in names else ""
    return f"{os.cpu_count()} cores of {vendor}{family} ({', '.join(flags) or 'no AVX'}), {platform.system()}"


def main() -> None:
    """Run the comparison and write the table."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, help="folder of real music; noise without")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seconds", type=float, default=float(SEGMENT_S))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count() or 1])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "separate_speed.md")
    options = parser.parse_args()
    mix, kind = read_mix(options.music, options.seconds)
    rows = [
        compare(name, mix, options.pairs, threads) for name in options.models for threads in options.threads
    ]
    text = table(rows, options.seconds, kind)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
