"""By keyboard alone from a file to its download; the focus is never lost, ends are told, nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.page.desk import Desk
from tests.page.music import RATE, write_song
from tests.page.server import Server
from tests.page.test_adjusting import wait_for

_WHERE = """
() => {
  const at = document.activeElement;
  if (at === document.body) return "nowhere";
  return (at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent).trim();
}
"""


def go_to(page: Any, name: str, *, back: bool = False) -> None:
    """Presses Tab until something of this name has the focus."""
    passed: list[str] = []
    for _ in range(90):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        passed.append(page.evaluate(_WHERE))
        if passed[-1].startswith(name):
            return
    raise AssertionError(f"the keyboard does not get to {name}, only to {passed}")


def heading(page: Any, name: str) -> None:
    """Waits until the focus is on a heading: where a view that has changed begins."""
    page.wait_for_function(
        """(name) => {
          const at = document.activeElement;
          return /^H[12]$/.test(at.tagName) && at.textContent === name;
        }""",
        arg=name,
    )


def test_from_a_file_to_its_download(open_desk: Callable[..., Desk], server: Server, tmp_path: Path) -> None:
    song = tmp_path / "By Hand.wav"
    write_song(song, seconds=3.0, seed=31, level=0.2)
    desk = open_desk()
    page = desk.page
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    page.on("filechooser", lambda choosing: choosing.set_files(song))
    go_to(page, "Choose files")
    page.keyboard.press("Enter")
    page.wait_for_selector(".row-facts")
    heading(page, "Your song")
    go_to(page, "As the reference" if page.get_by_text("As the reference").count() else "Balanced")
    page.keyboard.press("ArrowDown")
    chosen = page.evaluate(_WHERE)
    go_to(page, "Master 1 song")
    page.keyboard.press("Enter")
    desk.wait_for_desk()
    heading(page, "By Hand")
    job = server.ask(f"/jobs/{page.evaluate('location.hash').split('/')[2]}")
    assert chosen.lower().startswith(job["request"]["style"].replace("-", " "))

    page.keyboard.press("1")
    assert page.locator("[data-source=original][aria-pressed=true]").count() == 1
    page.keyboard.press("2")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.time').textContent > '0:00.3'")
    page.keyboard.press("Space")
    go_to(page, "Bass below 120 Hz")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_for(page, "You hear it adjusted")
    go_to(page, "Render this version")
    page.keyboard.press("Enter")
    page.wait_for_function("(old) => !location.hash.includes(old)", arg=job["id"])
    desk.wait_for_desk()
    heading(page, "By Hand")
    page.wait_for_function("() => document.querySelector('#news').textContent.startsWith('By Hand: Done')")
    made = server.ask(f"/jobs/{page.evaluate('location.hash').split('/')[2]}")
    go_to(page, "Download master")
    with page.expect_download() as got:
        page.keyboard.press("Enter")
    with server.open(f"/jobs/{made['id']}/results/master.wav") as answer:
        assert Path(got.value.path()).read_bytes() == answer.read()
    go_to(page, "← All music", back=True)
    page.keyboard.press("Enter")
    page.wait_for_selector(".hero")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")


def test_a_failure_is_told_in_every_view(
    open_desk: Callable[..., Desk], server: Server, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "Quiet.wav", np.zeros((2 * RATE, 2)), RATE)
    song = server.upload(tmp_path / "Quiet.wav")
    desk = open_desk()
    page = desk.page
    page.wait_for_selector(".hero")
    job = server.ask("/jobs", {"kind": "master", "song": song})
    page.wait_for_function(
        "() => /^Quiet: Failed. .*silent/.test(document.querySelector('#news').textContent)"
    )
    row = page.locator(".job", has_text="Quiet").first
    row.get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    heading(page, "Work")
    assert job["id"] not in [one["id"] for one in server.ask("/jobs")["items"]]


def test_nothing_moves_where_motion_is_unwanted(open_desk: Callable[..., Desk], mastered: str) -> None:
    def moving(motion: str) -> int:
        desk = open_desk(f"#/job/{mastered}", reduced_motion=motion)
        desk.wait_for_desk()
        desk.page.get_by_role("button", name="Matched loudness").click()
        return int(desk.page.evaluate("document.getAnimations().length"))

    assert moving("no-preference") > 0
    assert moving("reduce") == 0
