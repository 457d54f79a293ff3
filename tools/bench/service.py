"""The service under load: many songs at once, how quickly it still answers, what it weighs, what it loses.

    python tools/bench/service.py [--files 50] [--seconds 240] [--music FOLDER] [--out FOLDER]

Every file is uploaded by a thread of its own when the service runs, and mastered when it is there.
Meanwhile status calls are timed, and the memory of all the service's processes is added up. Then the command
line masters the same files with --jobs 2, and the service does it again and is killed -9 in the middle.
Client, service and command line share this machine. Writes results/service.md beside this file.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile

from mastering.client import Job, Tonmeister
from mastering.client.sending import Sending
from mastering.client.transport import Transport

_RATE_HZ = 44_100
_STATUS_EVERY_S = 0.05
_MEMORY_EVERY_S = 0.5
_RESULTS = Path(__file__).parent / "results" / "service.md"
_MUSIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "music"


def main() -> None:
    """Measure, and write it down."""
    options = _options()
    with contextlib.ExitStack() as stack:
        folder = Path(options.out or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        files = make_files(folder / "songs", options.files, options.seconds, Path(options.music))
        print(f"{len(files)} files of {options.seconds:g} s", flush=True)
        served = load(folder / "served", files, kill=False)
        print(f"service: {served}", flush=True)
        command_s = command_line(files, folder / "command")
        print(f"command line: {command_s:.1f} s", flush=True)
        killed = load(folder / "killed", files, kill=True)
        print(f"killed: {killed}", flush=True)
        wanted = [_sha256(folder / "command" / f"{path.stem}.master.wav") for path in files]
        text = report(options, served, killed, command_s, wanted)
        (folder / "service.md" if options.out else _RESULTS).write_text(text, "utf-8")
        print(text)


@dataclass(slots=True, kw_only=True)
class Load:
    """What one run gave.

    Attributes:
        uploads_s, all_s: from the start until the last file had arrived, and until the last master was done.
        status_s: duration of every status call; during a restart there are none.
        memory_mb: of all processes together, over time.
        server_s: processor time of the server's own process.
        masters: digest of each file's master; "" for one that was lost.
    """

    uploads_s: float = 0.0
    all_s: float = 0.0
    status_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    server_s: float = 0.0
    masters: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        status = f"status p50 {self.percentile_ms(50):.0f} ms, p99 {self.percentile_ms(99):.0f} ms"
        memory = f"memory {max(self.memory_mb, default=0.0):.0f} MB"
        done = f"done {sum(map(bool, self.masters))} of {len(self.masters)}"
        times = f"uploads {self.uploads_s:.1f} s, all {self.all_s:.1f} s, server {self.server_s:.1f} s"
        return f"{times}, {status}, {memory}, {done}"

    def percentile_ms(self, percent: float) -> float:
        """Of the status calls."""
        return 1_000.0 * float(np.percentile(self.status_s or [0.0], percent))


class Server:
    """`tonmeister serve` as a process; started again it takes the same port."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._port, self.url = folder, 0, ""
        self.start()

    def start(self) -> None:
        """Wait until it listens."""
        log = self._folder / "log"
        command = [sys.executable, "-m", "mastering.cli", "serve", "--port", str(self._port)]
        with log.open("ab") as file:
            before = file.tell()
            self._process = subprocess.Popen(
                [*command, "--data", str(self._folder / "data")], stdout=file, stderr=file
            )
        while (found := re.search(r"http://[\d.]+:(\d+)", log.read_text("utf-8")[before:])) is None:
            if self._process.poll() is not None:
                raise SystemExit(log.read_text("utf-8"))
            time.sleep(0.05)
        self._port, self.url = int(found[1]), found[0]

    def end(self, how: signal.Signals) -> None:
        """End it."""
        self._process.send_signal(how)
        self._process.wait(120.0)

    def memory_mb(self) -> float:
        """Proportional set size of it and all it has started: shared pages count once."""
        return sum(_pss_kb(pid) for pid in _family(self._process.pid)) / 1_024.0

    def processor_s(self) -> float:
        """Processor time of its own process."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(folder: Path, files: Sequence[Path], *, kill: bool) -> Load:
    """Upload and master all files; with `kill` the service dies once a third of the masters is done."""
    found, server = Load(), Server(folder)
    stop, away = threading.Event(), threading.Event()
    watchers = [
        threading.Thread(target=_ask, args=(server, found, stop, away)),
        threading.Thread(target=_weigh, args=(server, found, stop)),
    ]
    start_s = time.monotonic()
    for watcher in watchers:
        watcher.start()
    with ThreadPoolExecutor(len(files)) as pool:
        arrived: list[float] = []
        jobs = [pool.submit(_song, server, path, arrived) for path in files]
        if kill:
            _kill(server, len(files) // 3, away)
        done = [job.result() for job in jobs]
    found.all_s = time.monotonic() - start_s
    found.uploads_s = max(arrived) - start_s
    stop.set()
    for watcher in watchers:
        watcher.join()
    found.masters = [job.results[0].sha256 if job.state == "done" else "" for job in done]
    found.server_s = server.processor_s()
    server.end(signal.SIGTERM)
    shutil.rmtree(folder / "data")  # 50 files of 4 minutes are 5 GB with their masters
    return found


def _song(server: Server, path: Path, arrived: list[float]) -> Job:
    """Upload a file and have it mastered, whatever happens to the service meanwhile."""
    with Transport(server.url, None, 600.0) as transport:
        song = Sending(transport, path).run()
    arrived.append(time.monotonic())
    with Tonmeister(server.url, timeout_s=600.0) as desk:
        return desk.wait(desk.master(song, style="balanced"))


def _kill(server: Server, after: int, away: threading.Event) -> None:
    with Tonmeister(server.url) as desk:
        while sum(job.state == "done" for job in desk.jobs()) < after:
            time.sleep(0.2)
    away.set()
    server.end(signal.SIGKILL)
    server.start()
    away.clear()


def _ask(server: Server, found: Load, stop: threading.Event, away: threading.Event) -> None:
    """Time status calls: the list, and a job of it."""
    with httpx.Client(base_url=server.url, timeout=60.0) as client:
        path = "/api/v1/jobs?limit=5"
        while not stop.wait(_STATUS_EVERY_S):
            if away.is_set():
                continue
            start_s = time.perf_counter()
            with contextlib.suppress(httpx.TransportError):
                answer = client.get(path)
                found.status_s.append(time.perf_counter() - start_s)
                answer.raise_for_status()
                items = answer.json().get("items")
                path = f"/api/v1/jobs/{items[0]['id']}" if items else "/api/v1/jobs?limit=5"


def _weigh(server: Server, found: Load, stop: threading.Event) -> None:
    while not stop.wait(_MEMORY_EVERY_S):
        found.memory_mb.append(server.memory_mb())


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text("ascii").split():
                yield from _family(int(child))


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(
            r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"), re.MULTILINE
        )
        return int(found[1]) if found else 0
    return 0


def command_line(files: Sequence[Path], folder: Path) -> float:
    """Seconds that the command line takes for the same."""
    command = [sys.executable, "-m", "mastering.cli", "master", *map(str, files), "--style", "balanced"]
    start_s = time.monotonic()
    subprocess.run([*command, "--output-dir", str(folder), "--jobs", "2", "-q"], check=True)
    return time.monotonic() - start_s


def make_files(folder: Path, count: int, seconds: float, music: Path) -> list[Path]:
    """Files that differ: stretches of real music, where it is at hand, else noise that swells."""
    folder.mkdir(parents=True, exist_ok=True)
    piece = _music(music, seconds)
    paths = [folder / f"song{number:02d}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        turned = np.roll(piece, number * len(piece) // max(1, count), axis=0)
        soundfile.write(path, turned * (1.0 - 0.003 * number), _RATE_HZ, subtype="PCM_16")
    return paths


def _music(music: Path, seconds: float) -> np.ndarray:
    frames = round(seconds * _RATE_HZ)
    found = sorted(music.rglob("*.ogg"), key=lambda path: -path.stat().st_size)
    if found:
        samples, rate = soundfile.read(found[0], dtype="float32", always_2d=True)
        if rate == _RATE_HZ and samples.shape[1] == 2:
            return np.tile(samples, (-(-frames // len(samples)), 1))[:frames] * 0.7
    rng = np.random.default_rng(1)
    swell = 0.1 * (1.2 + np.sin(np.arange(frames) / _RATE_HZ))[:, np.newaxis]
    return (swell * rng.standard_normal((frames, 2), dtype=np.float32)).astype(np.float32)


def report(
    options: argparse.Namespace, served: Load, killed: Load, command_s: float, wanted: Sequence[str]
) -> str:
    """The table."""
    same = sum(a == b for a, b in zip(served.masters, wanted, strict=True))
    kept = sum(a == b for a, b in zip(killed.masters, wanted, strict=True))
    rows = [
        ("status calls", f"{len(served.status_s)}", ""),
        ("p50", f"{served.percentile_ms(50):.0f} ms", ""),
        ("p99", f"{served.percentile_ms(99):.0f} ms", "< 300 ms"),
        ("longest", f"{1_000.0 * max(served.status_s):.0f} ms", ""),
        ("memory of all processes, highest", f"{max(served.memory_mb):.0f} MB", "< 2048 MB"),
        ("memory, median", f"{statistics.median(served.memory_mb):.0f} MB", ""),
        ("last file had arrived after", f"{served.uploads_s:.1f} s", ""),
        ("last master was done after", f"{served.all_s:.1f} s", ""),
        ("processor time of the server itself", f"{served.server_s:.1f} s", ""),
        ("the same by `master --jobs 2`", f"{command_s:.1f} s", ""),
        ("throughput, uploads included", f"{command_s / served.all_s:.2f} of the command line's", ">= 0.9"),
        ("masters equal to the command line's", f"{same} of {options.files}", "all"),
        ("killed -9: masters done and equal", f"{kept} of {options.files}", "all"),
        ("killed -9: last master was done after", f"{killed.all_s:.1f} s", ""),
    ]
    table = "\n".join(f"| {name} | {value} | {bar} |" for name, value, bar in rows)
    command = f"python tools/bench/service.py --files {options.files} --seconds {options.seconds:g}"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    return (
        f"# The service under load\n\n`{command}`: {options.files} files of {options.seconds:g} s (44.1 kHz, "
        f"16 bit) at once; {machine}; client and service on the same machine, whose load was "
        f"{os.getloadavg()[0]:.1f} at the end.\n\n| | measured | wanted |\n|---|---|---|\n{table}\n"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument(
        "--music", default=str(_MUSIC), help="folder of ogg files; noise where there are none"
    )
    parser.add_argument("--out", help="keep everything there; the table, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
