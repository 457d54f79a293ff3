"""The JSON documents of `--json`, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mastering.cli.failures import Failure
from mastering.codec import to_json, to_plain

if TYPE_CHECKING:
    from mastering.measure.features import Features
    from mastering.notice import Notice
    from mastering.report.model import Report

__all__ = ["document", "failed_master", "failed_measurement", "master_entry", "measurement", "write"]


def document(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole document around its results."""
    return {"schema": 1, "results": entries}


def write(value: Any) -> None:
    """Write a document to standard output: UTF-8 anywhere, odd bytes of file names as JSON escapes."""
    click.echo(to_json(value).encode("utf-8", "backslashreplace"), nl=False)


def master_entry(source: Path, output: Path, status: str, report: Report) -> dict[str, Any]:
    """What `master` and `apply` say about an input that was done; status "mastered" or "skipped"."""
    from mastering.report.text import all_notices

    return {
        "input": str(source),
        "output": str(output),
        "status": status,
        "before": features_entry(report.before),
        "after": features_entry(report.after),
        "chain": to_plain(report.recipe.chain),
        "checks": to_plain(report.checks),
        "notices": to_plain(all_notices(report)),
        "seconds": to_plain(report.seconds),
        "error": None,
    }


def failed_master(source: Path, output: Path, failure: Failure) -> dict[str, Any]:
    """What `master` and `apply` say about an input that failed: the same keys."""
    return {
        "input": str(source),
        "output": str(output),
        "status": "error",
        "before": None,
        "after": None,
        "chain": None,
        "checks": [],
        "notices": [],
        "seconds": {},
        "error": _error(failure),
    }


def measurement(source: Path, features: Features, notices: tuple[Notice, ...]) -> dict[str, Any]:
    """What `measure` says about a file."""
    return {
        "input": str(source),
        "features": features_entry(features),
        "notices": to_plain(notices),
        "error": None,
    }


def features_entry(features: Features) -> Any:
    """The measurements without the chunks: 2,600 numbers that only a matcher reads."""
    plain = to_plain(features)
    del plain["chunks"]
    return plain


def failed_measurement(source: Path, failure: Failure) -> dict[str, Any]:
    """What `measure` says about a file that cannot be measured."""
    return {"input": str(source), "features": None, "notices": [], "error": _error(failure)}


def _error(failure: Failure) -> dict[str, str]:
    return {"code": failure.code, "message": failure.message, "hint": failure.hint}
