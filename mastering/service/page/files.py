"""The files of the page, read once, with their types, digests and compressed forms."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["ASSETS", "DIGEST", "MEDIA_TYPES", "Asset", "find_asset", "index_html"]

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What is served, by suffix; anything else in this folder stays here."""

_PACKED = frozenset({".woff2"})
_IMPORT = re.compile(r'^(?:import|export)\b[^;()]*?"(\.[^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of the page.

    Args:
        content: its bytes.
        gzip: the same compressed; None where that does not help.
        media_type: for Content-Type.
        etag: strong, quoted.
    """

    content: bytes
    gzip: bytes | None
    media_type: str
    etag: str


def find_asset(name: str) -> Asset | None:
    """A file by its path below the page's folder, "js/main.js"; None if there is no such.

    Only names that were found when the page was read are known: a path never reaches the disk.
    """
    return ASSETS.get(name)


@cache
def index_html(first: str = "js/main.js") -> Asset:
    """The document for `GET /` and for shared links; it names its files under `/assets/DIGEST/`.

    Args:
        first: the module that the view begins with. The document names it and all that it imports, so that
            a browser fetches them at once and not one import after the other; what is imported later is not.
    """
    modules = sorted(_imported("js/main.js") | _imported(first))
    links = "\n".join(f'<link rel="modulepreload" href="/assets/{name}">' for name in modules)
    html = ASSETS["index.html"].content.replace(b"<!-- modules -->", links.encode())
    return _asset("index.html", html.replace(b"/assets/", f"/assets/{DIGEST}/".encode()))


def _imported(name: str) -> frozenset[str]:
    """A module and what it imports, not what it loads when it is needed."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            folder = posixpath.dirname(one)
            names = _IMPORT.findall(ASSETS[one].content.decode("utf-8"))
            waiting += [posixpath.normpath(posixpath.join(folder, other)) for other in names]
    return frozenset(found)


def _read_all() -> dict[str, Asset]:
    found = {name: place.read_bytes() for name, place in _walk(files(__package__), "")}
    return {name: _asset(name, content) for name, content in sorted(found.items())}


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found = []
    for place in folder.iterdir():
        name = f"{prefix}{place.name}"
        if place.is_dir():
            found += _walk(place, f"{name}/")
        elif _suffix(name) in MEDIA_TYPES:
            found.append((name, place))
    return found


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""


def _asset(name: str, content: bytes) -> Asset:
    suffix = _suffix(name)
    return Asset(
        content=content,
        gzip=None if suffix in _PACKED else gzip.compress(content, 9, mtime=0),
        media_type=MEDIA_TYPES[suffix],
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )


ASSETS = _read_all()
"""Every file of the page by its name."""

DIGEST = hashlib.sha256("".join(f"{name}{one.etag}" for name, one in ASSETS.items()).encode()).hexdigest()[
    :16
]
"""Of all names and contents: part of every asset's address."""
