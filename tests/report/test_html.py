"""The HTML report: balanced, escaped, self-contained, deterministic, complete, in words."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html.parser
import json
import re
from collections.abc import Callable

import pytest

from mastering.codec import from_json
from mastering.report.html import render_html
from mastering.report.model import Report
from mastering.report.steps import chain_steps
from mastering.report.summary import sentences
from mastering.target import Recipe

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


class Page(html.parser.HTMLParser):
    """Tags must balance; keeps texts, attributes and headings."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch(r"h\d", tag):
            self.headings.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts).replace("\u00a0", " ")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {}


def rendered(report: Report, pages: dict[str, str]) -> str:
    key = hashlib.sha256(repr(report).encode("utf-8", "replace")).hexdigest()
    if key not in pages:
        pages[key] = render_html(report)
    return pages[key]


def test_every_report_makes_a_balanced_small_document(report: Report, pages: dict[str, str]) -> None:
    document = rendered(report, pages)
    page = Page(document)
    assert len(document.encode("utf-8")) < 400_000
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert {"header", "main", "footer", "section"} <= {tag for tag, _ in page.tags}
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labels = [attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs]
    assert set(labels) <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(report: Report, pages: dict[str, str]) -> None:
    document = rendered(report, pages)
    page = Page(document)
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "form", "a"}
        assert "style" not in attrs
        assert not any(name.startswith("on") for name in attrs)
        for name in ("href", "src"):
            assert (attrs.get(name) or "#").startswith("#")
    assert "@import" not in document
    addresses = set(re.findall(r"https?://[^\s\"<]*", document))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_policy_allows_exactly_this_style_sheet(
    reports: dict[str, Report], pages: dict[str, str]
) -> None:
    document = rendered(reports["normal"], pages)
    style = document.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in document
    assert "default-src 'none'" in document
    assert document.count("<style>") == 1


def test_names_are_text_never_markup(reports: dict[str, Report], pages: dict[str, str]) -> None:
    document = rendered(reports["hostile"], pages)
    assert "<script" not in document
    assert "&lt;script&gt;" in document
    assert "\U0001f3b8" in document
    for character in ("\u202e", "\x1b", "\udcff"):
        assert character not in document
    document.encode("utf-8")
    assert "<script>alert" in Page(document).text


def test_the_same_report_makes_the_same_bytes(reports: dict[str, Report]) -> None:
    assert render_html(reports["normal"]) == render_html(reports["normal"])


def test_no_report_shows_nan_or_inf(report: Report, pages: dict[str, str]) -> None:
    text = Page(rendered(report, pages)).text
    assert not re.search(r"\bnan\b|\binf\b|-inf\b|\bNone\b", text)


def test_all_numbers_are_there(reports: dict[str, Report], pages: dict[str, str]) -> None:
    document = rendered(reports["normal"], pages)

    def cells(label: str) -> list[str]:
        row = re.search(rf'<th scope="row">{re.escape(label)}</th>(.*?)</tr>', document)
        assert row, label
        return re.findall(r"<td>(.*?)</td>", row.group(1))

    assert cells("Integrated loudness (LUFS)") == ["-20.3", "-14.0", "+6.3", "-9.8"]
    assert cells("True peak (dBTP)") == ["-6.10", "-1.02", "+5.08", "-0.30"]
    assert cells("Peak to loudness PLR (dB)") == ["14.2", "13.0", "-1.2", "9.5"]
    assert cells("Crest above 5 kHz (dB)") == ["12.9", "11.0", "-1.9", "12.9"]
    assert cells("Tilt (dB per octave)") == ["-4.40", "-4.00", "+0.40", "-3.90"]
    for label in (
        "Highest short-term (LUFS)",
        "Highest momentary (LUFS)",
        "Loudness range LRA (LU)",
        "Peak to short-term PSR (dB)",
        "Side against mid (dB)",
        "Correlation",
        "Bandwidth",
        "Noise floor (dBFS)",
        "DC offset (% of full scale)",
        "Clipped samples",
    ):
        assert len(cells(label)) == 4


def test_sentences_digests_versions_and_times_are_there(
    reports: dict[str, Report], pages: dict[str, str]
) -> None:
    report = reports["normal"]
    text = Page(rendered(report, pages)).text
    for sentence in sentences(report):
        assert sentence in text
    assert report.input_sha256 in text
    assert report.output_sha256 in text
    assert "pedalboard 0.9.26" in text
    assert "1.92" in text
    assert "The input holds 12 clipped frames." in text
    assert "The reference's bass is another arrangement." in text


def test_checks_pass_and_fail_in_words(reports: dict[str, Report], pages: dict[str, str]) -> None:
    good = Page(rendered(reports["normal"], pages)).text
    bad = Page(rendered(reports["failed"], pages)).text
    assert "All 3 checks passed" in good
    assert "MISSED" not in good
    assert "4 of 4 checks missed" in bad
    assert bad.count("MISSED") == 4
    assert "--lufs -15.2" in bad


