"""Benchmark of reference matching: all systems on the same held-out cases, in one run.

    pip install '.[test,bench]'      # and FluidSynth; TimGM6mb.sf2 lies in the wheel of pretty_midi
    python tools/bench/match.py --sound-font TimGM6mb.sf2 --work build/bench --jobs 2 \
        --music ../shared/data/music --midi ../shared/data/midi/pop909-001-859.tar.xz

Writes tools/bench/results/match.md, match.json and two plots. Results of single cases are kept in
the work folder under case, system and version: a second run makes only what is new. `--fresh
SYSTEM` makes a system's results again, `--only T1c --limit 6` takes a quick look without touching
tools/bench/results.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cases
import match_report
import songs
import systems
from match_metrics import Judge

HERE = Path(__file__).parent
PROGRESS_S = 60.0


def main() -> None:
    """Parse, run what is missing, write the page."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process is a core: torch reads it when it is first used
    arguments = parsed()
    places = songs.Places(arguments.music, arguments.midi, arguments.sound_font, arguments.work)
    places.work.mkdir(parents=True, exist_ok=True)
    listed = songs.listed()
    songs.check(listed, places)
    for song in listed:
        songs.prepare(song, places)
    installed, absent = registry(arguments)
    chosen = [spec for spec in cases.specs(listed) if not arguments.only or spec.task in arguments.only]
    chosen = chosen[: arguments.limit] if arguments.limit else chosen
    started = time.perf_counter()
    rows = run(chosen, installed, places, arguments)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    about = {"machine": machine, "seconds": round(time.perf_counter() - started), "notes": absent}
    if any(system.name == "learned" for system in installed):
        about["notes"].append(prediction(cases.build(chosen[0], places)))
    partial = bool(arguments.only or arguments.limit or arguments.systems)
    results = arguments.work / "partial" if partial else HERE / "results"
    results.mkdir(parents=True, exist_ok=True)
    print(match_report.write(rows, chosen, installed, about, places, results))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path("../shared/data")
    parser.add_argument("--music", type=Path, default=shared / "music", help="folder of the real pieces")
    parser.add_argument(
        "--midi", type=Path, default=shared / "midi/pop909-001-859.tar.xz", help="POP909 as tar.xz"
    )
    parser.add_argument("--sound-font", type=Path, default=Path("TimGM6mb.sf2"), help="TimGM6mb.sf2")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="renders and kept results")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", nargs="+", choices=cases.TASKS, help="these tasks only")
    parser.add_argument("--systems", nargs="+", metavar="SYSTEM", help="these systems only")
    parser.add_argument("--limit", type=int, help="this many cases only")
    parser.add_argument("--fresh", nargs="+", default=[], metavar="SYSTEM", help="make its results again")
    parser.add_argument("--refine", type=int, default=60, help="steps of the refined system")
    return parser.parse_args()


def registry(arguments: argparse.Namespace) -> tuple[list[systems.System], list[str]]:
    """Systems that can run, and a line for each that cannot."""
    found, absent = [], []
    for system in systems.systems(arguments.refine):
        if arguments.systems and system.name not in arguments.systems:
            continue
        why = system.missing()
        if why:
            absent.append(f"{system.title}: left out, {why}")
            print(absent[-1], flush=True)
        else:
            found.append(system)
    return found, absent


def run(
    chosen: list[cases.Spec],
    installed: list[systems.System],
    places: songs.Places,
    arguments: argparse.Namespace,
) -> list[dict]:
    """A row for every case and system: kept ones, and those made now."""
    kept_file = places.work / "rows.jsonl"
    kept = read_kept(kept_file, arguments.fresh)
    versions = {
        (spec.name, system.name): f"{cases.version()}:{spec.digest}:{system.version()}"
        for spec in chosen
        for system in installed
    }
    work = []
    for spec in sorted(chosen, key=lambda spec: (spec.turn // 2, spec.song.name)):
        names = [one.name for one in installed]
        names = [name for name in names if (spec.name, name, versions[spec.name, name]) not in kept]
        if names:
            work.append((spec, names))
    with kept_file.open("a") as file:
        for done in progress(each(work, places, arguments), len(work)):
            for row in done:
                row["version"] = versions[row["case"], row["system"]]
                kept[row["case"], row["system"], row["version"]] = row
                file.write(json.dumps(row) + "\n")
            file.flush()
    return [kept[case, system, version] for (case, system), version in versions.items()]


def prediction(case: cases.Case) -> str:
    """A line on how long the learned matcher thinks."""
    first_s, later_s = systems.prediction_s(case, "learned")
    return (
        f"After measuring, the learned matcher answers in {first_s:.3f} s, the next times in {later_s:.3f} s"
    )


def read_kept(path: Path, fresh: list[str]) -> dict[tuple[str, str, str], dict]:
    """Kept rows by case, system and version, without those to be made again."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {(row["case"], row["system"], row["version"]): row for row in rows if row["system"] not in fresh}


def each(
    work: list[tuple[cases.Spec, list[str]]], places: songs.Places, arguments: argparse.Namespace
) -> Iterator[list[dict]]:
    """The rows of one case after the other, from `--jobs` processes."""
    job = functools.partial(rows_of, places=places, refine_steps=arguments.refine)
    if arguments.jobs == 1:
        yield from map(job, work)
        return
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        yield from pool.imap_unordered(job, work, chunksize=4)


def rows_of(job: tuple[cases.Spec, list[str]], places: songs.Places, refine_steps: int) -> list[dict]:
    """Build one case and judge the named systems on it."""
    spec, names = job
    case = cases.build(spec, places)
    judge = Judge(case.source, case.reference, case.truth)
    rows = []
    for system in systems.systems(refine_steps):
        if system.name not in names:
            continue
        start = time.perf_counter()
        made = system.run(case)
        seconds = time.perf_counter() - start
        numbers = {key: round(float(value), 4) for key, value in judge.row(made).items()}
        rows.append({"case": spec.name, "system": system.name, "seconds": round(seconds, 2), **numbers})
        rows[-1]["families"] = list(case.families)
    return rows


def progress(done: Iterator[list[dict]], total: int) -> Iterator[list[dict]]:
    """The same rows; a line a minute."""
    start = last = time.monotonic()
    for count, rows in enumerate(done, 1):
        yield rows
        if time.monotonic() - last > PROGRESS_S or count == total:
            last = time.monotonic()
            left = (last - start) / count * (total - count) / 60.0
            print(f"{count} of {total} cases, {(last - start) / 60:.1f} min, {left:.0f} left", flush=True)


if __name__ == "__main__":
    sys.exit(main())
