"""Names of saved files: any system takes them, and no two are the same."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mastering.naming import file_names
from tests.service.conftest import upload
from tests.service.test_archive import finish

_LONG = "\N{FAMILY}\N{DROMEDARY CAMEL}" * 60


@pytest.mark.parametrize(
    ("title", "own", "name"),
    [
        ("CON.wav", "master.wav", "_CON.master.wav"),
        ("com1", "master.wav", "_com1.master.wav"),
        ("Lpt9 .flac", "master.wav", "_Lpt9.master.wav"),
        ("", "nul.txt", "_nul.txt"),
        ("Console.wav", "master.wav", "Console.master.wav"),
        ("", "", "result"),
        ("..", "master.wav", "master.wav"),
        ("a:b*c.wav", "master.wav", "a_b_c.master.wav"),
    ],
)
def test_names_that_some_system_has_taken(title: str, own: str, name: str) -> None:
    assert file_names([(title, own)]) == [name]


@pytest.mark.parametrize(
    "named",
    [(_LONG, "master.recipe.json"), ("", f"{_LONG}.zip"), ("ß" * 119 + ".wav", "m" * 100 + ".wav")],
)
def test_long_names_are_cut_by_bytes_and_stay_different(named: tuple[str, str]) -> None:
    names = file_names([named] * 12)
    assert len(set(names)) == 12
    suffix = named[1].rpartition(".")[2]
    for name in names:
        assert 150 < len(f".{name}.part".encode()) <= 255
        assert name.endswith(f".{suffix}")
        assert "\N{REPLACEMENT CHARACTER}" not in name
    assert names[11].count("(12)") == 1


def test_names_that_look_the_same_are_numbered() -> None:
    composed, apart = (unicodedata.normalize(form, "Fähre") for form in ("NFC", "NFD"))
    names = file_names(
        [(composed, "a.wav"), (apart, "a.wav"), ("FÄHRE", "a.wav"), ("", "a.wav"), ("", "A.wav")]
    )
    assert names == [f"{composed}.a.wav", f"{apart} (2).a.wav", "FÄHRE (3).a.wav", "a.wav", "A (2).wav"]


def test_a_download_has_the_name_that_it_has_in_an_archive(
    client: TestClient, app: FastAPI, wav: Path
) -> None:
    song = upload(client, wav.read_bytes(), "con.wav").headers["tonmeister-song"]
    job = client.post("/api/v1/jobs", json={"kind": "master", "song": song}).json()["id"]
    finish(app, job)
    answer = client.get(f"/api/v1/jobs/{job}/results/master.wav")
    assert answer.headers["content-disposition"] == 'attachment; filename="_con.master.wav"'
