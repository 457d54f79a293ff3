"""Everybody can use it, also where things are rare: keys, links, mixers, plug-ins, failures, no answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.page.desk import Desk
from tests.page.music import RATE, write_song
from tests.page.server import Server
from tests.page.test_access import violations

_KNOWN = {
    "vendor": "Test",
    "version": "1.0",
    "format": "vst3",
    "category": "Fx|Dynamics",
    "instrument": False,
}
_LISTED: dict[str, Any] = {
    "items": [
        {"name": name, **_KNOWN, "sha256": "0", "allowed": name != "Verb"}
        for name in ("Squash", "Tube", "Verb")
    ],
    "allowed": True,
}
_PLAIN = {"unit": "", "low": None, "high": None, "choices": [], "boolean": False, "steps": 0, "default": ""}
_SQUASH = {
    **_LISTED["items"][0],
    "latency_frames": 0,
    "parameters": [
        {
            **_PLAIN,
            "key": "threshold",
            "name": "Threshold",
            "unit": "dB",
            "low": -40.0,
            "high": 0.0,
            "value": -3.0,
        },
        {
            **_PLAIN,
            "key": "corner",
            "name": "Corner",
            "unit": "Hz",
            "low": 20.0,
            "high": 20_000.0,
            "value": 400.0,
        },
        {**_PLAIN, "key": "model", "name": "Model", "choices": ["Warm", "Clear"], "value": "Warm"},
        {
            **_PLAIN,
            "key": "soft",
            "name": "Soft knee",
            "boolean": True,
            "choices": ["Off", "On"],
            "value": True,
        },
    ],
}

_REFUSED = {"code": "key_needed", "detail": "this key is not known", "hint": "Ask whoever runs the service."}


@pytest.fixture(scope="module")
def rare(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ids: a master whose song was separated, a link to it, a batch with a song that failed."""
    folder = tmp_path_factory.mktemp("rare")
    write_song(folder / "Harbour lights.wav", seconds=2.0, seed=21, level=0.1)
    soundfile.write(
        folder / "A very long name of a song that has nothing in it.wav", np.zeros((RATE, 2)), RATE
    )
    good, silent = (server.upload(path) for path in sorted(folder.iterdir(), reverse=True))
    batch = server.ask("/jobs", {"kind": "batch", "songs": [good, silent], "style": "warm"})
    job = server.run({"kind": "master", "song": good, "references": [good]})
    server.run({"kind": "stems", "song": good})
    while server.ask(f"/jobs/{batch['id']}")["state"] in ("queued", "running"):
        time.sleep(0.1)
    return {"job": job, "link": server.ask("/shares", {"job": job})["url"], "batch": batch["id"]}


@pytest.mark.parametrize("width", [390, 1440])
def test_no_serious_violation_in_rare_states(
    open_desk: Callable[..., Desk], server: Server, rare: dict[str, str], width: int
) -> None:
    desk = open_desk(width=width)
    desk.expect("status of 4", "net::ERR")
    page = desk.page
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(desk)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[state].append("wider than the screen")

    page.locator(".row-parts[open]").first.wait_for()
    look("a queue with what failed")
    page.goto(f"{server.url}/#/job/{rare['batch']}")
    page.locator(".waiting .parts [data-state=failed]").wait_for()
    look("a batch with a song that failed")
    page.locator(".parts a").click()
    desk.wait_for_desk()
    page.locator(".tab", has_text="failed").click()
    page.locator(".waiting .told").wait_for()
    look("a song of a batch that failed")

    page.route("**/api/v1/plugins", lambda route: route.fulfill(json=_LISTED))
    page.route("**/api/v1/plugins/Squash", lambda route: route.fulfill(json=_SQUASH))
    page.route("**/api/v1/previews", lambda route: route.abort())
    with page.expect_response("**/spectrogram?*"):  # an answer later on would say that the server is there
        page.goto(f"{server.url}/#/job/{rare['job']}")
    page.locator(".strip").first.wait_for()
    page.locator("summary", has_text="The whole chain").click()
    page.get_by_text("Which plug-ins may be used").click()
    page.get_by_role("button", name="Insert", exact=True).click()
    page.get_by_label("Corner in Hz").fill("2000")
    page.get_by_role("button", name="Solo Bass").click()
    page.locator(".banner:not([hidden])").wait_for()
    look("a mixer, plug-ins, and a server that does not answer")

    page.goto(f"{server.url}{rare['link']}")
    page.get_by_text("Shared with you").wait_for()
    page.locator(".listen .switcher").wait_for()
    look("a shared link")
    page.route("**/api/v1/shared/**", lambda route: route.fulfill(status=404, json={"detail": "gone"}))
    page.reload()
    page.get_by_role("heading", name="This link has ended.").wait_for()
    look("a link that has ended")

    page.route("**/api/v1/about", lambda route: route.fulfill(status=401, json=_REFUSED))
    page.route("**/api/v1/session", lambda route: route.fulfill(status=401, json=_REFUSED))
    page.goto(f"{server.url}/")
    page.get_by_label("Key", exact=True).fill("wrong")
    page.get_by_role("button", name="Open the desk").click()
    page.get_by_text("this key is not known").wait_for()
    look("a key that is not known")
    assert {state: faults for state, faults in found.items() if faults} == {}


def test_off_and_on_again(open_desk: Callable[..., Desk], mastered: str, music: Path) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.expect("net::ERR", "WebSocket", "Reconnecting")
    desk.wait_for_desk()
    page = desk.page
    page.context.set_offline(True)
    page.locator(".banner", has_text="goes on by itself").wait_for()
    page.context.set_offline(False)
    page.locator(".banner").wait_for(state="hidden")
    assert page.locator("#connection").inner_text() == ""
