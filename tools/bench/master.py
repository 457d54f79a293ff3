"""Benchmark of mastering against Matchering 2.0.6 in one run: quality, whole-process cost, growth.

    pip install '.[test,bench]'
    python tools/bench/master.py --music ../shared/data/music

Writes tools/bench/results/master.md and master.json. Both programs run as whole processes on
the same files; every number is measured on the written files by tools/bench/metrics.py.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import metrics
import numpy as np
import soundfile
import soxr

RATE = 44_100
CEILING_DBTP = -1.0
SETS = {
    "visible": (
        "librosa/Karissa_Hobbs_-_Lets_Go_Fishin.hq.ogg",
        "librosa/Kevin_MacLeod_-_Vibe_Ace.hq.ogg",
        "librosa/Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra).hq.ogg",
        "opensurge/sunshine.ogg",
        "opensurge/boss.ogg",
        "opensurge/citychill.ogg",
    ),
    "second": (
        "librosa/Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.hq.ogg",
        "opensurge/template.ogg",
        "opensurge/gimacian.ogg",
        "opensurge/waterworks.ogg",
        "opensurge/intro.ogg",
        "opensurge/sharp.ogg",
    ),
}
MATCHERING = (
    "import sys, matchering as m; "
    "m.process(target=sys.argv[1], reference=sys.argv[2], results=[m.Result(sys.argv[3], subtype='FLOAT')])"
)


@dataclass
class Cost:
    """What one whole process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: list[str]) -> Cost:
    """Run a process; wall time, its CPU time with its children's, and the largest resident size."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        message = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}: {message}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def tonmeister(source: Path, reference: Path, output: Path, *extra: str) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "mastering.cli",
        "master",
        str(source),
        "-r",
        str(reference),
        "-o",
        str(output),
    ]
    return [*command, "--force", "--no-report", "--quiet", *extra]


def matchering(source: Path, reference: Path, output: Path) -> list[str]:
    return [sys.executable, "-c", MATCHERING, str(source), str(reference), str(output)]


def prepare(
    music: Path, names: tuple[str, ...], folder: Path, seconds: float | None = None
) -> dict[str, Path]:
    """Each song as 44.1 kHz stereo float WAV (what Matchering works at), looped to `seconds` if given."""
    paths = {}
    for name in names:
        samples, rate = soundfile.read(music / name, dtype="float32", always_2d=True)
        samples = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples
        if rate != RATE:
            samples = soxr.resample(samples, rate, RATE, "VHQ")
        # Decoded Ogg reaches past full scale; both programs get the same file without that.
        samples *= min(1.0, 0.999 / np.abs(samples).max())
        title = Path(name).stem.removesuffix(".hq")
        paths[title] = folder / f"{title}.wav"
        left = len(samples) if seconds is None else int(seconds * RATE)
        subtype = "PCM_24" if seconds is None else "PCM_16"
        # Written piece by piece: a child's peak memory counts from what its parent held when it forked.
        with soundfile.SoundFile(paths[title], "w", RATE, 2, subtype) as file:
            while left > 0:
                file.write(samples[:left])
                left -= len(samples)
    return paths


@functools.cache
def goal_of(reference: Path) -> metrics.Levels:
    return metrics.measure(soundfile.read(reference, dtype="float32")[0], RATE)


def compare_pair(source: Path, reference: Path) -> dict[str, dict[str, float]]:
    """One ordered pair through both programs."""
    with tempfile.TemporaryDirectory() as name:
        return _compare(source, reference, Path(name))


def _compare(source: Path, reference: Path, folder: Path) -> dict[str, dict[str, float]]:
    before, _ = soundfile.read(source, dtype="float32")
    goal = goal_of(reference)
    ours, theirs, equal = (folder / f"{name}.wav" for name in ("ours", "theirs", "equal"))
    run(matchering(source, reference, theirs))
    run(
        tonmeister(
            source, reference, ours, "--amount", "100", "--ceiling", str(CEILING_DBTP), "--bit-depth", "32"
        )
    )
    rows = {name: judge(before, path, goal) for name, path in (("tonmeister", ours), ("matchering", theirs))}
    equal_loudness = [f"--lufs={rows['matchering']['lufs']:.3f}", "--ceiling", "-0.02", "--bit-depth", "32"]
    for key, extra in (
        ("unexplained_db", []),
        ("unexplained_without_dynamics_db", ["--only", "tone,width,level"]),
    ):
        run(tonmeister(source, reference, equal, "--amount", "100", *equal_loudness, *extra))
        after, _ = soundfile.read(equal, dtype="float32")
        rows["tonmeister"][key] = metrics.unexplained_db(before, after)
    rows["matchering"]["unexplained_without_dynamics_db"] = rows["matchering"]["unexplained_db"]
    return rows


def judge(before: np.ndarray, path: Path, goal: metrics.Levels) -> dict[str, float]:
    after, _ = soundfile.read(path, dtype="float32")
    levels = metrics.measure(after, RATE)
    mid, side = metrics.spectrum_error_db(levels, goal)
    return {
        "lufs": levels.lufs,
        "lufs_error": float(abs(levels.lufs - goal.lufs)),
        "goal_plr_db": goal.plr_db,
        "mid_error_db": mid,
        "side_error_db": side,
        "plr_error_db": abs(levels.plr_db - goal.plr_db),
        "true_peak_dbtp": levels.true_peak_dbtp,
        "delay_frames": metrics.delay_frames(before, after),
        "unexplained_db": metrics.unexplained_db(before, after),
    }


def quality(music: Path, folder: Path) -> dict[str, list[dict]]:
    """All ordered pairs of each set."""
    found: dict[str, list[dict]] = {}
    for name, songs in SETS.items():
        paths = prepare(music, songs, folder)
        with ThreadPoolExecutor(2) as pool:  # numbers are taken here, not times
            jobs = {
                pair: pool.submit(compare_pair, paths[pair[0]], paths[pair[1]])
                for pair in permutations(paths, 2)
            }
            found[name] = []
            for (source, reference), job in jobs.items():
                found[name].append({"source": source, "reference": reference, **job.result()})
                print(name, source, "->", reference, flush=True)
    return found


def same_ceiling(music: Path, folder: Path, found: dict[str, list[dict]]) -> None:
    """PLR error of every pair again at Matchering's own ceiling: a lower one is an error in PLR itself."""
    for name, songs in SETS.items():
        paths = prepare(music, songs, folder)
        with ThreadPoolExecutor(2) as pool:
            jobs = [
                (row, pool.submit(_at_matcherings_ceiling, paths[row["source"]], paths[row["reference"]]))
                for row in found[name]
            ]
            for row, job in jobs:
                row["tonmeister"]["plr_error_same_ceiling_db"] = job.result()
                row["matchering"]["plr_error_same_ceiling_db"] = row["matchering"]["plr_error_db"]


