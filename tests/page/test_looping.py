"""Loops and zoom: drawn, set by their edges, without a click at the seam; and what is seen from nearer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.page.desk import Desk, drag
from tests.page.ears import Samples, find, sound
from tests.page.music import RATE
from tests.page.server import Server

_SONG_S = 12.0
_TAKES = 3
"""A machine that is busy for a moment drops samples, which is not the loop's doing."""

_FADE_S = 0.01


def region(page: Any) -> tuple[float, float]:
    """Where the loop is drawn, seconds, as exactly as it is held."""
    left, right = page.evaluate(
        """() => {
          const { style } = document.querySelector(".touch > div").shadowRoot.querySelector("[part~=region]");
          return [parseFloat(style.left), parseFloat(style.right)];
        }"""
    )
    return left / 100 * _SONG_S, (1 - right / 100) * _SONG_S


def view(page: Any) -> tuple[float, float]:
    """The window of time that is seen, seconds."""
    from_share, to_share = page.evaluate(
        """() => {
          const scroll = document.querySelector(".touch > div").shadowRoot.querySelector(".scroll");
          const wide = scroll.firstElementChild.getBoundingClientRect().width;
          return [scroll.scrollLeft / wide, (scroll.scrollLeft + scroll.clientWidth) / wide];
        }"""
    )
    return from_share * _SONG_S, to_share * _SONG_S


def looped(music: Samples, first: int, last: int, fade: int) -> Samples:
    """Two rounds from `first` and a bit: what a loop with a fade before its seam sounds like."""
    around = np.array(music[:, first:last])
    down = 1.0 - np.arange(fade, dtype=np.float32) / fade
    around[:, -fade:] = around[:, -fade:] * down + music[:, first - fade : first] * (1.0 - down)
    return np.concatenate([around, around, around], axis=1)


def loop_error(
    heard: Samples, music: Samples, place: int, drawn: tuple[int, ...], fade: int
) -> tuple[float, tuple[int, int]]:
    """How far what is heard from a frame of the music on is from a loop; its edges, a frame off at most."""

    def error(edges: tuple[int, int]) -> float:
        expected = looped(music, *edges, fade)[:, place - edges[0] :]
        frames = min(heard.shape[1], expected.shape[1])
        assert frames > 1.4 * (edges[1] - edges[0]), "a seam is in it"
        return float(np.abs(heard[:, :frames] - expected[:, :frames]).max())

    near = [(drawn[0] + one, drawn[1] + other) for one in (-1, 0, 1) for other in (-1, 0, 1)]
    edges = min(near, key=error)
    return error(edges), edges


