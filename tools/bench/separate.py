"""Benchmark of stem separation: all systems on the same held-out mixtures.

    pip install '.[test,bench]'      # and FluidSynth; TimGM6mb.sf2 lies in the wheel of pretty_midi
    python tools/bench/separate.py --sound-font TimGM6mb.sf2 --work build/separate --model draft

Writes separate.md, separate.json and a plot of each set into tools/bench/results (or --out). Estimates
and results of single cases are kept in the work folder under case, system and version: a second run
makes only what is new, and a run that was stopped goes on where it was. With --only, --systems or
--limit the page goes into the work folder, not among the results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import separate_cases
import separate_metrics as metrics
import separate_report
import separate_systems
from cases import code_digest
from separate_cases import Case, Places, Spec
from separate_systems import System
from separate_table import Table

HERE = Path(__file__).parent


def main() -> None:
    """Parse, run what is missing, write the page."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is first used
    arguments = parsed()
    places = Places(arguments.multitrack, arguments.midi, arguments.sound_font, arguments.work)
    check(places)
    listed = separate_systems.systems(
        arguments.model, arguments.fold_model, arguments.models_dir, arguments.route
    )
    absent = [f"{s.title}: absent, {s.missing}" for s in listed if s.missing]
    print(*absent, sep="\n", flush=True)
    systems = [s for s in listed if not s.missing and (not arguments.systems or s.name in arguments.systems)]
    chosen = [spec for spec in separate_cases.specs() if not arguments.only or spec.set in arguments.only]
    chosen = [spec for spec in chosen if not arguments.limit or _place_in_set(spec) < arguments.limit]
    started = time.perf_counter()
    rows = run(chosen, systems, places)
    seconds = round(time.perf_counter() - started)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    about = {"machine": machine, "seconds": seconds, "absent": absent, "museval": museval_line(rows)}
    partial = bool(arguments.only or arguments.limit or arguments.systems)
    results = arguments.out or (arguments.work / "partial" if partial else HERE / "results")
    results.mkdir(parents=True, exist_ok=True)
    print(separate_report.write(Table(rows, chosen, listed), about, results))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path("../shared/data")
    add = parser.add_argument
    add("--model", nargs="+", default=["draft"], help="draft, a catalogued name, or a .safetensors file")
    add("--fold-model", type=Path, help="weights trained without Sodium")
    add("--models-dir", type=Path, help="where the weights of named models lie")
    add("--route", choices=separate_systems.ROUTES, default="separator", help="the product or demucs's way")
    add("--multitrack", type=Path, default=shared / "multitrack", help="folder of the songs")
    add("--midi", type=Path, default=shared / "midi/pop909-001-859.tar.xz", help="POP909, tar.xz or folder")
    add("--sound-font", type=Path, default=Path("TimGM6mb.sf2"), help="not the one of training")
    add("--work", type=Path, default=Path("build/separate"), help="cases and kept results")
    add("--out", type=Path, help="folder of the page")
    add("--only", nargs="+", choices=separate_cases.SETS, help="these sets only")
    add("--systems", nargs="+", metavar="SYSTEM", help="these systems only")
    add("--limit", type=int, help="this many cases of a set only")
    return parser.parse_args()


def check(places: Places) -> None:
    """Stop where material is missing."""
    wanted = {
        "--multitrack": places.multitrack / separate_cases.FOLDERS["caesium"],
        "--midi": places.midi,
        "--sound-font": places.sound_font,
    }
    for option, path in wanted.items():
        if not path.exists():
            raise SystemExit(f"{path} is missing; give its place by {option}")
    places.work.mkdir(parents=True, exist_ok=True)


def run(chosen: list[Spec], systems: list[System], places: Places) -> list[dict]:
    """A row for every case and system that may be judged on it: kept ones, and those made now."""
    kept_file = places.work / "rows.jsonl"
    kept = read_kept(kept_file)
    rows, total = [], sum(spec.set in s.sets for spec in chosen for s in systems)
    for spec in chosen:
        case = None
        for system in systems:
            if spec.set not in system.sets:
                continue
            version = f"{separate_cases.version()}:{judged_by()}:{system.version()}"
            row = kept.get((spec.name, system.name, version))
            if row is None:
                case = case or separate_cases.build(spec, places)
                row = made(case, system, version, places)
                with kept_file.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{len(rows) + 1} of {total}: {line(row)}", flush=True)
            rows.append(row)
    return rows