def _at_matcherings_ceiling(source: Path, reference: Path) -> float:
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "ours.wav"
        run(
            tonmeister(
                source, reference, output, "--amount", "100", "--ceiling", "-0.02", "--bit-depth", "32"
            )
        )
        levels = metrics.measure(soundfile.read(output, dtype="float32")[0], RATE)
        return abs(levels.plr_db - goal_of(reference).plr_db)


def cost(music: Path, folder: Path, runs: int) -> dict[str, list[dict]]:
    """Whole processes on a 4-minute pair, in turn."""
    paths = list(prepare(music, (SETS["visible"][4], SETS["visible"][0]), folder, 240.0).values())
    pairs: dict[str, list[dict]] = {"tonmeister": [], "matchering": []}
    for index in range(runs + 1):
        both = {
            "tonmeister": run(tonmeister(*paths, folder / "ours.wav")),
            "matchering": run(matchering(*paths, folder / "theirs.wav")),
        }
        if index:  # the first is a warm-up: compiled code and the disk cache
            for name, one in both.items():
                pairs[name].append(vars(one))
                print(name, one, flush=True)
    return pairs


def growth(music: Path, folder: Path, minutes: list[float]) -> list[dict]:
    """Each stage's speed (x real time) and the peak memory, for longer and longer files."""
    rows = []
    for length in minutes:
        source, reference = prepare(
            music, (SETS["visible"][4], SETS["visible"][0]), folder, 60.0 * length
        ).values()
        one = run(tonmeister(source, reference, folder / "long.wav"))
        report = subprocess.run(
            [*tonmeister(source, reference, folder / "long.wav"), "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds = json.loads(report.stdout)["results"][0]["seconds"]
        rows.append({"minutes": length, "seconds": seconds, **vars(one)})
        print(rows[-1], flush=True)
    return rows


def table(found: dict) -> str:
    """The results as a Markdown page."""
    lines = ["# Mastering against Matchering 2.0.6", "", found["machine"], ""]
    for name, pairs in found.get("quality", {}).items():
        lines += quality_table(name, pairs)
    if "cost" in found:
        lines += cost_table(found["cost"])
    if "growth" in found:
        lines += growth_table(found["growth"])
    return "\n".join(lines) + "\n"


def quality_table(name: str, pairs: list[dict]) -> list[str]:
    """Median and worst of each metric; loudness also over the references that fit under the ceiling."""
    songs = sorted({pair["source"] for pair in pairs})
    lines = [
        f"## Quality, {name} set: {len(pairs)} ordered pairs, amount 100, ceiling {CEILING_DBTP} dBTP",
        "",
        "Songs: " + "; ".join(songs) + ".",
        "",
        "| metric | Tonmeister median | worst | Matchering median | worst |",
        "|---|---|---|---|---|",
    ]
    titles = {
        "lufs_error": "LUFS error to the reference, LU",
        "mid_error_db": "mid third-octave error, dB",
        "side_error_db": "side-to-mid error, dB",
        "plr_error_db": "PLR error, dB",
        "plr_error_same_ceiling_db": "PLR error with Matchering's ceiling (-0.02 dB) for both, dB",
        "true_peak_dbtp": "true peak at 8x, dBTP",
        "delay_frames": "delay, frames",
        "unexplained_db": "energy no linear filter explains, dB (at Matchering's loudness)",
        "unexplained_without_dynamics_db": "the same with --only tone,width,level",
    }
    for key, title in titles.items():
        cells = []
        for system in ("tonmeister", "matchering"):
            values = [pair[system][key] for pair in pairs]
            worst = max(values, key=abs) if key == "delay_frames" else max(values)
            cells += [f"{statistics.median(values):.2f}", f"{worst:.2f}"]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    reachable = [p for p in pairs if p["tonmeister"]["goal_plr_db"] >= 7.0]
    worst = max(p["tonmeister"]["lufs_error"] for p in reachable)
    lines += [
        "",
        f"References with a PLR of at least 7 dB ({len(reachable)} pairs): worst LUFS error {worst:.2f} LU.",
        "",
    ]
    return lines


def cost_table(pairs: dict[str, list[dict]]) -> list[str]:
    lines = [
        "## Whole process, 4-minute pair, no report",
        "",
        "| | wall s | CPU s | peak MB |",
        "|---|---|---|---|",
    ]
    medians = {}
    for name, runs in pairs.items():
        medians[name] = {
            key: statistics.median(run[key] for run in runs) for key in ("wall_s", "cpu_s", "peak_mb")
        }
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in medians[name].values()) + " |")
    ratios = {
        key: statistics.median(
            a[key] / b[key] for a, b in zip(pairs["tonmeister"], pairs["matchering"], strict=True)
        )
        for key in ("wall_s", "cpu_s", "peak_mb")
    }
    lines += [
        "| ratio, median of pairs | " + " | ".join(f"{value:.2f}" for value in ratios.values()) + " |",
        "",
    ]
    return lines


