"""`stems models`: for people and for machines, with and without a network."""

from __future__ import annotations

import hashlib
import http.server
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from mastering.cli.stems.models import complete_models, models
from stems.models import catalog, find_model

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = json.dumps({"__metadata__": {"made": "for a test"}}).encode()
CONTENT = len(HEAD).to_bytes(8, "little") + HEAD
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, and nothing anywhere else."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "HF_ENDPOINT", "TONMEISTER_MODELS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("TONMEISTER_MODELS_DIR", str(tmp_path / "models"))
    embedded = tmp_path / "embedded"
    embedded.mkdir()
    (embedded / "draft.safetensors").write_bytes(CONTENT)
    card = f'name = "draft"\nversion = "7"\nlicence = "GPL-3.0-or-later"\nsha256 = "{DIGEST}"\n'
    (embedded / "draft.toml").write_text(card)
    monkeypatch.setattr(catalog, "embedded_folder", lambda: embedded)
    return tmp_path / "models"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A web server with files by name, as $TONMEISTER_MODELS_URL."""
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            content = files.get(self.path.lstrip("/"))
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: Any) -> None:
            """Clients may hang up."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("TONMEISTER_MODELS_URL", f"http://127.0.0.1:{listening.server_port}")
    yield files
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def call() -> Callable[..., Result]:
    """Run `stems models` in this process."""

    def invoke(*arguments: str | Path) -> Result:
        old = "mix_stderr" in inspect.signature(CliRunner).parameters  # click before 8.2
        runner = CliRunner(mix_stderr=False) if old else CliRunner()
        return runner.invoke(models, [str(a) for a in arguments], prog_name="tonmeister stems models")

    return invoke


def test_list_shows_every_model_with_stems_size_and_presence(call: Callable[..., Result]) -> None:
    result = call("list")
    assert result.exit_code == 0
    for word in ("draft", "embedded", "htdemucs_ft", "336 MB", "htdemucs_6s", "mdx_extra", "diffq"):
        assert word in result.stdout
    assert "\x1b" not in result.stdout


def test_list_for_machines(call: Callable[..., Result]) -> None:
    document = json.loads(call("list", "--json").stdout)
    assert document["schema"] == 1
    by_name = {model["name"]: model for model in document["models"]}
    assert by_name["draft"]["here"] is True
    assert by_name["draft"]["files"][0]["sha256"] == DIGEST
    assert by_name["draft"]["files"][0]["url"] == ""
    official = by_name["htdemucs"]
    assert (official["here"], official["size_bytes"], official["label"]) == (False, 84_025_440, "official")
    assert official["sources"] == ["drums", "bass", "other", "vocals"]


def test_info_is_honest_about_licence_and_digests(call: Callable[..., Result]) -> None:
    text = " ".join(call("info", "mdx_q").stdout.split())
    for words in ("scientific purposes", "MUSDB18-HQ", "first digits, in the file's name", "Needs diffq"):
        assert words in text
    assert "nobody told it; recorded when it is downloaded" in text
    known = json.loads(call("info", "htdemucs", "--json").stdout)["model"]["files"]
    assert [file["known"] for file in known] == ["catalogue", "catalogue"]
    assert [file["name"] for file in known] == ["955717e8.safetensors", "955717e8-8726e21a.th"]


def test_info_of_an_unknown_model(call: Callable[..., Result]) -> None:
    result = call("info", "htdemux")
    assert result.exit_code == 2
    assert "did you mean 'htdemucs'" in result.stderr
    assert result.stdout == ""


def test_path_without_a_name_prints_the_folders(
    call: Callable[..., Result], models_folder: Path, tmp_path: Path
) -> None:
    assert call("path").stdout.splitlines()[0] == str(models_folder)
    given = call("path", "--models-dir", tmp_path / "x", "--json").stdout
    assert json.loads(given)["folders"][:2] == [str(tmp_path / "x"), str(models_folder)]