def read_kept(path: Path) -> dict[tuple[str, str, str], dict]:
    """Kept rows by case, system and version."""
    if not path.exists():
        return {}
    found = [json.loads(text) for text in path.read_text().splitlines()]
    return {(row["case"], row["system"], row["version"]): row for row in found}


def judged_by() -> str:
    """Digest of the metrics."""
    return code_digest("separate_metrics.py")


def made(case: Case, system: System, version: str, places: Places) -> dict:
    """Separate one case and judge it."""
    start = time.perf_counter()
    estimates = estimated(case, system, places)
    seconds = round(time.perf_counter() - start, 1)
    stems = {stem: metrics.score(true, estimates[stem], case.mix).row() for stem, true in case.stems.items()}
    row = {"case": case.spec.name, "set": case.spec.set, "system": system.name, "version": version}
    row |= {"seconds": seconds, "stems": stems}
    if case.spec.set == "caesium":
        row["museval_off_db"] = museval_off_db(case, estimates)
    return row


def estimated(case: Case, system: System, places: Places) -> dict[str, np.ndarray]:
    """The stems of a system, kept as float16 (its newest version only)."""
    version = f"{separate_cases.version()}-{system.version()}"
    folder = places.work / "estimates" / case.spec.name / system.name / version
    if not folder.exists():
        estimates = system.run(case)
        shutil.rmtree(folder.parent, ignore_errors=True)
        unfinished = folder.with_name(".unfinished")
        unfinished.mkdir(parents=True)
        for stem, samples in estimates.items():
            np.save(unfinished / f"{stem}.npy", samples.astype(np.float16))
        unfinished.rename(folder)
    return {stem: np.load(folder / f"{stem}.npy").astype(np.float32) for stem in separate_cases.STEMS}


def museval_off_db(case: Case, estimates: dict[str, np.ndarray]) -> float | None:
    """Largest difference to museval's own SDR in the first window in which all stems sound."""
    sounding = [metrics.active(true, case.mix, metrics.SECOND_S) for true in case.stems.values()]
    together = np.all(sounding, axis=0)
    length = metrics.WINDOW_S
    first = int(np.convolve(together, np.ones(length), mode="valid").argmax())
    at = slice(first * metrics.RATE, (first + length) * metrics.RATE)
    true = {stem: samples[:, at] for stem, samples in case.stems.items()}
    made = {stem: estimates[stem][:, at] for stem in true}
    if any(not np.abs(samples).max() > 0.0 for samples in made.values()):
        return None
    theirs = metrics.museval_sdr_db(true, made)
    spans = [slice(i * metrics.RATE, (i + 1) * metrics.RATE) for i in range(length)]
    off = [
        abs(metrics.sdr_db(true[stem][:, span], made[stem][:, span]) - theirs[stem][i])
        for stem in true
        for i, span in enumerate(spans)
        if np.isfinite(theirs[stem][i])
    ]
    return round(float(max(off)), 6)


def museval_line(rows: list[dict]) -> str:
    """What the check against museval found."""
    off = [row["museval_off_db"] for row in rows if row.get("museval_off_db") is not None]
    if not off:
        return ""
    return (
        f"SDR of seconds against the museval package, {metrics.WINDOW_S} s of Caesium, {len(off)} systems: "
        f"largest difference {max(max(off), 1e-6):.0e} dB or less"
    )


def line(row: dict) -> str:
    """A row for people."""
    found = {stem: one["si_sdr_db"] for stem, one in row["stems"].items()}
    words = ", ".join(f"{stem} {'–' if v is None else f'{v:.1f}'}" for stem, v in found.items())
    return f"{row['case']}, {row['system']} ({row['seconds']} s): SI-SDR {words}"


def _place_in_set(spec: Spec) -> int:
    return [one.name for one in separate_cases.specs() if one.set == spec.set].index(spec.name)


if __name__ == "__main__":
    sys.exit(main())