def growth_table(rows: list[dict]) -> list[str]:
    stages = list(rows[0]["seconds"])
    lines = [
        "## Growth: x real time of each stage, and the whole process",
        "",
        "| minutes | " + " | ".join(stages) + " | whole wall s | peak MB |",
        "|---|" + "---|" * (len(stages) + 2),
    ]
    for row in rows:
        speeds = [
            f"{60.0 * row['minutes'] / max(row['seconds'].get(stage, 0.0), 1e-3):.0f}" for stage in stages
        ]
        lines.append(
            f"| {row['minutes']:g} | "
            + " | ".join(speeds)
            + f" | {row['wall_s']:.1f} | {row['peak_mb']:.0f} |"
        )
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--music", type=Path, default=Path("../shared/data/music"))
    parser.add_argument(
        "--parts",
        default="quality,cost,growth",
        help="which parts to run again (quality, ceiling, cost, growth)",
    )
    parser.add_argument("--runs", type=int, default=5, help="counted runs of the whole-process comparison")
    parser.add_argument("--minutes", default="1,10,60", help="lengths for the growth table")
    arguments = parser.parse_args()
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    kept = results / "master.json"
    found = json.loads(kept.read_text()) if kept.exists() else {}
    found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}."
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "quality" in arguments.parts:
            found["quality"] = quality(arguments.music, folder)
        if "quality" in arguments.parts or "ceiling" in arguments.parts:
            same_ceiling(arguments.music, folder, found["quality"])
        if "cost" in arguments.parts:
            found["cost"] = cost(arguments.music, folder, arguments.runs)
        if "growth" in arguments.parts:
            found["growth"] = growth(
                arguments.music, folder, [float(m) for m in arguments.minutes.split(",")]
            )
    kept.write_text(json.dumps(found, indent=1) + "\n")
    (results / "master.md").write_text(table(found))
    print((results / "master.md").read_text())


if __name__ == "__main__":
    main()
