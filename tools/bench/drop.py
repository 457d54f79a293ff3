"""The drop folder under fire: files written slowly, renamed, replaced and bad, and a watcher that is killed.

python tools/bench/drop.py [--files 60] [--bad 10] [--albums 2] [--kills 10] [--database postgresql://...]

Somebody drops files while `tonmeister watch` is killed -9 at random moments. Every good file has to be
mastered exactly once, every bad one has to lie in failed/ with its reason, every output has to be equal to an
undisturbed run's, and no temporary file may be left. The exit code is 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

_RATE_HZ = 44_100
_DURATION_S = 1.0
_CHUNK_BYTES = 30_000
_TYPED = ("--style", "balanced", "--interval", "0.1", "--settle", "2", "--no-report")
_AUDIO = (".wav", ".flac")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a run.

    Attributes:
        good, bad: files that were dropped.
        kills: of the watcher.
        taken_s: until all was done.
        problems: sentences; none if everything holds.
    """

    good: int
    bad: int
    kills: int
    taken_s: float
    problems: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Dropper:
    """Drops files as people and programs do.

    Args:
        inbox, stock: where to, and the whole files.
        dice: of this run.
        pause_s: between two pieces of a file that is written slowly.
        replaced: those that were replaced while they were still there.
    """

    inbox: Path
    stock: Path
    dice: random.Random
    pause_s: float = 0.05
    replaced: list[str] = field(default_factory=list)

    def drop(self, names: list[str]) -> None:
        """Drop all, one after another, in different ways."""
        ways = (self._slowly, self._renamed, self._at_once, self._replaced)
        for number, name in enumerate(names):
            (self.inbox / name).parent.mkdir(parents=True, exist_ok=True)
            ways[number % len(ways)](name)
            time.sleep(self.dice.uniform(0.0, 2 * self.pause_s))

    def _slowly(self, name: str) -> None:
        with (self.inbox / name).open("wb") as file:
            data = (self.stock / name).read_bytes()
            for start in range(0, len(data), _CHUNK_BYTES):
                file.write(data[start : start + _CHUNK_BYTES])
                file.flush()
                time.sleep(self.pause_s)

    def _renamed(self, name: str) -> None:
        partial = self.inbox / f"{name}.part"
        shutil.copy(self.stock / name, partial)
        time.sleep(self.pause_s)
        partial.rename(self.inbox / name)

    def _at_once(self, name: str) -> None:
        shutil.copy(self.stock / name, self.inbox / name)

    def _replaced(self, name: str) -> None:
        """First another song of that name, then the right one in its place."""
        first = self.inbox / name
        if not name.endswith(_AUDIO):
            self._at_once(name)
            return
        soundfile.write(first, _noise(self.dice.randrange(10**6, 10**7)), _RATE_HZ, format="WAV")
        first_inode = first.stat().st_ino
        time.sleep(self.dice.uniform(0.0, 8 * self.pause_s))
        fresh = self.inbox / f"{name}.tmp"
        shutil.copy(self.stock / name, fresh)
        if first.exists() and first.stat().st_ino == first_inode:
            self.replaced.append(name)
        fresh.replace(first)


def main() -> int:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--bad", type=int, default=10)
    parser.add_argument("--albums", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--database", help="postgresql://..., an empty one; else SQLite")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        verdict = fire(
            Path(name),
            files=given.files,
            bad=given.bad,
            albums=given.albums,
            kills=given.kills,
            database=given.database,
            seed=given.seed,
        )
    print(f"dropped   {verdict.good} good and {verdict.bad} bad files, {given.albums} albums among them")
    print(f"killed    {verdict.kills} times")
    print(f"took      {verdict.taken_s:.1f} s")
    print("\n".join(verdict.problems) or "every good file was mastered once, every bad one is in failed/")
    return 1 if verdict.problems else 0


def fire(
    folder: Path,
    *,
    files: int,
    bad: int,
    albums: int,
    kills: int,
    database: str | None = None,
    seed: int = 1,
    lives_s: tuple[float, float] = (1.0, 6.0),
) -> Verdict:
    """Drop files while the watcher is killed, and compare with a run that nobody disturbs.

    Args:
        folder: an empty one.
        files: how many, of which `bad` are none that can be mastered, and 3 each are in `albums`.
        kills: of the watcher, before one may live.
        database: Postgres; None is SQLite in the folder.
        seed: of the dice.
        lives_s: shortest and longest time from a watcher's start to its end.
    """
    dice = random.Random(seed)
    names = _stock(folder / "stock", files - bad, bad, albums)
    started_s = time.perf_counter()
    fired = folder / "fired"
    dropper = Dropper(inbox=_made(fired), stock=folder / "stock", dice=dice)
    thread = threading.Thread(target=dropper.drop, args=(_shuffled(names, dice),))
    thread.start()
    killed = _disturb(fired, database, dice, kills, lives_s)
    thread.join()
    while _left(fired):
        _watch(fired, database, "--once").wait()
    taken_s = time.perf_counter() - started_s
    calm = folder / "calm"
    shutil.copytree(folder / "stock", _made(calm), dirs_exist_ok=True)
    _watch(calm, None, "--once").wait()
    problems = tuple(_problems(fired, calm, names))
    return Verdict(good=files - bad, bad=bad, kills=killed, taken_s=taken_s, problems=problems)


