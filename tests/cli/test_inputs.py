"""Which files are meant by what was typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mastering.cli.inputs import expand, natural_key

Files = Callable[..., Path]


def names(*given: str) -> list[str]:
    return [item.path.as_posix() for item in expand(given)]


def test_files_stay_as_typed_and_in_order(files: Files) -> None:
    files("b.wav", "a.wav")
    assert names("b.wav", "./a.wav", "missing.wav") == ["b.wav", "a.wav", "missing.wav"]


def test_folder_gives_its_audio_in_natural_order(files: Files) -> None:
    files("m/10.wav", "m/2.flac", "m/1.MP3", "m/cover.jpg", "m/notes.txt", "m/2.report.html")
    assert names("m") == ["m/1.MP3", "m/2.flac", "m/10.wav"]


def test_folder_is_searched_below_without_hidden_files_and_masters(files: Files) -> None:
    files("m/cd2/1.wav", "m/cd10/1.wav", "m/.trash/x.wav", "m/._1.wav", "m/1.master.wav", "m/1.master.flac")
    assert names("m") == ["m/cd2/1.wav", "m/cd10/1.wav"]
    assert [item.folder.as_posix() for item in expand(["m"])] == ["cd2", "cd10"]


def test_glob_is_expanded_by_us_without_masters(files: Files) -> None:
    files("10.wav", "9.wav", "9.master.wav", "x.flac")
    assert names("*.wav") == ["9.wav", "10.wav"]
    assert names("*.master.wav") == ["9.master.wav"]


def test_recursive_glob_names_each_file_once(files: Files) -> None:
    files("m/a.wav", "m/n/b.wav")
    assert names("m/**/*.wav") == ["m/a.wav", "m/n/b.wav"]


def test_glob_of_folders_gives_what_is_in_them(files: Files) -> None:
    files("cd1/a.wav", "cd2/b.wav")
    assert names("cd*") == ["cd1/a.wav", "cd2/b.wav"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(files: Files) -> None:
    files("[1] song.wav", "1")
    assert names("[1] song.wav") == ["[1] song.wav"]


@pytest.mark.parametrize("given", ["empty", "*.wav"])
def test_nothing_found_is_a_failed_input(folder: Path, given: str) -> None:
    (folder / "empty").mkdir()
    (item,) = expand([given])
    assert item.failure is not None
    assert item.failure.code == "no_audio"
    assert given in item.failure.message


def test_natural_key_orders_numbers_inside_names() -> None:
    shuffled = ["track 10", "track 9b", "Track 9a", "9", "track"]
    ordered = sorted(shuffled, key=lambda name: natural_key(Path(name)))
    assert ordered == ["9", "track", "Track 9a", "track 9b", "track 10"]
