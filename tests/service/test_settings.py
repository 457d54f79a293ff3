"""Settings: where they come from, who wins, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.service.settings import Settings, read_settings


def test_options_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(
        'port = 1\nhost = "127.0.0.2"\nmax_songs = 7\npublic_urls = ["https://a.example"]\n', "utf-8"
    )
    environment = {"TONMEISTER_SERVE_PORT": "2", "TONMEISTER_SERVE_MAX_SONGS": "8", "HOME": "/root"}
    settings = read_settings(file, {"port": 3, "database": None}, environment)
    assert (settings.port, settings.max_songs, settings.host) == (3, 8, "127.0.0.2")
    assert settings.public_urls == ("https://a.example",)
    assert read_settings(
        None, {}, {"TONMEISTER_SERVE_PUBLIC_URLS": "https://a, https://b:1"}
    ).public_urls == (
        "https://a",
        "https://b:1",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "did you mean 'port'"),
        ("port = 70000", "allowed 0..65535"),
        ('port = "many"', "is not a whole number"),
        ("port = true", "is not a whole number"),
        ("port = 1.5", "is not a whole number"),
        ('executor = "slurm"', "one of local, ray"),
        ("host = 1", "is not a text"),
        ("data = 1", "is not a folder"),
        ("public_urls = [1]", "list of texts"),
        ('public_urls = ["desk.example.org/path"]', "allowed http://HOST"),
        ("port = ", "not a TOML document"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ParameterError, match=message):
        read_settings(file, {}, {})


def test_a_wrong_variable_is_said() -> None:
    with pytest.raises(ParameterError, match="did you mean 'max_songs'"):
        read_settings(None, {}, {"TONMEISTER_SERVE_MAX_SONG": "1"})


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        read_settings(tmp_path / "none.toml", {}, {})


@pytest.mark.parametrize(
    ("given", "hosts", "private"),
    [
        ({"port": 5}, {"127.0.0.1:5", "localhost:5", "[::1]:5"}, True),
        ({"host": "0.0.0.0", "public_urls": ("https://Desk.Example",)}, {"desk.example"}, False),
        ({"host": "0.0.0.0"}, set(), False),
        ({"host": "192.0.2.7", "port": 9}, {"192.0.2.7:9"}, False),
        ({"host": "192.0.2.7", "port": 80}, {"192.0.2.7:80", "192.0.2.7"}, False),
        (
            {"host": "0.0.0.0", "public_urls": ("https://a.example:443",)},
            {"a.example:443", "a.example"},
            False,
        ),
        ({"host": "0.0.0.0", "public_urls": ("https://a.example:80",)}, {"a.example:80"}, False),
    ],
)
def test_names_follow_from_the_address(given: dict[str, Any], hosts: set[str], private: bool) -> None:
    settings = Settings(**given)
    assert settings.hosts == hosts
    assert settings.is_private is private


def test_the_unit_names_settings_that_there_are() -> None:
    unit = (Path(__file__).resolve().parents[2] / "tools/serve/tonmeister.service").read_text("utf-8")
    named = {name.lower() for name in re.findall(r"TONMEISTER_SERVE_([A-Z_]+)=", unit)}
    assert named == {"data", "log", "webhook_secret_file"}
    assert named <= set(Settings.__dataclass_fields__)
