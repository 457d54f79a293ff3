"""`measure` and `compare` on measurements that are faked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from click.testing import Result

Files = Callable[..., Path]
Run = Callable[..., Result]


def test_document(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "refused.wav")
    result = run("measure", "a.wav", "refused.wav", "missing.wav", "--json")
    document = json.loads(result.stdout)
    first, second, third = document["results"]
    assert first["input"] == "a.wav"
    assert first["features"]["integrated_lufs"] == -14.0
    assert first["features"]["max_short_term_lufs"] == -12.0
    assert first["notices"] == [{"code": "truncated", "message": "It ends early."}]
    assert (second["features"], second["error"]["code"]) == (None, "not_audio")
    assert third["error"]["code"] == "file_missing"
    assert result.exit_code == 1


def test_one_file_gives_every_measurement(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav")
    result = run("measure", "a.wav")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "a.wav"
    assert any(line.split() == ["Integrated", "loudness", "-14.0", "LUFS"] for line in lines)
    assert "It ends early." in result.stderr


def test_several_files_give_a_line_each(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav", "refused.wav")
    result = run("measure", ".")
    lines = result.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["file", "a.wav", "b.wav"]
    assert lines[1].split()[:2] == ["-14.0", "-10.0"]
    assert "refused.wav" in result.stderr
    assert result.exit_code == 1


def test_plots_are_drawn(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav", "refused.wav")
    assert run("measure", "a.wav", "--plot", "one.png").exit_code == 0
    assert run("measure", ".", "--plot", "all.png").exit_code == 1
    assert run("compare", "a.wav", "b.wav", "--plot", "both.png").exit_code == 0
    for name in ("one.png", "all.png", "both.png"):
        assert Path(name).read_bytes().startswith(b"\x89PNG\r\n")


def test_a_plot_never_overwrites_a_song(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav")
    assert run("measure", "a.wav", "--plot", "a.wav").exit_code == 2
    assert run("compare", "a.wav", "b.wav", "--plot", "b.wav").exit_code == 2
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes() == b""


def test_compare(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav")
    assert "Integrated loudness" in run("compare", "a.wav", "b.wav").stdout
    document = json.loads(run("compare", "a.wav", "b.wav", "--json").stdout)
    assert (document["a"]["input"], document["b"]["input"]) == ("a.wav", "b.wav")
    assert document["difference"]["integrated_lu"] == 0.0


def test_compare_fails_with_a_sentence(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav")
    result = run("compare", "a.wav", "missing.wav", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "missing.wav: there is no such file" in result.stderr
