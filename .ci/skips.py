"""Fail if a test was skipped for a reason that is not listed in allowed-skips.txt.

Run with the log of `pytest -rs`. A line of the list: part of the reason, " | ", why that is all right.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ALLOWED = Path(__file__).with_name("allowed-skips.txt")


def allowed_reasons() -> list[str]:
    """The parts of reasons that are listed."""
    lines = (line.strip() for line in ALLOWED.read_text("utf-8").splitlines())
    return [line.split(" | ")[0] for line in lines if line and not line.startswith("#")]


def unexpected(log: str) -> list[str]:
    """Lines of skipped tests whose reason is not listed."""
    skipped = re.findall(r"^SKIPPED \[.*$", log, flags=re.MULTILINE)
    allowed = allowed_reasons()
    return [line for line in skipped if not any(reason in line for reason in allowed)]


def main() -> int:
    """Print what is unexpected; 1 if there is any."""
    found = unexpected(Path(sys.argv[1]).read_text("utf-8"))
    for line in found:
        print(f"unexpected: {line}")
    print(f"{len(found)} unexpected skips")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
