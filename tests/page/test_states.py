"""What people read when something is not as it should be, and what goes on without them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.desk import Desk
from tests.page.music import write_song
from tests.page.server import Server


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that wants a key and takes files up to 1 MB; and a key."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "serve.toml").write_text("max_upload_mb = 1\n", "utf-8")
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "mastering.cli",
            "serve",
            "keys",
            "add",
            "anna",
            "--data",
            str(folder / "data"),
            "--json",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    with Server(folder, "--config", str(folder / "serve.toml")) as running:
        yield running, json.loads(made.stdout)["key"]


def test_files_that_are_no_music_are_refused_in_words(
    open_desk: Callable[..., Desk], music: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.wav").write_text("this is no sound " * 40, "utf-8")
    (tmp_path / "nothing.wav").write_bytes(b"")
    desk = open_desk()
    desk.expect("status of 4")
    desk.page.wait_for_selector("h1")
    desk.drop(tmp_path / "notes.wav", tmp_path / "nothing.wav", music / "short.wav")
    desk.page.wait_for_selector(".row-facts")
    desk.page.wait_for_function("() => document.querySelectorAll('.row.bad').length === 2")
    told = " ".join(desk.page.locator(".row.bad").all_inner_texts())
    assert "notes.wav" in told
    assert "“nothing.wav” is empty." in told
    assert desk.page.get_by_role("button", name="Master 1 song").is_enabled()


def test_a_key_is_asked_for_and_sizes_are_told(
    open_desk: Callable[..., Desk], locked: tuple[Server, str], music: Path
) -> None:
    server, key = locked
    desk = open_desk(at=server)
    desk.expect("status of 401")
    page = desk.page
    page.get_by_role("textbox", name="Key").fill("not a key")
    page.get_by_role("button", name="Open the desk").click()
    page.wait_for_function("() => document.querySelector('#key-told').textContent.length > 10")
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("button", name="Open the desk").click()
    page.get_by_role("heading", name="Drop a mix.").wait_for()
    desk.drop(music / "song.wav")
    page.wait_for_selector(".row.bad")
    assert "this service takes up to 1.0\u00a0MB" in page.locator(".row.bad").inner_text()
    page.context.clear_cookies()
    page.reload()
    page.get_by_role("heading", name="Your key, please").wait_for()


def test_a_job_goes_on_through_a_killed_server_and_the_page_with_it(
    open_desk: Callable[..., Desk], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    write_song(folder / "long.wav", seconds=12.0, seed=5, level=0.1)
    with Server(folder) as server:
        desk = open_desk(at=server)
        desk.expect("net::ERR")
        page = desk.page
        page.wait_for_selector("h1")
        desk.drop(folder / "long.wav")
        page.wait_for_selector(".row-facts")
        page.get_by_role("button", name="Master 1 song").click()
        page.wait_for_selector(".waiting progress")
        server.stop(signal.SIGKILL)
        page.wait_for_selector(".banner:not([hidden])")
        assert "goes on by itself" in page.locator(".banner").inner_text()
        server.start()
        page.wait_for_selector(".desk .listen")
        assert page.locator(".banner").is_hidden()
        assert len(server.ask("/jobs")["items"]) == 1
        page.goto("about:blank")  # so that the server need not wait for its listeners


def test_a_desk_opens_though_the_server_was_away_when_its_job_was_done(
    open_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    write_song(tmp_path / "Away.wav", seconds=8.0, seed=8, level=0.1)
    desk = open_desk()
    desk.expect("net::ERR")
    page = desk.page
    page.wait_for_selector("h1")
    desk.drop(tmp_path / "Away.wav")
    page.wait_for_selector(".row-facts")
    broken: list[str] = []

    def answer(route: Any) -> None:
        if len(broken) < 2:
            broken.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile("/api/v1/songs/[0-9a-f]+$"), answer)
    page.get_by_role("button", name="Master 1 song").click()
    page.wait_for_selector(".desk .listen")
    assert len(broken) == 2


def test_an_upload_is_taken_up_where_it_broke_off(
    open_desk: Callable[..., Desk], server: Server, tmp_path: Path
) -> None:
    write_song(tmp_path / "two pieces.wav", seconds=32.0, seed=6, level=0.1)  # 8.5 MB
    desk = open_desk()
    desk.expect("net::ERR", "Reconnecting")
    page = desk.page
    page.wait_for_selector("h1")
    sent: list[int] = []

    def break_once(route: object) -> None:
        sent.append(int(route.request.headers["upload-offset"]))  # type: ignore[attr-defined]
        if len(sent) == 2:
            route.abort("connectionreset")  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route(
        "**/uploads/*",
        lambda route: break_once(route) if route.request.method == "PATCH" else route.continue_(),
    )
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose files").click()
    choosing.value.set_files(tmp_path / "two pieces.wav")
    page.wait_for_selector(".row-facts")
    assert sent == [0, 8 * 1024 * 1024, 8 * 1024 * 1024]


def test_a_job_that_is_gone_and_one_that_failed(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk("#/job/0123456789abcdef01234567")
    desk.expect("status of 404")
    desk.page.wait_for_selector(".empty h1")
    assert desk.page.get_by_role("link", name="All music").is_visible()
    desk.page.route(
        f"**/jobs/{mastered}",
        lambda route: route.fulfill(
            json={
                **route.fetch().json(),
                "state": "failed",
                "error": {"code": "disk_full", "message": "The disk is full.", "hint": "Make room."},
            }
        ),
    )
    desk.page.goto(f"{desk.server.url}/#/job/{mastered}")
    desk.page.get_by_text("The disk is full.").wait_for()
    assert desk.page.get_by_role("button", name="Try again").is_visible()
