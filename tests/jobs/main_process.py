"""A main process that the tests kill: works on the jobs of a place until it is ended.

python -m tests.jobs.main_process URL FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mastering.jobs.model import Retries
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.jobs.work import kinds


def main(url: str, folder: str) -> None:
    """Work, and say so."""
    place = Place(url=url, folder=Path(folder))
    with Jobs(place, kinds=kinds()) as jobs, jobs.running(lanes={"short": 2}, retries=Retries(wait_s=0.05)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(120.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
