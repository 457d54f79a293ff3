"""The durable queue, which is DBOS: the only module that imports it.

DBOS keeps the queue in the database of the records, so that a record and its entry are written in one
transaction; it hands entries out, a lane's number at a time, and holds back those that wait for another try.
An entry is one attempt, called JOB:RUN. What a job is and what became of it is in the records: an entry
whose run is not the record's any more is passed over.

Measured with 3.4: an entry is only found by polling; two processes of one executor id take each
other's work, and that of an id which never comes back stays where it is (so `owners` and `attempt` see to
that); what another application version queued is not handed out (so there is one version, VERSION); how many
entries a process takes and how often it looks is one row for all processes (so each has its own idea of it).
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from mastering.errors import EnvironmentProblem

__all__ = ["Queue"]

VERSION = "1"
"""Of what is queued, not of the program: an update works off what its predecessor queued."""

_APPLICATION = "tonmeister"
_WORKFLOW = "tonmeister_attempt"
_BUSY_POLL_S = 0.05
_IDLE_POLL_S = 0.5


class Queue:
    """Entries in the database of `engine`.

    Args:
        engine: of the records, too.
    """

    def __init__(self, engine: sa.Engine) -> None:
        _quiet()
        from dbos import DBOS, DBOSClient

        self._engine = engine
        self._counts: dict[str, int] = {}
        self._interval_s = _BUSY_POLL_S
        self._serializer: Any = _serializer()
        url = engine.url.render_as_string(hide_password=False)
        if not _migrated(engine):
            DBOS.migrate(url)
        self._client = DBOSClient(
            system_database_engine=engine, application_name=_APPLICATION, serializer=self._serializer
        )

    def put(self, connection: sa.Connection, job: str, run: int, lane: str, *, delay_s: float = 0.0) -> None:
        """Add an entry in the caller's transaction."""
        options: Any = {
            "workflow_name": _WORKFLOW,
            "queue_name": _lane_queue(lane),
            "workflow_id": f"{job}:{run}",
            "app_version": VERSION,
        }
        if delay_s > 0.0:
            options["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(connection, options, job, run)

    def serve(self, owner: str, lanes: Mapping[str, int], attempt: Callable[[str, int], None]) -> None:
        """Hand entries to `attempt`, each in a thread of its own, until `stop`.

        Args:
            owner: of the attempts: this process.
            lanes: lane -> how many at a time.
            attempt: called with job and run.

        Raises:
            EnvironmentProblem: this process serves another queue already.
        """
        from dbos import DBOS, _dbos

        _quiet()
        if getattr(_dbos, "_dbos_global_instance", None) is not None:
            raise EnvironmentProblem(
                "this process works on the jobs of another database already",
                hint="Stop that first.",
                code="jobs_served",
            )
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_engine": self._engine,
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "application_version": VERSION,
                "executor_id": owner,
                "serializer": self._serializer,
                "enable_otlp": False,
                "log_level": "ERROR",
                "use_listen_notify": False,
            }
        )
        DBOS.workflow(name=_WORKFLOW)(_workflow(attempt))
        self.pace(lanes, busy=True)
        self._announce()
        DBOS.launch()
        self._keep_own_pace(getattr(_dbos, "_dbos_global_instance", None))

    def pace(self, lanes: Mapping[str, int], *, busy: bool) -> None:
        """Hand out so many at a time; look often while there are entries, else seldom.

        A look costs 4 ms of processor time.
        """
        self._counts = {_lane_queue(lane): count for lane, count in lanes.items()}
        self._interval_s = _BUSY_POLL_S if busy else _IDLE_POLL_S

    def _announce(self) -> None:
        for name, count in self._counts.items():
            self._client.register_queue(
                name,
                worker_concurrency=count,
                polling_interval_sec=self._interval_s,
                on_conflict="always_update",
            )

    def _keep_own_pace(self, dbos: Any) -> None:
        """Put this process's numbers in place of the common ones whenever DBOS reads its queues."""
        database = dbos._sys_db
        read = database.get_queue

        def own(name: str, **options: Any) -> Any:
            queue = read(name, **options)
            if queue is not None and name in self._counts:
                queue._worker_concurrency = self._counts[name]
                queue._polling_interval_sec = self._interval_s
            return queue

        database.get_queue = own

    def stop(self) -> None:
        """Hand nothing out any more."""
        from dbos import DBOS

        logging.getLogger("dbos").setLevel(
            logging.CRITICAL
        )  # it says that it could not begin what comes back
        DBOS.destroy(destroy_registry=True)

    def taken_by(self, owner: str) -> list[tuple[str, int]]:
        """Job and run of the entries that an owner was handed and has not ended."""
        found = self._client.list_workflows(
            status="PENDING", executor_id=owner, load_input=False, load_output=False
        )
        return [_names(one.workflow_id) for one in found]

    def remove(self, entries: Iterable[tuple[str, int]]) -> None:
        """Remove entries, whatever state they are in."""
        ids = [f"{job}:{run}" for job, run in entries]
        if ids:
            self._client.cancel_workflows(ids)
            self._client.delete_workflows(ids)

    def sweep(self) -> None:
        """Remove the entries of attempts that have ended."""
        ended = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"], load_input=False, load_output=False, limit=500
        )
        if ended:
            self._client.delete_workflows([one.workflow_id for one in ended])

    def close(self) -> None:
        """Let go of the database."""
        self._client.destroy()


def _workflow(attempt: Callable[[str, int], None]) -> Callable[[str, int], None]:
    def tonmeister_attempt(job: str, run: int) -> None:
        attempt(job, run)

    return tonmeister_attempt


def _lane_queue(lane: str) -> str:
    return f"tonmeister-{lane}"


def _names(entry: str) -> tuple[str, int]:
    job, _, run = entry.rpartition(":")
    return job, int(run)


def _migrated(engine: sa.Engine) -> bool:
    """Whether DBOS has its tables here; newer versions of them are its own business at `serve`."""
    inspector = sa.inspect(engine)
    schema = "dbos" if engine.dialect.name == "postgresql" else None
    return inspector.has_table("workflow_status", schema=schema)


def _serializer() -> Any:
    """JSON instead of DBOS's pickles: nothing that lies in the database is executed."""
    from dbos import Serializer

    class Plain(Serializer):
        def serialize(self, data: Any) -> str:
            with contextlib.suppress(TypeError, ValueError):
                return json.dumps(data)
            return json.dumps(str(data))

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data)

        def name(self) -> str:
            return "tonmeister_json"

    return Plain()


def _quiet() -> None:
    """DBOS writes its news to standard error; what concerns a job is in its record."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
