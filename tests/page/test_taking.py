"""Stems, other formats, links: what is taken away is what was made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.page.desk import Desk
from tests.page.ears import find, sound
from tests.page.server import Server


def test_the_download_is_the_command_lines_file(
    open_desk: Callable[..., Desk], mastered: str, music: Path, tmp_path: Path
) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    with desk.page.expect_download() as got:
        desk.page.get_by_role("link", name="Download master", exact=True).click()
    assert got.value.suggested_filename.startswith("song")
    command = ["master", "song.wav", "-r", "loud.wav", "--target", "spotify", "-o", str(tmp_path / "own.wav")]
    subprocess.run(
        [sys.executable, "-m", "mastering.cli", *command], cwd=music, check=True, capture_output=True
    )
    assert Path(got.value.path()).read_bytes() == (tmp_path / "own.wav").read_bytes()


def test_another_format_has_the_same_samples(
    open_desk: Callable[..., Desk], server: Server, mastered: str, tmp_path: Path
) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    page = desk.page
    page.get_by_label("Format").select_option("flac")
    with page.expect_download() as got:
        page.get_by_role("button", name="Make it").click()
    got.value.save_as(tmp_path / "got.flac")
    samples, _ = soundfile.read(tmp_path / "got.flac", dtype="float32", always_2d=True)
    job = server.ask(f"/jobs/{mastered}")
    name = next(one["name"] for one in job["results"] if one["role"] == "master")
    assert np.array_equal(samples.T, sound(server, f"/jobs/{mastered}/results/{name}"))


def test_a_link_shows_the_master_until_it_is_ended(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    desk.page.get_by_role("button", name="Make a link").click()
    address = desk.page.get_by_label("Link to share").input_value()
    guest = open_desk(address.split("/", 3)[3])
    guest.page.wait_for_selector(".listen .switcher")
    assert guest.page.get_by_text("Shared with you").is_visible()
    assert guest.page.get_by_role("button", name="Render").count() == 0
    assert guest.page.get_by_role("button", name="Make a link").count() == 0
    guest.page.keyboard.press("Space")
    guest.page.wait_for_function("() => document.querySelector('.time').textContent > '0:00.5'")
    desk.page.get_by_role("button", name="End the link").click()
    desk.page.get_by_text("The link has ended.").wait_for()
    guest.expect("404")
    guest.page.reload()
    guest.page.get_by_role("heading", name="This link has ended.").wait_for()


def test_stems_are_separated_balanced_by_ear_and_remixed(
    open_desk: Callable[..., Desk], server: Server, music: Path, tmp_path: Path
) -> None:
    song = server.upload(music / "short.wav")
    desk = open_desk(f"#/job/{server.run({'kind': 'master', 'song': song})}", ears=True)
    desk.wait_for_desk()
    page = desk.page
    page.get_by_role("button", name="Separate").click()
    page.wait_for_selector(".strip")
    assert page.locator(".strip h3").all_inner_texts() == ["Drums", "Bass", "Vocals", "Other"]
    page.get_by_role("button", name="Solo Bass").click()
    page.get_by_role("button", name="Play the stems").click()
    heard, _, rate = desk.listen(1.2)
    stems = next(job for job in server.ask("/jobs")["items"] if job["kind"] == "stems")
    bass = next(one["name"] for one in server.ask(f"/jobs/{stems['id']}")["results"] if one["stem"] == "bass")
    assert find(heard[:, -rate // 2 :], sound(server, f"/jobs/{stems['id']}/results/{bass}"))[
        1
    ] == pytest.approx(1.0, abs=1e-3)

    page.get_by_role("button", name="Solo Bass").click()
    page.get_by_label("Gain of Bass").fill("-12")
    page.get_by_label("Pan of Drums").fill("-60")
    page.get_by_role("button", name="Mute Vocals").click()
    page.wait_for_function("() => document.querySelector('.small-play').dataset.state === 'paused'")
    page.get_by_role("button", name="Play the stems").click()
    heard, _, rate = desk.listen(1.2)
    page.get_by_role("button", name="Render this remix").click()
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the remix").click()
    got.value.save_as(tmp_path / "remix.wav")
    remix, _ = soundfile.read(tmp_path / "remix.wav", dtype="float32", always_2d=True)
    find(heard[:, -rate // 2 :], remix.T)  # what was heard is what was rendered
