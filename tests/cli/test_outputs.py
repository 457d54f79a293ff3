"""Where masters go, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from mastering.cli.inputs import Input
from mastering.cli.outputs import agreed_container, check_png, plan_outputs
from mastering.errors import ParameterError


def planned(
    *sources: str, output: str | None = None, output_dir: str | None = None, **more: object
) -> list[str]:
    paths = plan_outputs(
        [Input(path=Path(source)) for source in sources],
        output=None if output is None else Path(output),
        output_dir=None if output_dir is None else Path(output_dir),
        container="flac",
        references=[Path(str(r)) for r in more.get("references", ())],  # type: ignore[attr-defined]
    )
    return [path.as_posix() for path in paths]


def test_master_lies_beside_its_input() -> None:
    assert planned("a/x.wav", "b/x.wav") == ["a/x.master.flac", "b/x.master.flac"]


def test_output_dir_takes_the_folders_below_a_given_folder() -> None:
    inputs = [Input(path=Path("m/cd1/x.wav"), folder=Path("cd1")), Input(path=Path("m/x.wav"))]
    paths = plan_outputs(inputs, output=None, output_dir=Path("out"), container="wav")
    assert [path.as_posix() for path in paths] == ["out/cd1/x.master.wav", "out/x.master.wav"]


def test_a_name_with_dots_keeps_them() -> None:
    assert planned("mix v1.2.wav") == ["mix v1.2.master.flac"]


@pytest.mark.parametrize(
    ("sources", "settings", "sentence"),
    [
        (("a.wav", "b.wav"), {"output": "x.wav"}, "-o names one file, but there are 2 inputs"),
        (("a.wav",), {"output": "x.wav", "output_dir": "o"}, "exclude each other"),
        (("m/x.wav", "n/x.wav"), {"output_dir": "o"}, "m/x.wav, n/x.wav"),
        (("x.wav", "x.mp3"), {}, "x.wav, x.mp3"),
        (("x.wav", "./y/../x.wav"), {}, "same output"),
        (("x.wav",), {"output": "x.wav"}, "is an input"),
        (("x.wav", "x.master.flac"), {}, "x.master.flac is an input"),
        (("x.wav",), {"output": "r.wav", "references": ["./r.wav"]}, "is a reference"),
    ],
)
def test_refused_before_anything_runs(
    folder: Path, sources: tuple[str, ...], settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(click.UsageError, match=sentence):
        planned(*sources, **settings)  # type: ignore[arg-type]


def test_a_link_to_the_input_is_the_input(folder: Path) -> None:
    (folder / "x.wav").touch()
    (folder / "y.wav").symlink_to("x.wav")
    with pytest.raises(click.UsageError, match="is an input"):
        planned("x.wav", output="y.wav")


def test_an_existing_folder_is_no_output_file(folder: Path) -> None:
    (folder / "o").mkdir()
    with pytest.raises(click.UsageError, match="use --output-dir o"):
        planned("x.wav", output="o")


@pytest.mark.parametrize(
    ("output", "chosen", "container"),
    [(None, None, None), (None, "mp3", "mp3"), ("x.AIF", None, "aiff"), ("x.wav", "wav", "wav")],
)
def test_suffix_and_format_decide_together(
    output: str | None, chosen: str | None, container: str | None
) -> None:
    assert agreed_container(None if output is None else Path(output), chosen) == container  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "chosen", "sentence"),
    [
        ("x", None, "no suffix; allowed .wav"),
        ("x.wma", None, "'.wma' is no output format"),
        ("x.master", "wav", "'.master' is no output format"),
    ],
)
def test_suffixes_that_are_refused(output: str, chosen: str | None, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        agreed_container(Path(output), chosen)  # type: ignore[arg-type]


def test_suffix_and_format_that_disagree() -> None:
    with pytest.raises(click.UsageError, match="disagree"):
        agreed_container(Path("x.wav"), "flac")


def test_a_plot_never_overwrites_a_song() -> None:
    check_png(Path("plot.PNG"))
    with pytest.raises(click.UsageError, match=r"song\.wav"):
        check_png(Path("song.wav"))
