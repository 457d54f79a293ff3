"""Everybody can use it: axe-core in every state, both themes, both widths; and the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.page.desk import Desk
from tests.page.server import Server

_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")


def violations(desk: Desk) -> list[str]:
    """What axe-core finds serious or critical on the page as it is, in the light and in the dark."""
    desk.page.emulate_media(color_scheme="light", reduced_motion="reduce")  # colours change at once
    found = run_axe(desk, {})
    desk.page.emulate_media(color_scheme="dark")
    return found + run_axe(
        desk, {"runOnly": ["color-contrast", "link-in-text-block"]}
    )  # all else has no colour


def run_axe(desk: Desk, options: dict[str, Any]) -> list[str]:
    """Its findings as lines."""
    if not desk.page.evaluate("'axe' in window"):
        desk.page.evaluate(_AXE)
    found = desk.page.evaluate(
        "(options) => axe.run(document, { resultTypes: ['violations'], ...options })", options
    )
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("width", [390, 1440])
def test_no_serious_violation_in_any_state(
    open_desk: Callable[..., Desk], mastered: str, music: Path, width: int
) -> None:
    desk = open_desk(width=width)
    page = desk.page
    page.wait_for_selector(".hero")
    found = violations(desk)
    desk.drop(music / "short.wav", music / "loud.wav")
    page.wait_for_function("() => document.querySelectorAll('.row-facts').length === 2")
    desk.drop(music / "loud.wav", on="[data-drop=references]")
    page.wait_for_selector(".tile .row-facts")
    found += violations(desk)
    page.goto(f"{desk.server.url}/#/job/{mastered}")
    desk.wait_for_desk()
    page.get_by_label("Air in dB").fill("2")
    page.get_by_label("Air in dB").press("Enter")
    page.locator("details > summary").first.click()
    page.wait_for_selector(".steps")
    page.get_by_role("button", name="Make a link").click()
    page.wait_for_selector(".sharing input")
    page.wait_for_function("() => /adjusted/.test(document.querySelector('.preview-status').textContent)")
    found += violations(desk)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing wider than the screen"
    page.evaluate("() => document.querySelector('#help-open').click()")
    page.wait_for_selector("dialog[open]")
    found += violations(desk)
    assert found == []


def test_no_serious_violation_where_things_are_not_as_they_should_be(
    open_desk: Callable[..., Desk], mastered: str, music: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.wav").write_text("this is no sound " * 40, "utf-8")
    desk = open_desk(width=390)
    desk.expect("status of 4")
    page = desk.page
    page.wait_for_selector(".hero")
    desk.drop(tmp_path / "notes.wav")
    page.wait_for_selector(".row.bad")
    found = violations(desk)
    page.route(
        f"**/jobs/{mastered}",
        lambda route: route.fulfill(json={**route.fetch().json(), "state": "running", "share": 0.4}),
    )
    page.goto(f"{desk.server.url}/#/job/{mastered}")
    page.wait_for_selector(".waiting progress")
    found += violations(desk)
    page.goto(f"{desk.server.url}/#/job/0123456789abcdef01234567")
    page.wait_for_selector(".empty h1")
    found += violations(desk)
    page.evaluate("() => { document.querySelector('#banner').hidden = false; }")
    assert found + violations(desk) == []


def test_touch_targets_on_a_phone(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk(f"#/job/{mastered}", width=390)
    desk.wait_for_desk()
    small = desk.page.evaluate(
        """() => [...document.querySelectorAll("main :is(button, select, a.button, summary, input)")]
          .filter((one) => one.checkVisibility({ visibilityProperty: true }))
          .map((one) => [one.getBoundingClientRect().height, one.outerHTML.slice(0, 90)])
          .filter(([height]) => height < 43.5)"""
    )
    assert small == []


def test_the_keyboard_alone_gets_everywhere(
    open_desk: Callable[..., Desk], server: Server, mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("Tab")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, seen = page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return ["", true];
              const outline = getComputedStyle(at);
              const name = at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent;
              return [name, outline.outlineStyle !== "none"];
            }"""
        )
        reached.append(name)
        assert seen, f"no focus to be seen on {name}"
    for wanted in (
        "Download master",
        "Play",
        "Position in the song",
        "Reset all",
        "Make it",
        "Make a link",
        "Separate",
    ):
        assert any(wanted in name for name in reached) or page.get_by_text(wanted).is_disabled(), wanted
