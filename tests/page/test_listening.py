"""Drop, watch, listen: what sounds is one clock, gapless, and matched in loudness."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyloudnorm

from tests.page.desk import Desk, drag
from tests.page.ears import continuous, find, sound
from tests.page.server import Server


def test_a_dropped_song_becomes_a_desk_that_plays(open_desk: Callable[..., Desk], music: Path) -> None:
    desk = open_desk(ears=True)
    page = desk.page
    page.wait_for_selector("h1")
    desk.drop(music / "short.wav")
    page.wait_for_selector(".row-facts")
    assert page.locator(".row-facts").inner_text().startswith("0:03")
    desk.drop(music / "loud.wav", on="[data-drop=references]")
    page.wait_for_selector(".tile .row-facts")
    page.get_by_role("button", name="Master 1 song").click()
    page.wait_for_selector("progress, .desk")  # told by events, not by a reload
    desk.wait_for_desk()
    assert page.locator(".switcher button").count() == 3
    desk.play()
    heard, frames, _ = desk.listen(1.0)
    assert np.abs(heard).max() > 0.05
    assert continuous(frames)
    page.wait_for_function("() => document.querySelector('.touch').getAttribute('aria-valuenow') > 0")


def test_switching_keeps_the_place_the_loudness_and_the_flow(
    open_desk: Callable[..., Desk], server: Server, mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}", ears=True)
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("2")
    desk.play()
    heard, frames, rate = desk.listen(3.6, meanwhile=lambda: page.keyboard.press("1"))
    assert continuous(frames), "the clock is continuous"

    job = server.ask(f"/jobs/{mastered}")
    original = sound(server, f"/songs/{job['songs'][0]}/listen")
    name = next(one["name"] for one in job["results"] if one["role"] == "master")
    master = sound(server, f"/jobs/{mastered}/results/{name}/listen")
    second = round(1.2 * rate)
    start = np.argmax(np.abs(heard[0]) > 0) + round(0.3 * rate)
    before, after = heard[:, start : start + second], heard[:, -second:]
    place_before, gain_before = find(before, master)
    place_after, gain_after = find(after, original)
    assert place_after - place_before == heard.shape[1] - second - start, "not a sample lost or doubled"

    meter = pyloudnorm.Meter(rate)
    matched = [
        meter.integrated_loudness(whole.T) + 20 * np.log10(gain)
        for whole, gain in ((master, gain_before), (original, gain_after))
    ]
    assert abs(matched[0] - matched[1]) < 0.2
    quiet = np.sqrt(np.convolve(heard[0] ** 2, np.ones(441) / 441, "valid"))[start:]
    assert quiet.min() > 0.001, "no gap"


def test_a_loop_repeats_and_keys_move(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    page = desk.page
    position = page.get_by_role("slider", name="Position in the song")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.time').textContent === '0:05.0'")
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function("() => document.querySelector('.time').textContent === '0:04.0'")
    box = page.locator(".touch").bounding_box()
    x, y, second = box["x"], box["y"] + 40, box["width"] / 12
    drag(page, x + 6.2 * second, x + 7.4 * second, y)
    assert page.get_by_role("button", name="Loop 0:06–0:07").get_attribute("aria-pressed") == "true"
    page.mouse.click(x + 7.1 * second, y)
    page.wait_for_function("() => document.querySelector('.touch').getAttribute('aria-valuenow') === '7'")
    desk.play()
    page.wait_for_function("() => document.querySelector('.touch').getAttribute('aria-valuenow') === '6'")
    page.keyboard.press("l")
    page.wait_for_function("() => document.querySelector('.touch').getAttribute('aria-valuenow') > 7")
    assert "seconds of 12 seconds" in (position.get_attribute("aria-valuetext") or "")
