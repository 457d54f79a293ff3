"""The files of the page: all in an installed package, small, no inline code, third parties listed."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from mastering.service.page import DIGEST, find_asset, index_html
from mastering.service.page.files import ASSETS
from mastering.service.routes import page as route

_PAGE = Path(str(files("mastering.service.page")))


def test_the_index_names_files_that_are_there() -> None:
    names = re.findall(rb'"/assets/' + DIGEST.encode() + rb'/([^"]+)"', index_html().content)
    assert len(names) >= 6
    assert [name for name in names if find_asset(name.decode()) is None] == []


def test_every_module_is_there_and_reachable() -> None:
    seen: set[str] = set()
    waiting = ["js/main.js"]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        code = ASSETS[name].content.decode()
        waiting += [f"js/{one}" for one in re.findall(r'(?:from |import\()"\./([^"]+)"', code)]
        waiting += re.findall(r'from "\.\./(vendor/[^"]+)"', code)
    assert seen == {name for name in ASSETS if name.endswith(".js")}


def test_the_first_view_asks_for_its_own_modules_only_and_a_link_for_those_of_the_desk() -> None:
    home, link = (index_html(first).content for first in ("js/main.js", "js/shared.js"))
    assert b"js/home.js" in home
    assert b"js/uploads.js" in home
    assert b"js/listening.js" not in home
    assert b"wavesurfer" not in home
    assert b"js/listening.js" in link
    assert b"vendor/wavesurfer/wavesurfer.esm.js" in link


def test_the_policy_allows_the_one_style_that_wavesurfer_writes_and_no_other() -> None:
    code = ASSETS["vendor/wavesurfer/wavesurfer.esm.js"].content.decode()
    (style,) = re.findall(r"<style\$\{.*?\}>(.*?)</style>", code)
    written = re.sub(r"\$\{[^}]*getHeight[^}]*\}", "128", style).replace("\\n", "\n")
    digest = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
    (allowed,) = re.findall(r"style-src ([^;]+);", route.PAGE_POLICY)
    assert allowed == f"'self' 'sha256-{digest}'"
    assert "script-src 'self';" in route.PAGE_POLICY


def test_nothing_is_inline_and_nothing_is_elsewhere() -> None:
    html = ASSETS["index.html"].content.decode()
    assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", html)
    for name, asset in ASSETS.items():
        if name.endswith((".js", ".css", ".html")) and not name.startswith("vendor/"):
            text = asset.content.decode()
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|document\.write", text
            ), name
            assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}, name


def test_the_whole_page_is_small() -> None:
    assert sum(len(asset.content) for asset in ASSETS.values()) < 400_000
    assert sum(len(asset.gzip or asset.content) for asset in ASSETS.values()) < 250_000
    assert max(asset.content.count(b"\n") for name, asset in ASSETS.items() if name.endswith(".js")) <= 300


def test_what_is_asked_for_outside_the_page_is_not_found() -> None:
    for name in ("files.py", "__init__.py", "vendor/vendor.toml", "../settings.py", "", "js", "/etc/passwd"):
        assert find_asset(name) is None


@pytest.mark.parametrize(
    "folder", [_PAGE / "vendor", Path(__file__).parent / "vendor"], ids=["page", "tests"]
)
def test_third_parties_are_listed_unchanged_and_licensed(folder: Path) -> None:
    listed: dict[str, str] = {}
    for package in tomllib.loads((folder / "vendor.toml").read_text("utf-8"))["packages"]:
        assert package["licence"]
        assert package["licence_file"] in package["sha256"]
        listed |= package["sha256"]
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    there.pop("vendor.toml")
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()} == listed
