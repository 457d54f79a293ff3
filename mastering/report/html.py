"""The report as one HTML document: no scripts, nothing to fetch, the same bytes for the same Report.

The document brings its own Content-Security-Policy: nothing may load, and only its own style
sheet applies (by its SHA-256). Even a name that slipped through the escaping could not run.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources

from mastering.report.aims import verdict
from mastering.report.checks import check_texts
from mastering.report.judged import judgement
from mastering.report.markup import bullets, escape, section, table
from mastering.report.model import Report
from mastering.report.plots import (
    equalizer_svg,
    loudness_svg,
    reduction_svg,
    spectrum_svg,
    waveform_svg,
    width_svg,
)
from mastering.report.provenance import files, footer, repeat
from mastering.report.response import shapes_tone
from mastering.report.rows import GROUPS, ROWS, Row, mean_value
from mastering.report.shares import shares_of
from mastering.report.stempage import stem_chains, stems
from mastering.report.steps import StepText, chain_steps
from mastering.report.summary import sentences
from mastering.report.text import all_notices

__all__ = ["render_html"]

_KEY = ("integrated_lufs", "true_peak_dbtp", "plr_db", "loudness_range_lu", "width")
_LONG_STEP = 8


def render_html(report: Report) -> str:
    """One self-contained document: summary, checks, plots, numbers, chain, how to repeat it, files.

    Readable from 390 px up, in light and dark, and printed in grey. Every text of the report is
    escaped. Takes about a second, most of it importing matplotlib.
    """
    style = importlib.resources.files("mastering.report").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = (
        _summary,
        _checks,
        _notices,
        _plots,
        judgement,
        stems,
        _numbers,
        _stem_chains,
        _chain,
        repeat,
        files,
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(report.output_name)}: mastering report</title>\n<style>{style}</style>\n</head>\n"
        "<body>\n"
        f"{_header(report)}<main>\n{''.join(part(report) for part in parts)}</main>\n{footer(report)}"
        "</body>\n</html>\n"
    )


def _header(report: Report) -> str:
    state = "passed" if report.passed else "missed"
    origin = f"Mastered from {report.input_name}"
    if report.reference_names:
        origin += f", towards {', '.join(report.reference_names)}"
    for kind, name in (("style", report.style), ("target", report.target)):
        origin += f", {kind} {name}" if name else ""
    rows = sorted((row for row in ROWS if row.name in _KEY), key=lambda row: _KEY.index(row.name))
    return (
        f'<header>\n<h1>{escape(report.output_name)}</h1>\n<p class="from">{escape(origin)}</p>\n'
        f'<p class="verdict {state}">{escape(verdict(report))}</p>\n'
        f'<dl class="key">\n{"".join(_key_number(row, report) for row in rows)}</dl>\n</header>\n'
    )


def _key_number(row: Row, report: Report) -> str:
    before, after = (row.write(row.value(features)) for features in (report.before, report.after))
    return (
        f"<div><dt>{escape(row.heading)}</dt>"
        f"<dd>{escape(after)}<span>before {escape(before)}</span></dd></div>\n"
    )


def _summary(report: Report) -> str:
    missed = {check.sentence for check in check_texts(report) if not check.passed}
    done = [text for text in sentences(report) if text not in missed]
    return section("summary", "What was done, and why", bullets(done, "told"))


def _checks(report: Report) -> str:
    checks = check_texts(report)
    if not checks:
        return section("checks", "Checks", "<p>This run checked nothing.</p>")
    rows = [(c.label, "passed" if c.passed else "MISSED", c.measured, c.wanted) for c in checks]
    header = ("Check", "Result", "Measured", "Wanted")
    markup = table("Measured in the written file", header, [("", rows)], kind="words")
    missed = [check.sentence for check in checks if not check.passed]
    return section("checks", "Checks", markup + ("\n" + bullets(missed, "told missed") if missed else ""))


def _notices(report: Report) -> str:
    notices = all_notices(report)
    if not notices:
        return ""
    return section("notices", "Notices", bullets([notice.message for notice in notices], "notices"))


def _plots(report: Report) -> str:
    pieces = "before, after and the reference" if report.references else "before and after"
    figures = [
        ("Spectrum", f"Third octaves {pieces}.", spectrum_svg),
        ("Loudness over time", "Short-term loudness (3 s) before and after.", loudness_svg),
        ("Equaliser", _equaliser_caption(report), equalizer_svg),
        ("Gain reduction", "Deepest reduction in each tenth of a second.", reduction_svg),
        ("Waveform", "Peaks before and after; the ceiling as a line.", waveform_svg),
        ("Stereo width", f"Side against mid {pieces}: higher is wider.", width_svg),
    ]
    if not shapes_tone(report.recipe.chain) and not (report.match and report.match.wanted_mid_db):
        figures = [figure for figure in figures if figure[2] is not equalizer_svg]
    markup = "\n".join(_figure(title, text, draw(report)) for title, text, draw in figures)
    return section("plots", "Before and after", f'<div class="plots">\n{markup}\n</div>')


def _equaliser_caption(report: Report) -> str:
    text = "What was wanted, what was kept of it, and what the chain renders."
    expects = any(share is not None and share.error_db is not None for share in shares_of(report))
    return f"{text} The band is how far off the matcher expects to be." if expects else text


def _figure(title: str, text: str, svg: str) -> str:
    caption = f"<figcaption><b>{escape(title)}</b><span>{escape(text)}</span></figcaption>"
    return f"<figure>\n{caption}\n{svg}\n</figure>"


def _numbers(report: Report) -> str:
    header = ["Measurement", "Before", "After", "Change"]
    if report.references:
        count = len(report.references)
        header.append("Reference" if count == 1 else f"Mean of {count} references")
    groups = [(group, [_number_cells(row, report) for row in ROWS if row.group == group]) for group in GROUPS]
    return section("numbers", "Numbers", table("Measured before and after", header, groups))


def _number_cells(row: Row, report: Report) -> list[str]:
    before, after = report.before, report.after
    cells = [row.heading, row.write(row.value(before)), row.write(row.value(after))]
    cells.append(row.write_difference(row.difference(before, after)))
    if report.references:
        single = row.averages or len(report.references) == 1
        cells.append(row.write(mean_value(row, report.references)) if single else "")
    return cells


def _chain(report: Report) -> str:
    steps = chain_steps(report.recipe.chain)
    if not steps:
        return section("chain", "The chain", "<p>The chain is empty: the samples were not changed.</p>")
    items = "".join(f"<li>\n{_step(step)}\n</li>\n" for step in steps)
    return section("chain", "The chain, in signal order", f'<ol class="chain">\n{items}</ol>')


def _stem_chains(report: Report) -> str:
    """What is done to single stems before the chain; "" where nothing is."""
    items = "".join(
        f"<li>\n<h3>{escape(title)}</h3>\n{''.join(_step(step, 'h4') for step in steps)}\n</li>\n"
        for title, steps in stem_chains(report)
    )
    if not items:
        return ""
    return section(
        "stem-chains",
        "The chains of single stems, before the chain of the mix",
        f'<ol class="chain">\n{items}</ol>',
    )


def _step(step: StepText, heading: str = "h3") -> str:
    title = f"<{heading}>{escape(step.title)}</{heading}>\n"
    if not step.rows:
        return f"{title}<p>No bands: it changes nothing.</p>"
    markup = table(f"Settings: {step.title}", step.header, [("", step.rows)], kind="quiet")
    if len(step.rows) <= _LONG_STEP:
        return title + markup
    return f"{title}<details>\n<summary>{len(step.rows)} points</summary>\n{markup}\n</details>"
