"""Adjusting a master whose stems were changed: it is heard as well, if only once the song is taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mastering.codec import to_plain
from mastering.stemwise.provenance import separated_by
from stems.separate import Separator
from tests.page.desk import Desk
from tests.page.ears import find, sound
from tests.page.music import LONG_S
from tests.page.server import Server
from tests.page.test_adjusting import wait_for


@pytest.fixture
def quieter_drums(server: Server, mastered_long: str) -> str:
    """The id of a job that rendered a recipe with a chain for the drums."""
    recipe = server.ask(f"/jobs/{mastered_long}/recipe")
    stems = {
        "separator": to_plain(separated_by(Separator("draft").info)),
        "chains": [{"stem": "drums", "gain_db": -9.0}],
    }
    song = server.ask(f"/jobs/{mastered_long}")["songs"][0]
    return server.run({"kind": "apply", "song": song, "recipe": {**recipe, "schema": 2, "stems": stems}})


def test_it_is_heard_once_the_song_is_taken_apart(
    open_desk: Callable[..., Desk], server: Server, quieter_drums: str
) -> None:
    desk = open_desk(f"#/job/{quieter_drums}", ears=True)
    desk.expect("503")
    desk.wait_for_desk()
    page = desk.page
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route)
        if len(asked) > 2:
            route.continue_()
            return
        problem = {"code": "stems_in_the_making", "status": 503, "detail": "the song is being taken apart"}
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))

    page.route("**/api/v1/previews", answer)
    page.keyboard.press("2")
    page.keyboard.press("Space")
    desk.listen(0.5)
    page.get_by_label("Air in dB").fill("6")
    page.get_by_label("Air in dB").press("Enter")
    wait_for(page, "You hear it adjusted")
    assert len(asked) > 2
    heard, _, _ = desk.listen(1.0)
    tone = [{"frequency_hz": 9000, "q": 0.707, "shape": "high_shelf", "gain_db": 6}]
    wish = {"job": quieter_drums, "adjust": {"tone": tone}, "start_s": 0, "duration_s": LONG_S}
    find(heard[:, -heard.shape[1] // 2 :], sound(server, "/previews", wish))
