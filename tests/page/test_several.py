"""Several songs: an album with one decision, or each on its own, with what failed named and tried again."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.page.desk import Desk
from tests.page.music import RATE, write_song
from tests.page.server import Server


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two songs, and one that is silent and so cannot be mastered."""
    folder = tmp_path_factory.mktemp("several")
    write_song(folder / "First.wav", seconds=4.0, seed=11, level=0.1)
    write_song(folder / "Second.wav", seconds=4.0, seed=12, level=0.05)
    soundfile.write(folder / "Silent.wav", np.zeros((3 * RATE, 2)), RATE)
    return folder


def test_each_on_its_own_is_one_entry_that_names_what_failed(
    open_desk: Callable[..., Desk], server: Server, songs: Path
) -> None:
    desk = open_desk()
    page = desk.page
    page.wait_for_selector("h1")
    desk.drop(*(songs / f"{name}.wav" for name in ("First", "Second", "Silent")))
    page.wait_for_function("() => document.querySelectorAll('.row-facts').length === 3")
    page.get_by_role("radio", name="Each on its own").check()
    page.reload()  # what was chosen is remembered
    assert page.get_by_role("radio", name="Each on its own").is_checked()
    page.get_by_role("button", name="Master 3 songs, each on its own").click()
    page.get_by_text("2 of 3 done, 1 failed", exact=True).wait_for()
    batch = page.evaluate("location.hash.split('/')[2]")
    assert server.ask(f"/jobs/{batch}")["kind"] == "batch"
    failed = page.locator("[data-state=failed]")
    assert "silen" in failed.inner_text()
    with page.expect_response("**/retry") as tried:
        page.get_by_role("button", name="Try again: Silent").click()
    assert tried.value.ok

    page.get_by_role("link", name="First", exact=True).click()
    desk.wait_for_desk()
    assert page.evaluate("document.activeElement.textContent") == "First", "the focus is on what it is"
    page.get_by_role("link", name="2 Second").click()
    page.get_by_role("heading", name="Second").wait_for()
    desk.wait_for_desk()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download master", exact=True).click()
    job = next(part["id"] for part in server.ask(f"/jobs/{batch}")["parts"] if part["label"] == "Second.wav")
    with server.open(f"/jobs/{job}/results/master.wav") as answer:
        assert Path(got.value.path()).read_bytes() == answer.read()
    with page.expect_download() as got:
        page.get_by_role("link", name="Only the masters").click()
    assert got.value.suggested_filename == "First and 2 more.zip"
    with (
        zipfile.ZipFile(got.value.path()) as archive,
        server.open(f"/jobs/{job}/results/master.wav") as answer,
    ):
        assert archive.namelist() == ["First.master.wav", "Second.master.wav"]
        assert archive.read("Second.master.wav") == answer.read()
    page.get_by_role("link", name="3 Silent failed").click()
    page.locator(".waiting .told").wait_for()
    assert page.get_by_role("button", name="Try again").is_visible()

    page.get_by_role("link", name="All music").click()
    page.get_by_role("heading", name="Work").wait_for()
    (row,) = page.locator(".job", has_text="First and 2 more").all()
    assert "2 of 3 done, 1 failed" in row.inner_text()
    assert row.get_by_role("link", name="Open").is_visible()
    listed = page.locator(".work > .row .row-name").all_inner_texts()
    assert not {"First", "Second", "Silent"} & {name.split("\n")[0] for name in listed}, "it is one entry"
    row.get_by_role("button", name="Delete").click()
    row.wait_for(state="detached")
    assert page.evaluate("document.activeElement.id") == "queue-title"


def test_an_album_is_one_decision_with_a_desk_for_its_songs(
    open_desk: Callable[..., Desk], server: Server, songs: Path
) -> None:
    desk = open_desk()
    page = desk.page
    page.wait_for_selector("h1")
    desk.drop(songs / "First.wav", songs / "Second.wav")
    page.wait_for_function("() => document.querySelectorAll('.row-facts').length === 2")
    assert page.get_by_role("radio", name="One album").is_checked()
    page.get_by_role("button", name="Master the album of 2").click()
    desk.wait_for_desk()
    job = server.ask(f"/jobs/{page.evaluate('location.hash').split('/')[2]}")
    assert job["kind"] == "album"
    before, after = (
        [song[when]["integrated_lufs"] for song in job["summary"]["songs"]] for when in ("before", "after")
    )
    assert abs((before[0] - before[1]) - (after[0] - after[1])) < 1.0, "the quiet song stays the quiet one"
    page.get_by_role("link", name="2 Second").click()
    page.get_by_role("heading", name="Second").wait_for()
    desk.wait_for_desk()
    page.get_by_role("button", name="Make a link").click()
    guest = open_desk(page.get_by_label("Link to share").input_value().split("/", 3)[3])
    guest.page.get_by_role("link", name="2 Second").click()
    guest.page.get_by_role("heading", name="Second").wait_for()
    with guest.page.expect_download() as got:
        guest.page.get_by_role("link", name="Everything as one file").click()
    names = zipfile.ZipFile(got.value.path()).namelist()
    assert sum(name.endswith(".wav") for name in names) == 2
