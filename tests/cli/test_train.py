"""`train`: what a folder holds, what is refused and how, and what the run says."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from mastering import library
from mastering.audio import Audio
from mastering.io.writer import open_writer
from mastering.match import learned

Run = Callable[..., Result]

RATE = 22_050
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's presets: not there yet."""
    folder = tmp_path / "presets"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An untrained network in a folder of its own."""
    import torch

    from mastering.train.export import write_model
    from mastering.train.model import MatchNet

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    card = 'name = "matcher"\nversion = "test"\nlicence = "none"\nsha256 = ""\n'
    state = MatchNet(96, 3).state_dict()
    write_model(folder, learned.MODEL, {name: value.numpy() for name, value in state.items()}, card)
    threads = torch.get_num_threads()
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture
def quick(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That network as the shipped one, and a few steps instead of hundreds."""
    from mastering.train import personal
    from mastering.train.tune import Tuning

    tuning = Tuning(versions=0, steps=4, batch=8, fresh=8, every=2, cases=16)
    monkeypatch.setattr(learned, "shipped_models", lambda: models)
    quickly = functools.partial(personal.train_personal, tuning=tuning)
    monkeypatch.setattr(personal, "train_personal", quickly)


def put(path: Path, audio: Audio) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(
        path, sample_rate=audio.sample_rate, channels=audio.channels, frames=audio.frames, force=True
    ) as writer:
        for block in audio.blocks():
            writer.write(block)
    return path


