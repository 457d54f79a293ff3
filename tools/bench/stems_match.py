"""Benchmark of stem-aware mastering: one stem of a song is degraded, and the mix is to come back.

    pip install '.[test,bench]'      # and FluidSynth; TimGM6mb.sf2 lies in the wheel of pretty_midi
    python tools/bench/stems_match.py --sound-font TimGM6mb.sf2 --midi POP909 --work build/stems --jobs 2

Writes tools/bench/results/stems_match.md and stems_match.json. Rows of single cases are kept in the work
folder under case, system and version: a second run makes only what is new. `--model NAME` says which
model separates; `--development` takes the songs that limits and constants were chosen on, `--limit` a few
cases, and both leave tools/bench/results alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from functools import partial
from pathlib import Path

import stems_match_report
import stems_match_systems as systems
from cases import code_digest
from stems_match_cases import Spec, build, specs
from stems_match_metrics import Judge
from stems_match_songs import Places
from systems import product_version

HERE = Path(__file__).parent
MADE_BY = ("stems_match_cases.py", "stems_match_metrics.py", "stems_match_songs.py", "stems_match_systems.py")
PRODUCT = ("stemwise", "match", "host", "dsp", "measure", "pipeline.py")


def main() -> None:
    """Parse, run what is missing, write the page."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    given = parsed()
    places = Places(given.multitrack, given.midi, given.sound_font, given.work)
    (places.work / "rows").mkdir(parents=True, exist_ok=True)
    chosen = specs(held_out=not given.development)[: given.limit]
    names = [name for name in given.systems if name != "separated" or given.model]
    version = f"{code_digest(*MADE_BY)}-{product_version(*PRODUCT)}"
    work = partial(rows_of, places=places, names=names, model=given.model, version=version)
    started, rows = time.perf_counter(), []
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        for found in pool.imap(work, chosen):
            rows += found
            if time.perf_counter() - started > given.seconds:
                break
    partly = given.development or given.limit or len({row["case"] for row in rows}) < len(chosen)
    results = given.work if partly else HERE / "results"
    about = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "model": " ".join(filter(None, [Path(given.model).stem, given.about])) if given.model else None,
        "held_out": not given.development,
    }
    page = stems_match_report.page(rows, about)
    (results / "stems_match.md").write_text(page)
    (results / "stems_match.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    print(page)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path("../shared/data")
    parser.add_argument(
        "--multitrack", type=Path, default=shared / "multitrack", help="folder of the multitracks"
    )
    parser.add_argument("--midi", type=Path, required=True, help="folder of the POP909 songs (001, 002, ...)")
    parser.add_argument("--sound-font", type=Path, default=Path("TimGM6mb.sf2"), help="TimGM6mb.sf2")
    parser.add_argument("--work", type=Path, default=Path("build/stems"), help="stems and kept rows")
    parser.add_argument("--model", help="separation model or its file; without it only the true stems")
    parser.add_argument("--about", default="", metavar="TEXT", help="a word on the model, for the page")
    parser.add_argument("--systems", nargs="+", choices=systems.NAMES, default=systems.NAMES)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--limit", type=int, help="this many cases only")
    parser.add_argument("--development", action="store_true", help="the songs that constants were chosen on")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop with what is done by then")
    return parser.parse_args()


def rows_of(spec: Spec, *, places: Places, names: list[str], model: str | None, version: str) -> list[dict]:
    """The rows of one case, kept ones where there are any; none where the song has no such stretches."""
    kept = {name: _kept(spec, name, places, model, version) for name in names}
    if not all(path.exists() for path in kept.values()):
        try:
            case = build(spec, places)
        except LookupError as error:
            print(f"left out: {error}", file=sys.stderr)
            return []
        judge = Judge(case)
        for name, path in kept.items():
            if path.exists():
                continue
            master = systems.run(name, case, model, places.work)
            row = {"case": spec.name, "song": spec.song.name, "rendered": spec.song.rendered, "system": name}
            row |= {"kind": case.kind, "stem": case.stem, "same": case.same} | judge.row(master)
            path.write_text(json.dumps(row))
    return [json.loads(path.read_text()) for path in kept.values()]


def _kept(spec: Spec, name: str, places: Places, model: str | None, version: str) -> Path:
    separated_by = f"-{Path(model).stem}" if name == "separated" and model else ""
    return places.work / "rows" / f"{spec.name.replace('/', '-')}-{name}{separated_by}-{version}.json"


if __name__ == "__main__":
    main()
