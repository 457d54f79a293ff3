"""Which of the processes that work on jobs are alive.

On one machine a lock tells: the system lets go of it when its process dies, however that happens, and
neither clocks nor waiting are involved. Processes on other machines, and those that have their locks in
another folder, are believed as long as they write to the database that they live; the database's clock
counts, and nobody's own.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from mastering.jobs.locks import is_locked, lock
from mastering.jobs.place import Place
from mastering.jobs.tables import OWNERS

__all__ = ["Owner", "dead_owners", "forget"]

_HARMLESS = re.compile(r"[^A-Za-z0-9]+")

LEASE_S = 60.0
"""How long a process of another machine is believed without a sign of life."""


class Owner:
    """What others see of this process.

    Args:
        engine: of the records.
        place: with the folder of the locks.
    """

    def __init__(self, engine: sa.Engine, place: Place) -> None:
        self.id = f"{_HARMLESS.sub('', _host())[:24]}-{os.getpid()}-{secrets.token_hex(6)}"
        self._engine = engine
        self._path = place.owners / self.id
        self._file: IO[str] = self._path.open("w", encoding="ascii")
        lock(self._file)
        with engine.begin() as connection:
            connection.execute(
                sa.insert(OWNERS).values(id=self.id, host=_where(place), beat_s=_now_s(engine))
            )

    def beat(self) -> None:
        """Tell that it lives."""
        query = sa.update(OWNERS).where(OWNERS.c.id == self.id).values(beat_s=_now_s(self._engine))
        with self._engine.begin() as connection:
            connection.execute(query)

    def leave(self) -> None:
        """Go, with nothing left undone."""
        forget(self._engine, self.id)
        self._file.close()
        self._path.unlink(missing_ok=True)


def dead_owners(engine: sa.Engine, place: Place, *, but: str) -> list[str]:
    """Owners whose process is gone.

    Args:
        engine: of the records.
        place: with the folder of this machine's locks.
        but: the one who asks.
    """
    late = OWNERS.c.beat_s < _now_s(engine) - LEASE_S
    query = sa.select(OWNERS.c.id, OWNERS.c.host, late).where(OWNERS.c.id != but)
    with engine.connect() as connection:
        rows = list(connection.execute(query))
    here = _where(place)
    return [
        owner
        for owner, where, is_late in rows
        if (_is_gone(place.owners / owner) if where == here else is_late)
    ]


def forget(engine: sa.Engine, owner: str) -> None:
    """Remove an owner that has nothing left."""
    with engine.begin() as connection:
        connection.execute(sa.delete(OWNERS).where(OWNERS.c.id == owner))


def _is_gone(path: Path) -> bool:
    try:
        if is_locked(path):
            return False
    except FileNotFoundError:
        return True
    except OSError:
        return False
    with contextlib.suppress(OSError):
        path.unlink()
    return True


def _where(place: Place) -> str:
    """Machine and folder: two containers may have one name, and one folder two machines."""
    return f"{_host()[:200]} {place.name}"


def _host() -> str:
    return platform.node() or "localhost"


def _now_s(engine: sa.Engine) -> sa.ColumnElement[float]:
    """The database's time, Unix seconds."""
    if engine.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)