def test_path_of_a_model(call: Callable[..., Result], tmp_path: Path) -> None:
    assert call("path", "draft").stdout == f"{tmp_path / 'embedded' / 'draft.safetensors'}\n"
    missing = call("path", "htdemucs")
    assert missing.exit_code == 3
    assert "--model draft" in missing.stderr
    assert json.loads(call("path", "draft", "--json").stdout)["model"] == "draft"


def test_download_verify_and_a_changed_file(
    call: Callable[..., Result], mirror: dict[str, bytes], models_folder: Path
) -> None:
    mirror["75fc33f5.safetensors"] = CONTENT  # hdemucs_mmi: the hub's digest is not known beforehand
    result = call("download", "hdemucs_mmi")
    assert result.exit_code == 0
    assert result.stdout == f"hdemucs_mmi: ready in {models_folder}\n"
    assert (models_folder / "75fc33f5.safetensors").read_bytes() == CONTENT
    assert "recorded at the first download" in call("verify", "hdemucs_mmi").stdout
    document = json.loads(call("verify", "--json").stdout)
    states = {one["model"]: one["files"][0]["state"] for one in document["results"]}
    assert states == {"draft": "sound", "hdemucs_mmi": "sound"}
    (models_folder / "75fc33f5.safetensors").write_bytes(CONTENT + b" ")
    result = call("verify")
    assert result.exit_code == 3
    assert "damaged" in result.stdout
    assert "its SHA-256 begins with" in result.stderr


def test_download_of_several_says_what_failed_and_keeps_the_rest(
    call: Callable[..., Result], mirror: dict[str, bytes]
) -> None:
    mirror["75fc33f5.safetensors"] = CONTENT
    result = call("download", "htdemucs", "hdemucs_mmi", "--json")
    assert result.exit_code == 3
    failed, done = json.loads(result.stdout)["results"]
    assert failed["error"]["code"] == "model_download"
    assert "404" in failed["error"]["message"]
    assert done["error"] is None
    assert done["files"][0].endswith("75fc33f5.safetensors")


def test_download_refuses_what_is_not_the_known_file(
    call: Callable[..., Result], mirror: dict[str, bytes]
) -> None:
    mirror["955717e8.safetensors"] = CONTENT
    result = call("download", "htdemucs")
    assert result.exit_code == 3
    assert "is not that file: its SHA-256 begins with" in result.stderr


def test_download_without_a_name(call: Callable[..., Result]) -> None:
    result = call("download")
    assert result.exit_code == 2
    assert "Name a model" in result.stderr


def test_the_embedded_model_needs_no_download(call: Callable[..., Result], tmp_path: Path) -> None:
    assert call("download", "draft").stdout == f"draft: ready in {tmp_path / 'embedded'}\n"


def test_verify_of_what_is_not_here(call: Callable[..., Result]) -> None:
    result = call("verify", "htdemucs")
    assert result.exit_code == 3
    assert "955717e8.safetensors or 955717e8-8726e21a.th is not here" in result.stderr


def test_names_are_completed() -> None:
    context = click.Context(models)
    found = [
        item.value for item in complete_models(context, models.params[0] if models.params else None, "htd")
    ]  # type: ignore[arg-type]
    assert found == ["htdemucs", "htdemucs_ft", "htdemucs_6s"]


def test_every_member_of_the_catalogue_can_be_described(call: Callable[..., Result]) -> None:
    for name in ("htdemucs_ft", "repro_mdx_a_time_only", "04573f0d", "draft"):
        assert call("info", name).exit_code == 0
        assert find_model(name).name == name


def test_no_command_but_loading_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom mastering.cli.stems.models import models\n"
        "for arguments in (['list'], ['info', 'htdemucs'], ['path'], ['verify', '--json']):\n"
        "    models(arguments, standalone_mode=False)\n"
        "print('torch' in sys.modules or 'demucs' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
