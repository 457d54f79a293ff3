"""The spectrogram lane: what is drawn is what sounds, asked for as it is seen; no music is read for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile

from tests.page.desk import Desk
from tests.page.music import RATE
from tests.page.server import Server

_SONG_S = 60.0
_FAR = """
([share, hz]) => {
  const canvas = document.querySelector(".lane.spectrogram");
  if (!canvas?.clientWidth) return 0;
  const { width, height } = canvas;
  const y = height - (Math.log(hz / 30) / Math.log(20000 / 30)) * height;
  const point = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  point.drawImage(canvas, Math.round(share * (width - 1)), Math.round(y), 1, 1, 0, 0, 1, 1);
  const shown = point.getImageData(0, 0, 1, 1).data;
  if (!shown[3]) return 0;
  const lane = getComputedStyle(document.documentElement).getPropertyValue("--lane").trim();
  const ground = [1, 3, 5].map((at) => parseInt(lane.slice(at, at + 2), 16));
  return Math.hypot(...ground.map((value, part) => value - shown[part]));
}
"""
"""How far the colour at a place of the lane is from its ground, which is that of silence."""


@pytest.fixture(scope="module")
def toned(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job that mastered a minute, of 1 kHz and then of 5 kHz, to a reference: ten seconds of 300 Hz."""
    folder = tmp_path_factory.mktemp("toned")
    time = np.arange(round(_SONG_S * RATE)) / RATE
    tone = 0.2 * np.sin(2 * np.pi * np.where(time < _SONG_S / 2, 1_000.0, 5_000.0) * time)
    other = 0.2 * np.sin(2 * np.pi * 300.0 * time[: 10 * RATE])
    for name, samples in (("song.wav", tone), ("other.wav", other)):
        soundfile.write(folder / name, np.stack([samples, samples], axis=1), RATE, subtype="PCM_16")
    song, reference = (server.upload(folder / name) for name in ("song.wav", "other.wav"))
    return server.run({"kind": "master", "song": song, "references": [reference], "target": "spotify"})


def asked(page: Any) -> list[str]:
    """What a page asks for of spectrograms, from now on: path and query."""
    found: list[str] = []

    def ask(request: Any) -> None:
        if "/spectrogram?" in request.url:
            found.append("{0.path}?{0.query}".format(urlsplit(request.url)))

    page.on("request", ask)
    return found


def wait_for(page: Any, share: float, hz: float, *, drawn: bool = True) -> None:
    """Until something is drawn at a place, or nothing is any more."""
    page.wait_for_function(f"(place) => (({_FAR})(place) > 60) === {str(drawn).lower()}", arg=[share, hz])


def far(page: Any, share: float, hz: float) -> float:
    return float(page.evaluate(_FAR, [share, hz]))


def test_tones_are_drawn_where_they_are_and_no_music_is_read_for_them(
    open_desk: Callable[..., Desk], server: Server, toned: str
) -> None:
    desk = open_desk()
    page = desk.page
    page.wait_for_selector("h1")
    pieces: list[int] = []
    page.on("response", lambda one: one.url.endswith("/listen") and pieces.append(one.status))
    pictures = asked(page)
    page.goto(f"{server.url}/#/job/{toned}")
    desk.wait_for_desk()
    page.keyboard.press("1")
    wait_for(page, 0.25, 1_000.0)
    wait_for(page, 0.75, 5_000.0)
    assert far(page, 0.25, 5_000.0) < 30
    assert far(page, 0.75, 1_000.0) < 30
    assert far(page, 0.25, 15_000.0) < 5
    song = server.ask(f"/jobs/{toned}")["songs"][0]
    assert pictures[-1] == f"/api/v1/songs/{song}/spectrogram?columns=2048"
    assert re.fullmatch(rf"/api/v1/jobs/{toned}/results/.+/spectrogram\?columns=2048", pictures[0])
    assert len(pictures) == 2
    assert set(pieces) <= {206}, "by pieces of seconds"


def test_another_source_brings_its_own_picture_once(open_desk: Callable[..., Desk], toned: str) -> None:
    desk = open_desk(f"#/job/{toned}", dark=True)
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("1")
    wait_for(page, 0.25, 1_000.0)
    page.keyboard.press("3")
    wait_for(page, 0.25, 1_000.0, drawn=False)
    wait_for(page, 0.1, 300.0)
    wait_for(page, 0.9, 300.0)  # the reference is heard again from its start, and is seen so
    pictures = asked(page)
    page.keyboard.press("1")
    wait_for(page, 0.25, 1_000.0)
    page.keyboard.press("3")
    wait_for(page, 0.25, 1_000.0, drawn=False)
    assert pictures == []


def test_from_nearer_it_is_finer_until_there_is_nothing_finer(
    open_desk: Callable[..., Desk], toned: str
) -> None:
    desk = open_desk(f"#/job/{toned}")
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("1")
    wait_for(page, 0.75, 5_000.0)
    pictures = asked(page)
    with page.expect_response(re.compile(r"/spectrogram\?columns=8192")):
        for _ in range(2):
            page.keyboard.press("+")
    wait_for(page, 0.25, 1_000.0)
    wait_for(page, 0.75, 5_000.0, drawn=False)  # it begins at the playhead, which is at the start
    for _ in range(5):
        page.keyboard.press("+")
    page.wait_for_timeout(200)
    assert len(pictures) == 1
    page.keyboard.press("0")
    wait_for(page, 0.75, 5_000.0)
    assert len(pictures) == 1


def test_it_is_hidden_and_what_failed_is_asked_for_again(open_desk: Callable[..., Desk], toned: str) -> None:
    desk = open_desk()
    desk.expect("status of 503")
    page = desk.page
    page.wait_for_selector("h1")
    busy = '{"code": "desk_busy", "detail": "too much is being measured", "hint": "Try again."}'
    page.route("**/spectrogram?*", lambda route: route.fulfill(status=503, body=busy))
    with page.expect_response(re.compile("/spectrogram")):
        page.goto(f"{desk.server.url}/#/job/{toned}")
    desk.wait_for_desk()
    page.unroute("**/spectrogram?*")
    pictures = asked(page)
    page.get_by_role("button", name="Spectrogram – hide").click()
    assert not page.locator(".lane.spectrogram").is_visible()
    assert pictures == []
    page.get_by_role("button", name="Spectrogram – show").click()
    wait_for(page, 0.25, 1_000.0)
    assert len(pictures) == 1
    page.get_by_role("button", name="Spectrogram – hide").click()
    page.reload()
    desk.wait_for_desk()
    assert page.get_by_role("button", name="Spectrogram – show").is_visible(), "it is remembered"


def test_a_link_shows_it(open_desk: Callable[..., Desk], server: Server, toned: str) -> None:
    link = server.ask("/shares", {"job": toned})
    desk = open_desk(link["url"].lstrip("/"), width=390)
    page = desk.page
    wait_for(page, 0.25, 1_000.0)
    wait_for(page, 0.75, 5_000.0)