def _stock(stock: Path, good: int, bad: int, albums: int) -> list[str]:
    """Songs that differ, some in albums, and files that are none; with the folder's settings."""
    names = [
        f"album {number % albums}/{number}.wav"
        if number < 3 * albums
        else f"{'loud/' if number % 3 == 0 else ''}song {number}.wav"
        for number in range(good)
    ]
    for number, name in enumerate(names):
        (stock / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(stock / name, _noise(number), _RATE_HZ, subtype="PCM_24")
    for number in range(bad):
        names.append(f"bad {number}.wav")
        (stock / names[-1]).write_bytes(f"no audio {number}".encode() * number)
    _set(stock)
    return names


def _shuffled(names: list[str], dice: random.Random) -> list[str]:
    """Any order, but the songs of an album one after another: it is dropped whole."""
    units: dict[str, list[str]] = {}
    for name in names:
        units.setdefault(str(Path(name).parent) if name.startswith("album") else name, []).append(name)
    return [name for unit in dice.sample(list(units.values()), len(units)) for name in unit]


def _set(folder: Path) -> None:
    (folder / "tonmeister.toml").write_text("album = true\n", "ascii")
    (folder / "loud").mkdir(exist_ok=True)
    (folder / "loud" / "tonmeister.toml").write_text("album = false\nlufs = -9\n", "ascii")


def _noise(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    samples = np.cumsum(rng.standard_normal((round(_DURATION_S * _RATE_HZ), 2)), axis=0)
    samples -= np.linspace(samples[0], samples[-1], len(samples))
    return 0.3 * samples / np.abs(samples).max()


def _made(root: Path) -> Path:
    """The inbox of a new drop folder, with its settings."""
    for name in ("in", "out"):
        (root / name).mkdir(parents=True)
    _set(root / "in")
    return root / "in"


def _disturb(
    root: Path, database: str | None, dice: random.Random, kills: int, lives_s: tuple[float, float]
) -> int:
    for _ in range(kills):
        watcher = _watch(root, database)
        time.sleep(dice.uniform(*lives_s))
        watcher.send_signal(signal.SIGKILL)
        watcher.wait()
    return kills


def _watch(root: Path, database: str | None, *more: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "mastering.cli",
        "watch",
        str(root / "in"),
        "--output",
        str(root / "out"),
    ]
    command += ["--database", database or str(root / "jobs"), *_TYPED, *more]
    environment = os.environ
    if database is not None:  # journals of a machine lie in the user's folder
        environment = {**os.environ, "XDG_DATA_HOME": str(root / "data")}
    with (root / "log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stderr=log, stdout=subprocess.DEVNULL)


def _left(root: Path) -> list[Path]:
    """Files that are still to be done."""
    return [
        path
        for path in (root / "in").rglob("*")
        if path.suffix in _AUDIO and path.relative_to(root / "in").parts[0] not in ("done", "failed")
    ]


def _problems(fired: Path, calm: Path, names: list[str]) -> list[str]:
    """What does not hold."""
    good = sorted(name for name in names if not name.startswith("bad"))
    bad = sorted(name for name in names if name.startswith("bad"))
    done = _files(fired / "in" / "done")
    problems = [f"not in done/: {name}" for name in good if name not in done]
    failed = _files(fired / "in" / "failed")
    for name in bad:
        reason = fired / "in" / "failed" / f"{name}.error.json"
        if name not in failed or not reason.exists() or not json.loads(reason.read_text("utf-8"))["message"]:
            problems.append(f"not in failed/ with its reason: {name}")
    outputs, wanted = _files(fired / "out"), _files(calm / "out")
    content = {_digest(fired / "out" / name): name for name in outputs}
    problems += [
        f"no output is equal to the undisturbed {name}"
        for name in wanted
        if name.endswith(_AUDIO) and _digest(calm / "out" / name) not in content
    ]
    masters = [name for name in outputs if name.endswith(_AUDIO)]
    extra = {
        name for name in done if name not in good
    }  # a first version that was finished before it was replaced
    if len(masters) != len(good) + len(extra):
        problems.append(f"{len(masters)} masters of {len(good)} songs and {len(extra)} earlier versions")
    if len(outputs) != 2 * len(masters):
        problems.append(f"{len(outputs)} files in the outbox, {2 * len(masters)} expected")
    hidden = [path for root in (fired / "in", fired / "out") for path in root.rglob(".tonmeister-*")]
    problems += [f"left over: {path.name}" for path in hidden]
    journals = [path for path in fired.rglob("attempts/*") if path.is_file()]
    return problems + [f"left over: {path.name}" for path in journals]


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