def test_every_number_of_the_chain_is_there_with_its_unit(
    reports: dict[str, Report], pages: dict[str, str]
) -> None:
    report = reports["normal"]
    text = Page(rendered(report, pages)).text
    steps = chain_steps(report.recipe.chain)
    assert len(steps) == len(report.recipe.chain.steps) + 1
    for step in steps:
        assert step.title in text
        for row in step.rows:
            assert all(cell in text for cell in row)
    multiband = next(step for step in steps if "Multiband" in step.title)
    assert multiband.rows[2] == (
        "above 5 kHz",
        "-38.00 dBFS",
        "1.80:1",
        "6.00 dB",
        "5.0 ms",
        "200.0 ms",
        "0.00 dB",
    )
    assert steps[-1].rows == (("8.40 dB", "-1.00 dBTP", "1.5 ms", "80.0 ms"),)


def test_the_recipe_in_the_page_is_the_recipe(reports: dict[str, Report], pages: dict[str, str]) -> None:
    report = reports["normal"]
    document = rendered(report, pages)
    assert "tonmeister apply song_master.recipe.json song.wav" in document
    text = html.unescape(document.split("The whole recipe</summary>\n<pre><code>")[1].split("</code>")[0])
    json.loads(text)
    assert from_json(Recipe, text, "report") == report.recipe


def test_a_name_with_spaces_is_quoted_in_the_command(new_report: Callable[..., Report]) -> None:
    document = render_html(new_report(input_name="my song.wav", output_name="it's.flac"))
    command = html.unescape(re.findall(r"<code>(tonmeister apply .*?)</code>", document)[0])
    assert command == "tonmeister apply 'it'\"'\"'s.recipe.json' 'my song.wav'"


def test_plots_are_described(reports: dict[str, Report], pages: dict[str, str]) -> None:
    page = Page(rendered(reports["normal"], pages))
    labels = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"]
    assert len(labels) == 6
    assert all(label and len(label) > 40 for label in labels)
    assert len([tag for tag, _ in page.tags if tag == "figcaption"]) == 6


def test_the_judgement_is_a_table_that_says_what_its_words_mean(
    reports: dict[str, Report], pages: dict[str, str]
) -> None:
    document = rendered(reports["judged"], pages)
    part = document.split('<h2 id="judgement">')[1].split("</section>")[0]
    rows = dict(re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', part))
    cells = {name: re.findall(r"<td>(.*?)</td>", row) for name, row in rows.items()}
    assert cells["Difference"][1] == "2.0 dB"
    assert cells["Matched"][1] == "0.6 dB (30 %)"
    assert cells["Left"][1] == "1.4 dB"
    assert cells["Expected error"] == ["0.8 dB", "1.2 dB"]
    assert cells["How sure"] == ["fairly sure", "fairly sure"]
    text = Page(document).text
    assert "Made by the matcher 'learned' 0.1.0: a trained model judged" in text
    assert "Sure: the expected error is at most 0.5 dB in tone, 1 dB in width, or 25 % of" in text
    assert "The band is how far off the matcher expects to be." in text


def test_the_judgement_shows_what_is_known(reports: dict[str, Report], pages: dict[str, str]) -> None:
    typed = Page(rendered(reports["typed"], pages)).text
    assert "the amount was typed (50 %), not judged" in typed
    assert "How sure" not in typed
    mono = rendered(reports["judged_mono"], pages).split('<h2 id="judgement">')[1].split("</section>")[0]
    assert ">Tone</th>" in mono
    assert ">Width</th>" not in mono
    odd = rendered(reports["odd_errors"], pages).split('<h2 id="judgement">')[1].split("</section>")[0]
    assert odd.count("<td>unknown</td>") == 2
    for name in ("apply", "style", "level_only", "silence"):
        assert 'id="judgement"' not in rendered(reports[name], pages), name


def test_the_equaliser_is_left_out_where_there_is_none(
    reports: dict[str, Report], pages: dict[str, str]
) -> None:
    text = Page(rendered(reports["bare"], pages)).text
    assert "The chain is empty" in text
    assert "Equaliser" not in text


def test_a_long_file_makes_a_document_of_the_same_size(reports: dict[str, Report]) -> None:
    normal = reports["normal"]
    steps = 200_000
    curves = dataclasses.replace(
        normal.curves,
        before_peak=tuple(0.1 + 0.001 * (i % 100) for i in range(steps)),
        after_peak=(0.5,) * steps,
        limiter_reduction_db=tuple(-0.01 * (i % 300) for i in range(steps)),
        compressor_reduction_db={"low": (-1.0,) * steps},
    )
    six_hours = dataclasses.replace(
        normal.after, duration_s=21_600.0, short_term_lufs=tuple(-14.0 - i % 7 for i in range(21_600))
    )
    document = render_html(dataclasses.replace(normal, curves=curves, after=six_hours))
    assert len(document) < 250_000
    assert "Time (h:min:s)" in document