def song(seed: int, seconds: float = 45.0, gain: float = 1.0) -> Audio:
    """Dull noise whose tone and level change every second: as unlike another seed's as two songs."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    white = rng.standard_normal((2, frames))
    dull = np.cumsum(white, axis=1)
    dull -= np.concatenate([np.zeros((2, 400)), dull[:, :-400]], axis=1)
    second = np.arange(frames) // RATE
    bright, level = rng.uniform(0.0, 8.0, second[-1] + 1), rng.uniform(0.3, 1.0, second[-1] + 1)
    samples = 0.005 * gain * level[second] * (dull + bright[second] * white)
    return Audio(samples=samples.astype(np.float32), sample_rate=RATE)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three usable masters, 2:15 in all, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("three")
    for name, seed in (("a.wav", 1), ("album/b.wav", 2), ("c.flac", 3)):
        put(folder / name, song(seed))
    return folder


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# Folders that cannot be learned from


def refused(run: Run, folder: Path, presets: Path, *more: str) -> str:
    """The one sentence about a folder; the run fails with 1 and writes nothing."""
    result = run("train", folder, "--name", "mine", "--dry-run", *more)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    first, *rest = result.stderr.splitlines()
    assert first.startswith(f"Error: {folder}: ")
    assert all(line.startswith("       ") for line in rest)
    assert not presets.exists()
    return first.removeprefix(f"Error: {folder}: ")


NEEDED = "at least 3 different masters of 20 s or more, 2:00 in all, are needed"


def test_no_such_folder(run: Run, tmp_path: Path, presets: Path) -> None:
    assert refused(run, tmp_path / "nowhere", presets) == "there is no such folder"


def test_a_file_instead_of_a_folder(run: Run, tmp_path: Path, presets: Path) -> None:
    path = put(tmp_path / "a.wav", song(1, 1.0))
    assert refused(run, path, presets) == "is a file, not a folder"


def test_a_folder_without_audio(run: Run, tmp_path: Path, presets: Path) -> None:
    folder = tmp_path / "music"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "lyrics.txt").write_text("la la")
    assert refused(run, folder, presets) == f"the folder holds no audio files; {NEEDED}"


def test_masters_that_tonmeister_made_are_no_material(run: Run, tmp_path: Path, presets: Path) -> None:
    put(tmp_path / "music" / "a.master.wav", song(1, 1.0))
    result = run("train", tmp_path / "music", "--name", "mine", "--dry-run")
    assert result.exit_code == 1
    assert "*.master.*" in result.stderr


def test_too_few(run: Run, tmp_path: Path, presets: Path) -> None:
    folder = tmp_path / "music"
    put(folder / "a.wav", song(1, 70.0))
    put(folder / "b.wav", song(2, 70.0))
    assert refused(run, folder, presets) == f"2 usable masters (2:20 in all) found, {NEEDED}"


def test_too_short_in_all(run: Run, tmp_path: Path, presets: Path) -> None:
    folder = tmp_path / "music"
    for seed in (1, 2, 3, 4):
        put(folder / f"{seed}.wav", song(seed, 25.0))
    assert refused(run, folder, presets) == f"4 usable masters (1:40 in all) found, {NEEDED}"


def test_short_silent_and_corrupt_files_are_named(run: Run, tmp_path: Path, presets: Path) -> None:
    folder = tmp_path / "music"
    put(folder / "1.wav", song(1, 12.0))
    put(folder / "2.wav", Audio(samples=np.zeros((2, 30 * RATE), np.float32), sample_rate=RATE))
    (folder / "3.wav").write_bytes(b"RIFF of something else entirely" * 9)
    (folder / "4.mp3").touch()
    message = refused(run, folder, presets)
    assert message.startswith(f"no usable masters found, {NEEDED} (left out: 1.wav: it is only 12.0 s long; ")
    assert "2.wav: it is silent (nothing above -70 LUFS in 30.0 s); 3.wav: " in message
    assert message.endswith("; and 1 more)")


def test_the_same_music_counts_once(run: Run, tmp_path: Path, presets: Path) -> None:
    folder = tmp_path / "music"
    put(folder / "a.wav", song(1))
    put(folder / "b.flac", song(1, gain=0.7))
    put(folder / "c.ogg", song(1))
    put(folder / "d.wav", song(2))
    message = refused(run, folder, presets)
    assert message.startswith("2 usable masters (1:30 in all) found, ")
    assert "b.flac: it is the same music as a.wav; c.ogg: it is the same music as a.wav" in message


def test_a_folder_that_cannot_be_read(
    run: Run, tmp_path: Path, presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(folder: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", locked)
        result = run("train", tmp_path, "--name", "mine", "--dry-run")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: {tmp_path}: permission denied")


# Names


def test_bad_and_taken_names(run: Run, three: Path, presets: Path) -> None:
    for name, part in (("a/b", "plain file name"), ("warm", "comes with tonmeister")):
        result = run("train", three, "--name", name, "--dry-run")
        assert (result.exit_code, result.stdout) == (2, "")
        assert part in result.stderr
    assert run("train", three, "--name", "warm", "--force", "--dry-run").exit_code == 0
    assert run("train", three).exit_code == 2
    assert not presets.exists()


# A run


def test_dry_run_says_what_would_be_used(run: Run, three: Path, presets: Path) -> None:
    result = run("train", three, "--name", "mine", "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 masters, 2:15 in all:" in result.stderr
    assert "nothing is written" in result.stderr
    document = json.loads(run("train", three, "--name", "mine", "--dry-run", "--json").stdout)
    assert (document["status"], document["result"]) == ("planned", None)
    assert [Path(entry["input"]).name for entry in document["masters"]] == ["a.wav", "b.wav", "c.flac"]
    assert not presets.exists()


def test_a_style_is_made_and_said_so(run: Run, quick: None, three: Path, presets: Path) -> None:
    broken = three / "z.wav"
    broken.write_bytes(b"not audio at all")
    result = run("train", three, "--name", "mine", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["status"] == "fine-tuned"
    uses = [entry["use"] for entry in document["masters"]]
    assert sorted(uses) == ["training", "training", "validation"]
    assert [Path(left["input"]).name for left in document["left_out"]] == ["z.wav"]
    validation = document["result"]["validation"]
    assert validation["after"]["loss"] < validation["before"]["loss"]
    files = ["models/mine.safetensors", "models/mine.toml", "styles/mine.toml"]
    assert everything_in(presets) == files
    assert library.load_style("mine").model == "mine"

    taken = run("train", three, "--name", "mine")
    assert taken.exit_code == 2
    assert "use --force" in taken.stderr
    again = run("train", three, "--name", "mine", "--force")
    assert (again.exit_code, again.stdout) == (0, "")
    assert f"Left out {broken}: " in again.stderr
    assert "Fine-tuned on 2 songs" in again.stderr
    assert "tonmeister master mix.wav --style mine" in again.stderr
    assert everything_in(presets) == files
    quiet = run("train", three, "--name", "other", "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")
    broken.unlink()


def test_the_style_masters_a_mix(run: Run, quick: None, three: Path, tmp_path: Path, presets: Path) -> None:
    assert run("train", three, "--name", "mine", "-q").exit_code == 0
    mix = put(tmp_path / "mix.wav", song(9, 12.0, gain=0.3))
    arguments = ("--style", "mine", "--matcher", "learned", "--no-report", "--json")
    result = run("master", mix, "-o", tmp_path / "out.wav", *arguments)
    assert result.exit_code == 0, result.output
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["chain"]["origin"]["matcher"] == "learned"
    wanted = library.load_style("mine").integrated_lufs
    assert entry["after"]["integrated_lufs"] == pytest.approx(wanted, abs=0.2)


def test_fine_tuning_that_did_not_help_is_admitted(
    run: Run, quick: None, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mastering.train import personal
    from mastering.train.tune import Tuning

    spoiling = Tuning(versions=0, steps=2, batch=8, fresh=8, every=1, cases=16, rate=30.0)
    worse = functools.partial(personal.train_personal, tuning=spoiling)
    monkeypatch.setattr(personal, "train_personal", worse)
    result = run("train", three, "--name", "mine")
    assert result.exit_code == 0, result.output
    assert "did not help on 1 song kept back: the shipped weights" in result.stderr


# What the machine lacks


def test_a_broken_torch_is_one_sentence(three: Path, presets: Path) -> None:
    code = "import sys\nsys.modules['torch'] = None\nfrom mastering.cli import main\nmain()\n"
    command = [sys.executable, "-c", code, "train", str(three), "--name", "mine"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (3, "")
    first, hint = done.stderr.splitlines()
    assert first.startswith("Error: what training needs does not load: ")
    assert "torch" in first
    assert "pip install" in hint
    planned = [*command, "--dry-run"]
    done = subprocess.run(planned, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "")
    assert not presets.exists()


def test_a_missing_or_spoiled_shipped_model(
    run: Run, models: Path, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "shipped_models", lambda: tmp_path / "spoiled")
    result = run("train", three, "--name", "mine")
    assert result.exit_code == 3
    assert "cannot be read" in result.stderr
    (tmp_path / "spoiled").mkdir()
    for path in models.iterdir():
        content = path.read_bytes()
        (tmp_path / "spoiled" / path.name).write_bytes(
            content if path.suffix == ".toml" else content[:-1] + b"?"
        )
    result = run("train", three, "--name", "mine")
    assert result.exit_code == 3
    assert "SHA-256" in result.stderr


def test_help_costs_nothing() -> None:
    code = (
        "import sys\n"
        "from mastering.cli.app import app\n"
        "try:\n    app.main(args=['train', '--help'], prog_name='tonmeister')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    assert "--dry-run" in done.stdout
    assert {"torch", "numba", "soundfile", "rich", "pedalboard"} & set(done.stderr.split()) == set()


_INTERRUPTED = """
import pathlib, sys, time
from mastering.match import learned
models = pathlib.Path(sys.argv.pop(1))
learned.shipped_models = lambda: models
from mastering.train import personal
marker = pathlib.Path(sys.argv.pop(1))
def tune(*arguments, **settings):
    marker.touch()
    time.sleep(60.0)
personal.tune = tune
from mastering.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_nothing_behind(models: Path, three: Path, tmp_path: Path, presets: Path) -> None:
    marker = tmp_path / "marker"
    arguments = [str(models), str(marker), "train", str(three), "--name", "mine"]
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    deadline = time.monotonic() + 60.0
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30.0)
    assert (process.returncode, stdout, stderr) == (130, "", "Interrupted.\n")
    assert not presets.exists()