def test_the_seam_of_a_loop_is_a_fade_and_the_loop_keeps_its_length(
    open_desk: Callable[..., Desk], server: Server, tmp_path: Path
) -> None:
    time = np.arange(round(_SONG_S * RATE)) / RATE  # two low tones: nothing in them is as sudden as a cut
    tones = 0.3 * np.sin(2 * np.pi * 55.3 * time) + 0.2 * np.sin(2 * np.pi * 82.7 * time)
    soundfile.write(tmp_path / "tones.wav", np.stack([tones, tones], axis=1), RATE, subtype="PCM_24")
    song = server.upload(tmp_path / "tones.wav")
    desk = open_desk(f"#/job/{server.run({'kind': 'master', 'song': song})}", ears=True)
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("1")
    box = page.locator(".touch").bounding_box()
    at = [box["x"] + box["width"] * seconds / _SONG_S for seconds in (7.61, 8.63)]  # over a border of pieces
    drag(page, *at, box["y"] + 40)
    music = sound(server, f"/songs/{song}/listen")
    for _ in range(_TAKES):
        page.mouse.click(at[0] + 20, box["y"] + 40)
        desk.play()
        heard, _, rate = desk.listen(2.1)
        page.keyboard.press("Space")
        drawn = tuple(
            round(seconds * rate) for seconds in region(page)
        )  # to a frame, as styles have six figures
        start = int(np.argmax(np.abs(heard[0]) > 0)) + rate // 10
        place, gain = find(heard[:, start : start + rate // 2], music)
        assert drawn[0] < place < drawn[1]
        error, (first, last) = loop_error(heard[:, start:] / gain, music, place, drawn, round(_FADE_S * rate))
        if error < 1e-3:
            break
    assert error < 1e-3

    fade = round(_FADE_S * rate)
    seam = start + last - place
    jump = np.abs(np.diff(heard[:, seam - 2 * fade : seam + fade])).max()
    own = gain * max(np.abs(np.diff(music[:, end - 2 * fade : end + fade])).max() for end in (first, last))
    cut = gain * np.abs(music[:, first] - music[:, last - 1]).max()
    assert jump < 1.5 * own < 0.1 * cut, "a cut would click, and this does not"


def test_another_loop_while_it_plays_leaves_no_gap(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk(f"#/job/{mastered}", ears=True)
    desk.wait_for_desk()
    page = desk.page
    desk.play()
    heard, _, rate = desk.listen(1.2, meanwhile=lambda: page.keyboard.press("l"))
    level = np.sqrt(np.convolve(heard[0] ** 2, np.ones(rate // 100) / (rate // 100), "valid"))
    assert level.min() > 0.001


def test_the_edges_of_a_loop_are_dragged_and_the_loop_moved(
    open_desk: Callable[..., Desk], mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    page = desk.page
    box = page.locator(".touch").bounding_box()
    second = box["width"] / _SONG_S
    y = box["y"] + 200  # over any lane

    def x(at_s: float) -> float:
        return float(box["x"] + at_s * second)

    drag(page, x(3), x(6), y)
    np.testing.assert_allclose(region(page), (3, 6), atol=0.1)
    drag(page, x(6) - 3, x(8) - 3, y)
    np.testing.assert_allclose(region(page), (3, 8), atol=0.1)
    drag(page, x(3) + 3, x(4) + 3, y)
    np.testing.assert_allclose(region(page), (4, 8), atol=0.1)
    drag(page, x(6), x(7), y)
    np.testing.assert_allclose(region(page), (5, 9), atol=0.1)
    assert page.get_by_role("button", name="Loop 0:05–0:09").is_visible()
    page.mouse.click(x(2), y)
    page.wait_for_function("() => /^0:0[12]/.test(document.querySelector('.time').textContent)")
    page.keyboard.press("[")
    np.testing.assert_allclose(region(page), (2, 9), atol=0.1)
    drag(page, x(10), x(11), y)
    np.testing.assert_allclose(region(page), (10, 11), atol=0.1)
    page.keyboard.press("l")
    assert page.evaluate(
        "() => !document.querySelector('.touch > div').shadowRoot.querySelector('[part~=region]')"
    )


def test_zoom_keeps_the_playhead_and_what_is_pointed_at(
    open_desk: Callable[..., Desk], mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}", width=390)
    desk.wait_for_desk()
    page = desk.page
    assert page.get_by_role("button", name="Zoom out").is_disabled()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.get_by_role("button", name="Zoom in").click()
    from_s, to_s = view(page)
    assert abs(to_s - from_s - _SONG_S / 4) < 0.05
    assert from_s < 5.0 < to_s
    assert abs((5.0 - from_s) / (to_s - from_s) - 5.0 / _SONG_S) < 0.02, "it keeps its place on the screen"

    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('.time').textContent === '0:00.0'")
    assert view(page)[0] == 0.0, "it goes along"
    page.keyboard.press("ArrowRight")
    assert view(page)[0] < 5.0 < view(page)[1]

    box = page.locator(".touch").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    middle = sum(view(page)) / 2
    page.keyboard.down("Control")
    page.mouse.wheel(0, 120)
    page.keyboard.up("Control")
    page.wait_for_timeout(50)
    assert view(page)[1] - view(page)[0] > _SONG_S / 4 + 0.1
    assert abs(sum(view(page)) / 2 - middle) < 0.6
    from_s, to_s = view(page)
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 30)
    page.wait_for_function(
        """(wanted) => {
          const here = parseFloat(document.querySelector(".time").textContent.slice(2));
          return Math.abs(here - wanted) < 0.15;
        }""",
        arg=from_s + 0.75 * (to_s - from_s),
    )
    page.get_by_role("button", name="Whole song").click()
    assert view(page) == (0.0, _SONG_S)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_fingers_zoom_and_loop_and_less_motion_still_moves(
    open_desk: Callable[..., Desk], mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}", width=390, has_touch=True, reduced_motion="reduce")
    desk.wait_for_desk()
    page = desk.page
    box = page.locator(".touch").bounding_box()
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: float) -> None:
        points = [
            {"x": box["x"] + box["width"] * place, "y": box["y"] + 60, "id": number}
            for number, place in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 0.2)
    page.wait_for_timeout(150)  # a finger that stays draws, one that goes at once scrolls
    for place in (0.3, 0.4, 0.5):
        fingers("touchMove", place)
    fingers("touchEnd")
    np.testing.assert_allclose(region(page), (0.2 * _SONG_S, 0.5 * _SONG_S), atol=0.6)

    loop = region(page)
    fingers("touchStart", 0.45, 0.55)
    page.wait_for_timeout(150)  # one of them on the loop, which stays where it is
    for apart in (0.1, 0.15, 0.2):
        fingers("touchMove", 0.5 - apart, 0.5 + apart)
    fingers("touchEnd")
    page.wait_for_timeout(50)
    np.testing.assert_allclose(region(page), loop, atol=0.01)
    from_s, to_s = view(page)
    assert 2.0 < to_s - from_s < 5.0
    assert abs((from_s + to_s) / 2 - _SONG_S / 2) < 0.6, "about the point between the fingers"

    place = "() => document.querySelector('.touch > div').shadowRoot.querySelector('.cursor').style.left"
    before = page.evaluate(place)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(f"(before) => ({place})() !== before", arg=before)
