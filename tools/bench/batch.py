"""A catalogue: what songs cost, what ten thousand of them cost before and after, and how two cores are used.

python tools/bench/batch.py rates [--efforts style reference refined stems] [--model NAME]
python tools/bench/batch.py many [--songs 10000]
python tools/bench/batch.py cores [--songs 20] [--seconds 60]

`rates` is what `mastering.cli.catalogue.rates` holds: processor time of warm mastering, with its children,
of one and of four minutes. `many` starts a run of that many short files and ends it at its first master; then
it has all of them recorded as done and runs once more. `cores` compares one song at a time with two.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from mastering import library
from mastering.cli.batch import command
from mastering.cli.catalogue.inputs import gather
from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.plan import plan
from mastering.cli.catalogue.ready import Readier
from mastering.cli.catalogue.record import Entry, Record
from mastering.cli.master_settings import MasterSettings
from mastering.cli.tasks import MasterTask, StemsOrder
from mastering.jobspec import MasterJob

_RATE_HZ = 44_100


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["rates", "many", "cores"])
    parser.add_argument("--efforts", nargs="+", default=["style", "reference", "refined"])
    parser.add_argument("--model", help="for stems")
    parser.add_argument("--songs", type=int)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TONMEISTER_JOBS"] = str(folder / "jobs")
        if given.what == "rates":
            for effort in given.efforts:
                _rate(folder, effort, given.model)
        elif given.what == "many":
            _many(folder, given.songs or 10_000)
        else:
            _cores(folder, given.songs or 20, given.seconds)


def _song(path: Path, seconds: float, seed: int) -> Path:
    """Something that moves like music: noise under a slow envelope."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ
    envelope = 0.05 * (0.6 + 0.4 * np.sin(2.0 * np.pi * time_s / 7.3 + seed))
    soundfile.write(
        path, rng.standard_normal((time_s.size, 2)) * envelope[:, None], _RATE_HZ, subtype="PCM_16"
    )
    return path


def _song_elsewhere(path: Path, seconds: float, seed: int) -> Path:
    """The same in a process of its own: its memory does not count."""
    process = multiprocessing.get_context("spawn").Process(target=_song, args=(path, seconds, seed))
    process.start()
    process.join()
    return path


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _rate(folder: Path, effort: str, model: str | None) -> None:
    reference = _song_elsewhere(folder / "reference.wav", 240.0, 99)
    style = library.load_style("warm")
    job = MasterJob(style=style) if effort == "style" else MasterJob(style=style, references=(reference,))
    job = replace(job, refine_steps=30 if effort == "refined" else 0, force=True)
    stems = StemsOrder(model=model) if effort == "stems" else None
    took: dict[float, float] = {}
    for number, seconds in enumerate((20.0, 60.0, 240.0, 60.0, 240.0)):
        source = _song_elsewhere(folder / f"{number}.wav", seconds, number)
        task = MasterTask(source=source, output=folder / "o.wav", job=job, stems=stems)
        before_s = _cpu_s()
        task.run(lambda stage, share: None)
        took[seconds] = min(took.get(seconds, float("inf")), _cpu_s() - before_s)
    per_audio_s = (took[240.0] - took[60.0]) / 180.0
    song_s = max(0.0, took[60.0] - 60.0 * per_audio_s)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(
        f"{effort}: {song_s:.2f} s a song and {per_audio_s:.4f} s a second of audio "
        f"({1.0 / per_audio_s:.1f} x real time); 1 min {took[60.0]:.2f} s, 4 min {took[240.0]:.2f} s; "
        f"peak {peak_mb:.0f} MB"
    )


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mastering.cli", "batch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )


def _many(folder: Path, songs: int) -> None:
    inputs, outbox = folder / "in", folder / "out"
    for number in range(songs):
        _song(inputs / f"{number // 500:03d}" / f"{number:05d}.wav", 1.0, number)
    began_s = time.monotonic()
    process = _start(str(inputs), "--output", str(outbox))
    assert process.stderr is not None
    peak_kb = 0
    for line in process.stderr:
        print(f"{time.monotonic() - began_s:7.1f} s  {line.rstrip()}")
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        if line.startswith("[1 of"):
            process.send_signal(signal.SIGINT)
    process.wait()
    print(f"the main process took at most {peak_kb / 1024:.0f} MB")
    _have_all_done(inputs, outbox)
    began_s = time.monotonic()
    process = _start(str(inputs), "--output", str(outbox))
    assert process.stderr is not None
    for line in process.stderr:
        print(f"{time.monotonic() - began_s:7.1f} s  {line.rstrip()}")
        peak_kb = max(peak_kb, _peak_kb(process.pid))
    print(
        f"{time.monotonic() - began_s:.1f} s for a run that finds all done; at most {peak_kb / 1024:.0f} MB"
    )
    sizes = {path.name: path.stat().st_size / 1e6 for path in outbox.glob("batch.*")}
    print(", ".join(f"{name} {size:.1f} MB" for name, size in sorted(sizes.items())))


def _peak_kb(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def _have_all_done(inputs: Path, outbox: Path) -> None:
    """A record that says that all songs are done, and small files in the place of their masters."""
    place = Outbox(str(outbox))
    with command.make_context("batch", [str(inputs), "--output", str(outbox)]) as ctx:
        options = [option for option in command.params if option.name in ctx.params]
        settings = MasterSettings(ctx, ctx.params, [one for one in options if one.name not in _OWN], hint="")
        asked = gather([str(inputs)], place, settings.kinds, albums=False)
        record = Record(place, settings.plain())
        works, _ = plan(asked, settings, place, record)
    entries = []
    for readied in Readier(place, record, {}, threads=2).all(works):
        (song,) = readied.work.songs
        path = outbox / song.output
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        assert readied.task is not None
        entries.append(
            Entry(
                input=song.row.input,
                output=song.output,
                state="done",
                version=readied.task.songs[0].source.version,
                stamp=readied.stamps[0],
                identity=readied.identity,
                files=(place.kept(str(path), 1, "0" * 64),) * 3,
                duration_s=1.0,
                notices=("At 126 Hz +7.5 dB was asked for and +6.0 dB given: that is the cap.",),
            )
        )
    record.begin(entries)
    record.write("finished", {})


_OWN = frozenset(
    (
        *("inputs", "outbox", "album", "jobs", "only_estimate", "per_core_hour", "currency"),
        *("retry_failed", "database", "as_json", "quiet"),
    )
)


def _cores(folder: Path, songs: int, seconds: float) -> None:
    for number in range(songs):
        _song(folder / "in" / f"{number}.wav", seconds, number)
    walls: dict[int, float] = {}
    for jobs in (1, 2):
        os.environ["TONMEISTER_JOBS"] = str(folder / f"jobs-{jobs}")
        before_s, began_s = _cpu_s(), time.monotonic()
        process = _start(str(folder / "in"), "--output", str(folder / f"out-{jobs}"), "--jobs", str(jobs))
        text = process.communicate()[1]
        walls[jobs] = time.monotonic() - began_s
        busy = (_cpu_s() - before_s) / walls[jobs]
        print(text.splitlines()[-1])
        print(f"{jobs} at a time: {walls[jobs]:.1f} s, {busy:.2f} cores busy")
    print(f"two at a time: {walls[1] / walls[2]:.2f} times one's throughput; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
