"""Jobs under fire, and how fast they are. Writes its tables to tools/bench/results/jobs.md with --write.

python tools/bench/jobs.py kills [--jobs 200] [--kills 30] [--database postgresql://...] [--seed 1] [--write]
python tools/bench/jobs.py speed [--songs 20] [--repeats 3] [--executors local ray] [--write]

kills: short masters while workers and the main process are killed -9 at random moments, on SQLite, and on
Postgres where --database, or $TONMEISTER_TEST_POSTGRES, names a server: each run gets a database of its own
there. Every job has to be done once, every output equal to an undisturbed run's, and no temporary file left;
else the exit code is 1.

speed: what a job costs over the bare command; two workers against one on real songs (of ../shared/data/music,
else synthesised ones); the same songs by local processes and by Ray on this machine. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from jobs_kills import fire
from jobs_speed import speed

_RESULTS = Path(__file__).parent / "results" / "jobs.md"


def main() -> int:
    """Run one of the two, print what came of it, and write it down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(dest="mode", required=True)
    kills = modes.add_parser("kills")
    kills.add_argument("--jobs", type=int, default=200)
    kills.add_argument("--kills", type=int, default=30)
    kills.add_argument("--database", default=os.environ.get("TONMEISTER_TEST_POSTGRES", ""))
    kills.add_argument("--seed", type=int, default=1)
    fast = modes.add_parser("speed")
    fast.add_argument("--songs", type=int, default=20)
    fast.add_argument("--repeats", type=int, default=3)
    fast.add_argument("--executors", nargs="+", choices=("local", "ray"), default=("local", "ray"))
    for mode in (kills, fast):
        mode.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.mode == "kills":
        good, table = fire(given.jobs, given.kills, given.database, given.seed)
    else:
        good, table = True, speed(given.songs, given.repeats, tuple(given.executors))
    print(table)
    if given.write:
        _write(given.mode, table)
    return 0 if good else 1


def _write(title: str, table: str) -> None:
    """Replace this mode's section of the results."""
    sections = {"kills": "", "speed": ""}
    if _RESULTS.exists():
        for part in _RESULTS.read_text("utf-8").split("\n## ")[1:]:
            name, _, text = part.partition("\n")
            sections[name] = text.strip()
    sections[title] = table.strip()
    written = [f"## {name}\n\n{text}\n" for name, text in sections.items() if text]
    _RESULTS.write_text("# Jobs\n\nMade by `tools/bench/jobs.py`.\n\n" + "\n".join(written), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
