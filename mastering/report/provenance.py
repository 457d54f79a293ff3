"""Where a master came from, as HTML: how to repeat it, files with digests, times, versions."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from mastering.codec import to_json
from mastering.report.markup import escape, section, table
from mastering.report.model import Report
from mastering.report.wording import clean, number

__all__ = ["files", "footer", "repeat"]


def repeat(report: Report) -> str:
    recipe = f"{PurePath(clean(report.output_name)).stem}.recipe.json"
    command = f"tonmeister apply {shlex.quote(recipe)} {shlex.quote(clean(report.input_name))}"
    document = "\n".join(escape(line) for line in to_json(report.recipe).splitlines())
    return section(
        "repeat",
        "How to repeat it",
        f"<p>The recipe beside the master gives the same samples again, {_needs(report)}:</p>\n"
        f"<pre><code>{escape(command)}</code></pre>\n"
        '<details class="recipe">\n<summary>The whole recipe</summary>\n'
        f"<pre><code>{document}</code></pre>\n</details>",
    )


def _needs(report: Report) -> str:
    """What repeating does without, and what it needs."""
    if report.recipe.stems is None:
        return "without the reference"
    return f"without the reference, with the separation model {escape(report.recipe.stems.separator.model)}"


def files(report: Report) -> str:
    rows = [
        ("Input", report.input_name, report.input_sha256),
        ("Output", report.output_name, report.output_sha256),
    ]
    digests = report.recipe.chain.origin.reference_sha256
    for index, name in enumerate(report.reference_names):
        rows.append(("Reference", name, digests[index] if index < len(digests) else ""))
    markup = table("Files", ("Role", "Name", "SHA-256"), [("", rows)], kind="words digests")
    if report.seconds:
        markup += "\n" + table("Time by stage", ("Stage", "Seconds"), [("", _seconds(report))])
    return section("files", "Files and time", markup)


def _seconds(report: Report) -> list[tuple[str, str]]:
    total = sum(report.seconds.values())
    rows = [(stage.capitalize(), number(seconds, decimals=2)) for stage, seconds in report.seconds.items()]
    rows.append(("Together", number(total, decimals=2)))
    if total > 0.0:
        rows.append(("Times faster than real time", number(report.before.duration_s / total, decimals=0)))
    return rows


def footer(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    origin = report.recipe.chain.origin
    made = f"Chain by {origin.matcher} {origin.version}".strip()
    text = f"{made}. Versions: {versions}." if versions else f"{made}."
    return f"<footer>\n<p>{escape(text)}</p>\n</footer>\n"
