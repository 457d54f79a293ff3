"""Tiny networks in demucs's formats, and a web server that can misbehave."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from stems.models import catalog
from stems.models.entries import Member, ModelEntry, RemoteFile

SOURCES = ("drums", "bass", "other", "vocals")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty and of this test alone; gives the folder of models in it."""
    import platformdirs

    place = tmp_path / "cache"
    for name in ("TONMEISTER_MODELS_DIR", "TONMEISTER_MODELS_URL", "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_args, **_named: place / "tonmeister")
    return place / "tonmeister" / "models"


@pytest.fixture(scope="session")
def network() -> Callable[..., Any]:
    """Make a tiny network of demucs: `network("HDemucs", seed=1)`."""

    def make(kind: str, seed: int = 0, sources: tuple[str, ...] = SOURCES, **settings: Any) -> Any:
        import torch
        from demucs.demucs import Demucs
        from demucs.hdemucs import HDemucs
        from demucs.htdemucs import HTDemucs

        small: dict[str, tuple[Any, dict[str, Any]]] = {
            "HTDemucs": (HTDemucs, {"channels": 8, "t_layers": 1, "t_heads": 2, "segment": Fraction(1, 2)}),
            "HDemucs": (HDemucs, {"channels": 4}),
            "Demucs": (Demucs, {"channels": 4, "depth": 3}),
        }
        klass, usual = small[kind]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return klass(list(sources), **{**usual, **settings}).eval()

    return make


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}
    raise TypeError(type(value))


@pytest.fixture(scope="session")
def as_safetensors() -> Callable[..., bytes]:
    """A network as demucs exports it to the hub."""

    def export(module: Any, *, half: bool = False, **changed: str) -> bytes:
        import torch
        from safetensors.torch import save

        dtype = torch.float16 if half else torch.float32
        args, kwargs = module._init_args_kwargs
        metadata = {
            "klass": f"{type(module).__module__}.{type(module).__qualname__}",
            "args": json.dumps(args, default=_plain),
            "kwargs": json.dumps(kwargs, default=_plain),
        }
        state = {key: value.to(dtype).contiguous() for key, value in module.state_dict().items()}
        kept = {key: value for key, value in {**metadata, **changed}.items() if value}
        return bytes(save(state, metadata=kept))

    return export


@pytest.fixture(scope="session")
def as_package() -> Callable[..., bytes]:
    """A network as demucs saves it in a .th file, with what its training leaves there."""

    def export(module: Any, *, half: bool = False, **changed: Any) -> bytes:
        import io

        import numpy as np
        import torch

        args, kwargs = module._init_args_kwargs
        dtype = torch.float16 if half else torch.float32
        package: dict[str, Any] = {
            "klass": type(module),
            "args": args,
            "kwargs": kwargs,
            "state": {key: value.to(dtype) for key, value in module.state_dict().items()},
            "training_args": {"batch_size": 32, "optim": {"lr": 3e-4}, "segment": Fraction(39, 5)},
            "metrics": {"main": {"nsdr": np.float64(8.5), "steps": np.int64(3)}},
        }
        buffer = io.BytesIO()
        torch.save({**package, **changed}, buffer)
        return buffer.getvalue()

    return export


@pytest.fixture(scope="session")
def two_networks(network: Callable[..., Any], as_safetensors: Callable[..., bytes]) -> tuple[bytes, bytes]:
    """Files of two networks that differ by their seed."""
    return as_safetensors(network("HDemucs", seed=1)), as_safetensors(network("HDemucs", seed=2))


@dataclass
class Server:
    """What a test's web server has, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    knows_ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine that knows Range; the test tells it what to have and what to do wrong."""
    book = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in {**book.headers, **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = book.cuts.pop(0) if body and book.cuts else None
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            book.asked.append((self.path, wanted))
            if book.statuses and (status := book.statuses.pop(0)) != 200:
                self._answer(status)
            elif self.path in book.redirects:
                self._answer(302, Location=book.redirects[self.path])
            elif self.path not in book.files:
                self._answer(404)
            elif wanted and book.knows_ranges:
                self._part(book.files[self.path], int(wanted.removeprefix("bytes=").rstrip("-")))
            else:
                self._answer(200, book.files[self.path])

        def _part(self, content: bytes, start: int) -> None:
            if start >= len(content):
                self._answer(416, Content_Range=f"bytes */{len(content)}")
            else:
                self._answer(
                    206, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}"
                )

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: Any) -> None:
            """Clients may hang up."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    book.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield book
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelEntry]:
    """Put files on the server, as the hub and the older server have them; gives the model they make.

    `publish({"aaaa0001": content}, known=True)`; `known` says whether the catalogue has their digests.
    """
    monkeypatch.setattr(catalog, "roots", lambda: {"hub": f"{server.url}/hub", "legacy": f"{server.url}/old"})

    def make(contents: Mapping[str, bytes], *, known: bool = True, **changed: Any) -> ModelEntry:
        members = []
        for signature, content in contents.items():
            name = f"{signature}.safetensors"
            path = f"someone/Model/resolve/main/{name}"
            server.files[f"/hub/{path}"] = content
            digest = hashlib.sha256(content).hexdigest() if known else ""
            hub = RemoteFile(name=name, root="hub", path=path, size_bytes=len(content), sha256=digest)
            old = RemoteFile(
                name=f"{signature}-00000000.th",
                root="legacy",
                path=f"x/{signature}-00000000.th",
                sha256="00000000",
            )
            members.append(Member(signature=signature, files=(hub, old)))
        entry = {
            "name": "test-model",
            "label": "official",
            "summary": "A model of a test.",
            "sources": SOURCES,
            "members": tuple(members),
            "weights": tuple((1.0,) * len(SOURCES) for _ in members),
        }
        return ModelEntry(**{**entry, **changed})

    return make
