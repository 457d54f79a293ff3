"""The summary: rows for spreadsheets, one page for people."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re

from mastering.cli.catalogue.outbox import Kept, Outbox
from mastering.cli.catalogue.record import Entry, Problem
from mastering.cli.catalogue.summary import csv_text, html_text
from mastering.report.catalogue import CatalogueSong, render_catalogue

ENTRIES = [
    Entry(
        input="/mixes/=cmd.wav",
        output="b/=cmd\udcff.master.wav",
        state="done",
        files=(
            Kept(path="b/=cmd\udcff.master.wav", size_bytes=1, sha256="ab", stamp=""),
            Kept(path="b/=cmd\udcff.master.report.html", size_bytes=1, sha256="cd", stamp=""),
        ),
        duration_s=61.0,
        lufs_before=-20.0,
        lufs_after=-14.04,
        true_peak_dbtp=-1.0,
        plr_db=13.0,
        missed=("integrated_lufs",),
        notices=("+6 dB was the cap.",),
        seconds=2.5,
    ),
    Entry(
        input="/mixes/<b>.wav",
        output="<b>.master.wav",
        state="failed",
        problem=Problem(code="not_audio", message="<b>.wav: it is not audio", hint="Export it again."),
    ),
    Entry(input="/mixes/silence.wav", output="silence.master.wav", state="done", duration_s=3.0),
]


def test_for_spreadsheets() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(ENTRIES))))
    assert [row["state"] for row in rows] == ["done", "failed", "done"]
    assert rows[0]["notices"] == "'+6 dB was the cap."
    assert (rows[0]["lufs_before"], rows[0]["lufs_after"]) == ("-20.00", "-14.04")
    assert rows[0]["output_sha256"] == "ab"
    assert (rows[1]["error_code"], rows[1]["error"]) == ("not_audio", "<b>.wav: it is not audio")
    assert rows[2]["lufs_after"] == ""


def test_the_page() -> None:
    page = html_text(ENTRIES, Outbox("/music/masters"), "2 of 3 done, 1 failed", [("Time", "3 s", "about")])
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page
    assert 'href="b/%3Dcmd%FF.master.report.html"' in page
    assert "-20.0 → -14.0" in page
    assert "silent → silent" in page
    assert "Integrated loudness" in page
    assert "Export it again." in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page
    assert page == html_text(
        ENTRIES, Outbox("/music/masters"), "2 of 3 done, 1 failed", [("Time", "3 s", "about")]
    )


def test_every_order() -> None:
    """The place of each row under each heading is a permutation, and the right one."""
    levels = [-9.0, None, -23.0, -14.0]
    songs = [
        CatalogueSong(name=name, state="done", lufs_after=level)
        for name, level in zip("dbca", levels, strict=True)
    ]
    page = render_catalogue("Masters", songs, [], "done")
    ranks = [dict(re.findall(r"--o(\d):(\d+)", text)) for text in re.findall(r"#s\d+\{(.*?)\}", page)]
    assert [rank["0"] for rank in ranks] == ["3", "1", "2", "0"]
    assert [rank["2"] for rank in ranks] == ["2", "3", "0", "1"]
    for place in ranks[0]:
        assert sorted(rank[place] for rank in ranks) == ["0", "1", "2", "3"]
        assert f"order: var(--o{place})" in page
