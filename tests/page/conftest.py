"""One server and one browser for all; each test has a page of its own that must stay free of errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.desk import EARS, PATIENCE_MS, WATCH, Desk
from tests.page.music import LONG_S, write_song
from tests.page.server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; its event loop must not run on in other packages' tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install the package chromium")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`tonmeister serve` on a free port of loopback."""
    with Server(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with song.wav (12 s), long.wav (30 s), loud.wav (a reference) and short.wav (3 s)."""
    folder = tmp_path_factory.mktemp("music")
    write_song(folder / "long.wav", seconds=LONG_S, seed=4, level=0.12)
    write_song(folder / "song.wav", seconds=12.0, seed=1, level=0.12)
    write_song(folder / "loud.wav", seconds=10.0, seed=2, level=0.4)
    write_song(folder / "short.wav", seconds=3.0, seed=3, level=0.2)
    return folder


@pytest.fixture(scope="session")
def mastered(server: Server, music: Path) -> str:
    """The id of a job that mastered song.wav to loud.wav."""
    song, reference = server.upload(music / "song.wav"), server.upload(music / "loud.wav")
    return server.run({"kind": "master", "song": song, "references": [reference], "target": "spotify"})


@pytest.fixture(scope="session")
def mastered_long(server: Server, music: Path) -> str:
    """The id of a job that mastered long.wav."""
    return server.run({"kind": "master", "song": server.upload(music / "long.wav")})


@pytest.fixture
def open_desk(browser: Any, server: Server) -> Iterator[Callable[..., Desk]]:
    """Opens the page: `open_desk("#/", width=390, ears=True)`. At the end no page may have complained."""
    opened: list[Desk] = []

    def open_one(
        address: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        ears: bool = False,
        at: Server = server,
        **more: Any,
    ) -> Desk:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            bypass_csp=ears,
            **more,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH)
        if ears:
            context.add_init_script(EARS)
        desk = Desk(context.new_page(), at)
        opened.append(desk)
        desk.page.goto(f"{at.url}/{address}")
        return desk

    yield open_one
    complaints = [complaint for desk in opened for complaint in desk.complaints()]
    for desk in opened:
        desk.page.context.close()
    assert complaints == []
