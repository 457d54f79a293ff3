"""Running it: logs, metrics, readiness."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mastering.service.records import Records
from mastering.service.times import iso

__all__ = ["Metrics", "set_up_logs"]

_EXTRA = ("job", "kind", "request", "code", "seconds", "status")
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 10.0, 60.0)


class Metrics:
    """What a monitor reads.

    Args:
        records: of jobs and songs.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tonmeister_requests", "Answered requests.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "tonmeister_request_seconds",
            "Time to the first byte of an answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._received = Counter(
            "tonmeister_uploaded_bytes", "Bytes that have arrived.", registry=self.registry
        )
        self._jobs = Gauge("tonmeister_jobs", "Jobs by state.", ["kind", "state"], registry=self.registry)
        self._songs = Gauge("tonmeister_songs", "Songs that are kept.", registry=self.registry)
        self._held = Gauge(
            "tonmeister_held_bytes", "Size of songs, results and copies.", registry=self.registry
        )
        self._free = Gauge("tonmeister_disk_free_bytes", "Room on the disk.", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def received(self, size_bytes: int) -> None:
        """Count what was uploaded."""
        self._received.inc(size_bytes)

    def text(self, held_bytes: int, folder: Any) -> bytes:
        """All of it, in Prometheus' format."""
        self._jobs.clear()
        for row in self._records.all("SELECT kind, state, count(*) AS n FROM jobs GROUP BY kind, state"):
            self._jobs.labels(row["kind"], row["state"]).set(row["n"])
        songs = self._records.one("SELECT count(*) AS n FROM songs")
        self._songs.set(songs["n"] if songs is not None else 0)
        self._held.set(held_bytes)
        self._free.set(shutil.disk_usage(folder).free)
        return generate_latest(self.registry)


class _Json(logging.Formatter):
    """A line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        document |= {
            name: getattr(record, name) for name in _EXTRA if getattr(record, name, None) is not None
        }
        if record.exc_info is not None:
            document["trace"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=True)


class _Text(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        extra = " ".join(f"{name}={getattr(record, name)}" for name in _EXTRA if getattr(record, name, None))
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info is not None else line


def set_up_logs(kind: str) -> None:
    """Write the service's log to standard error, as "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if kind == "json" else _Text())
    for name, level in (("tonmeister", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
