"""A main process that the tests kill: works on the jobs of a place until it is ended.

python -m tests.jobs.main_process URL FOLDER [ADDRESS]

With an ADDRESS in the Ray cluster there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mastering.jobs.executor import Executor
from mastering.jobs.lanes import Lanes
from mastering.jobs.model import Retries
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.jobs.work import kinds


def main(url: str, folder: str, address: str | None = None) -> None:
    """Work, and say so."""
    place = Place(url=url, folder=Path(folder))
    lanes = {"short": 2}
    executor: Executor
    if address is None:
        executor = Lanes(lanes)
    else:
        from mastering.jobs.cluster.lanes import RayLanes

        executor = RayLanes(lanes, address=address, folder=place.folder)
    retries = Retries(wait_s=0.05)
    with Jobs(place, kinds=kinds()) as jobs, jobs.running(executor=executor, retries=retries):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(120.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
