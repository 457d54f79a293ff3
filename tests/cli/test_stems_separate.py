"""`stems separate`, `karaoke` and `acapella`: real files, a tiny model, no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import Result

Run = Callable[..., Result]

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = ("drums", "bass", "other", "vocals")
RATE_HZ = 8_000

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Demucs with random weights, as demucs publishes its own."""
    torch = pytest.importorskip("torch")
    from demucs.demucs import Demucs
    from safetensors.torch import save_file

    torch.manual_seed(0)
    settings = {"channels": 4, "depth": 3, "segment": 1.0, "samplerate": RATE_HZ}
    module = Demucs(list(SOURCES), **settings)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    metadata = {
        "klass": "demucs.demucs.Demucs",
        "args": json.dumps([list(SOURCES)]),
        "kwargs": json.dumps(settings),
    }
    save_file({key: tensor.contiguous() for key, tensor in module.state_dict().items()}, path, metadata)
    return path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks this small are slower with more threads, many times so on a busy machine."""
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no model of the user's."""
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TONMEISTER_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "cache" / "stems"


@pytest.fixture
def song(folder: Path) -> Callable[..., Path]:
    """Write noise as a WAV file of 16 bits."""

    def make(
        name: str = "song.wav",
        frames: int = 20_000,
        *,
        channels: int = 2,
        rate_hz: int = RATE_HZ,
        level: float = 0.1,
    ) -> Path:
        rng = np.random.default_rng(len(name))
        samples = np.clip(level * rng.standard_normal((frames, channels)), -1.0, 1.0)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate_hz, subtype="PCM_16")
        return path

    return make


@pytest.fixture
def separate(run: Run, model: Path) -> Callable[..., dict[str, Any]]:
    """The document of `stems separate ... --json`, which must succeed; its single result."""

    def invoke(*arguments: str | Path) -> dict[str, Any]:
        result = run("stems", "separate", *arguments, "--model", model, "--json")
        assert result.exit_code == 0, result.stderr
        (entry,) = json.loads(result.stdout)["results"]
        return dict(entry)

    return invoke


def read(path: str | Path) -> Any:
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


def rms_dbfs(error: Any) -> float:
    return float(10 * np.log10(np.mean(np.square(error)) + 1e-30))


@pytest.mark.parametrize(
    ("options", "limit_dbfs"),
    [
        (("--bit-depth", "16"), -96.0),
        (("--bit-depth", "24"), -140.0),
        (("--bit-depth", "32"), -140.0),
        (("--format", "flac", "--bit-depth", "16"), -96.0),
        (("--format", "flac"), -140.0),
        (("--format", "aiff", "--bit-depth", "16"), -96.0),
        (("--format", "aiff", "--bit-depth", "32"), -140.0),
        (("--bit-depth", "16", "--residual"), -96.0),
        (("--bit-depth", "16", "--two-stems", "vocals"), -96.0),
    ],
)
def test_written_stems_add_up(
    song: Callable[..., Path], separate: Callable[..., Any], options: tuple[str, ...], limit_dbfs: float
) -> None:
    source = song(frames=70_001)
    entry = separate(source, *options)
    stems = [read(path) for path in entry["outputs"].values()]
    assert {stem.shape for stem in stems} == {(70_001, 2)}
    assert {soundfile.info(path).samplerate for path in entry["outputs"].values()} == {RATE_HZ}
    error = np.sum(stems, axis=0) - read(source) * 10 ** (entry["gain_db"] / 20)
    assert rms_dbfs(error) < limit_dbfs
    assert 20 * np.log10(np.abs(error).max()) < -85
    assert entry["sum_error_dbfs"] == pytest.approx(rms_dbfs(error), abs=0.5)


def test_one_gain_where_a_stem_would_clip(song: Callable[..., Path], separate: Callable[..., Any]) -> None:
    source = song(level=0.9)
    loud = separate(source, "--bit-depth", "32")
    floats = {name: read(path) for name, path in loud["outputs"].items()}
    peak = max(np.abs(stem).max() for stem in floats.values())
    assert peak > 1.0  # a random model shouts
    assert loud["gain_db"] == 0.0
    turned = separate(source, "--bit-depth", "16", "-o", "turned")
    assert turned["cached"]
    assert [notice["code"] for notice in turned["notices"]] == ["gain_for_peaks"]
    gain = 10 ** (turned["gain_db"] / 20)
    assert gain * peak == pytest.approx(1.0, abs=1e-3)
    for name, path in turned["outputs"].items():
        assert rms_dbfs(read(path) - gain * floats[name]) < -89
    total = np.sum([read(path) for path in turned["outputs"].values()], axis=0)
    assert rms_dbfs(total - gain * read(source)) < -96


def test_stems_lie_beside_the_recording(
    song: Callable[..., Path], run: Run, model: Path, folder: Path
) -> None:
    source = song()
    before = source.read_bytes()
    result = run("stems", "separate", "song.wav", "--model", model)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in (folder / "song.stems").iterdir()) == [
        *("bass.wav", "drums.wav", "other.wav", "vocals.wav"),
    ]
    assert "tiny (custom: a file of your own)" in result.stderr
    assert source.read_bytes() == before
    again = run("stems", "separate", "song.wav", "--model", model)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert run("stems", "separate", "song.wav", "--model", model, "--force", "-q").stderr == ""


def test_folders_keep_their_shape_and_leave_stems_out(
    song: Callable[..., Path], run: Run, model: Path, folder: Path
) -> None:
    song("album/cd1/a.wav")
    song("album/b.wav", channels=1)
    for _ in range(2):
        result = run("stems", "separate", "album", "--model", model, "-o", "out", "--json", "--force")
        assert result.exit_code == 0, result.stderr
        inputs = [entry["input"] for entry in json.loads(result.stdout)["results"]]
        assert inputs == [str(Path("album", "b.wav")), str(Path("album", "cd1", "a.wav"))]
        run("stems", "separate", "album", "--model", model, "-q")  # beside them, once
    assert (folder / "out" / "cd1" / "a.stems" / "vocals.wav").exists()
    assert soundfile.info(folder / "out" / "b.stems" / "vocals.wav").channels == 1
    assert (folder / "album" / "cd1" / "a.stems" / "vocals.wav").exists()


def test_template(song: Callable[..., Path], separate: Callable[..., Any]) -> None:
    entry = separate(song(), "--name-template", "{model}/{track} - {stem}", "-o", "out")
    assert entry["outputs"]["bass"] == str(Path("out", "tiny", "song - bass.wav"))


@pytest.mark.parametrize(
    "template",
    ["{track}", "{stem}/{artist}", "{stem", "../{stem}", "/tmp/{stem}", "{stem.upper}", "{0}", "{stem}/"],
)
def test_template_that_cannot_be(song: Callable[..., Path], run: Run, model: Path, template: str) -> None:
    song()
    result = run("stems", "separate", "song.wav", "--model", model, "--name-template", template)
    assert result.exit_code == 2
    assert "--name-template" in result.stderr


def test_names_that_would_collide(song: Callable[..., Path], run: Run, model: Path, folder: Path) -> None:
    song("a.wav")
    song("b.wav")
    result = run(
        "stems", "separate", "a.wav", "b.wav", "--model", model, "--name-template", "{stem}", "-o", "out"
    )
    assert result.exit_code == 2
    assert "a.wav, b.wav" in result.stderr
    song("vocals.wav")
    clash = run("stems", "separate", "vocals.wav", "--model", model, "--name-template", "{stem}", "--force")
    assert clash.exit_code == 2
    assert "originals are never written over" in clash.stderr


def test_karaoke_and_acapella(song: Callable[..., Path], run: Run, model: Path, folder: Path) -> None:
    source = song(frames=30_000)
    for command, output in (("karaoke", "k.wav"), ("acapella", "a.wav")):
        result = run("stems", command, source, "-o", output, "--model", model, "--bit-depth", "32", "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["results"][0]["cached"] is (command == "acapella")
    assert rms_dbfs(read(folder / "k.wav") + read(folder / "a.wav") - read(source)) < -140
    taken = run("stems", "karaoke", source, "-o", "k.wav", "--model", model)
    assert (taken.exit_code, "--force" in taken.stderr) == (1, True)
    itself = run("stems", "karaoke", source, "-o", source, "--model", model, "--force")
    assert itself.exit_code == 2


def test_tags_are_carried_over(song: Callable[..., Path], separate: Callable[..., Any]) -> None:
    import mutagen.flac

    path = song().with_suffix(".flac")
    soundfile.write(path, read("song.wav"), RATE_HZ)
    tags = mutagen.flac.FLAC(path)
    tags["artist"] = "Somebody"
    tags["title"] = "Song"
    tags.save()
    entry = separate(path, "--format", "flac")
    found = mutagen.flac.FLAC(entry["outputs"]["vocals"])
    assert (found["artist"], found["title"]) == (["Somebody"], ["Song (vocals)"])


def test_one_failure_does_not_stop_the_others(
    song: Callable[..., Path], run: Run, model: Path, folder: Path
) -> None:
    song("a.wav")
    (folder / "bad.wav").write_text("no audio")
    result = run("stems", "separate", "a.wav", "bad.wav", "missing.wav", "--model", model, "--json")
    entries = json.loads(result.stdout)["results"]
    assert [entry["status"] for entry in entries] == ["separated", "error", "error"]
    assert entries[2]["error"]["code"] == "file_missing"
    assert entries[0].keys() == entries[1].keys()
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--model", "htdemuks"), 2, "did you mean 'htdemucs'"),
        (("--model", "nowhere.safetensors"), 3, "nowhere.safetensors"),
        (("--two-stems", "vocal"), 2, "did you mean 'vocals'"),
        (("--two-stems", "vocals", "--residual"), 2, "exclude each other"),
        (("--overlap", "1"), 2, "overlap"),
        (("--shifts", "-1"), 2, "shifts"),
        (("--format", "flac", "--bit-depth", "32"), 2, "flac with 32 bits"),
        (("--format", "opus"), 2, "stems keep the rate"),
        (("--device", "mps"), 3, "there is no Apple GPU"),
        (("-o", "song.wav"), 2, "song.wav"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    song: Callable[..., Path],
    run: Run,
    model: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    song(rate_hz=44_100)
    model_given = () if "--model" in options else ("--model", model)
    result = run("stems", "separate", "song.wav", *model_given, *options)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["song.wav"]


def test_a_model_that_is_not_here(song: Callable[..., Path], run: Run) -> None:
    song()
    result = run("stems", "separate", "song.wav", "--model", "htdemucs")
    assert result.exit_code == 3
    assert "955717e8" in result.stderr
    assert "--model draft" in result.stderr


def test_a_corrupt_model(song: Callable[..., Path], run: Run, folder: Path) -> None:
    song()
    (folder / "bad.safetensors").write_bytes(b"\x10" + bytes(40))
    result = run("stems", "separate", "song.wav", "--model", "bad.safetensors")
    assert result.exit_code == 3
    assert "bad.safetensors" in result.stderr


def test_a_full_disk_leaves_no_stem_behind(
    song: Callable[..., Path], run: Run, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mastering.io.wav import WavFile

    song(frames=200_000)
    write, count = WavFile.write, 0

    def full(self: WavFile, samples: Any) -> None:
        nonlocal count
        count += 1
        if count > 9:
            raise OSError(28, "No space left on device")
        write(self, samples)

    monkeypatch.setattr(WavFile, "write", full)
    result = run("stems", "separate", "song.wav", "--model", model, "-o", "out")
    assert result.exit_code == 3
    assert "the disk is full" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["song.wav"]


def test_jobs_do_all_inputs(song: Callable[..., Path], run: Run, model: Path) -> None:
    for name in ("a.wav", "b.wav"):
        song(name)
    result = run("stems", "separate", "a.wav", "b.wav", "--model", model, "--jobs", "2", "--json")
    assert result.exit_code == 0, result.stderr
    assert [entry["input"] for entry in json.loads(result.stdout)["results"]] == ["a.wav", "b.wav"]


def test_help_and_a_full_hit_import_no_torch(
    song: Callable[..., Path], separate: Callable[..., Any], model: Path
) -> None:
    song()
    first = separate("song.wav")
    code = (
        "import sys; from mastering.cli.app import app\n"
        "try:\n    app.main(sys.argv[1:], prog_name='tonmeister')\n"
        "finally:\n    print('torch' in sys.modules, 'demucs' in sys.modules)"
    )
    for arguments in (
        ["stems", "--help"],
        ["stems", "separate", "--help"],
        ["stems", "separate", "song.wav", "--model", str(model), "-o", "again", "--json"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        assert done.stdout.endswith("False False\n")
    for name, path in first["outputs"].items():
        assert Path(path).read_bytes() == (Path("again") / "song.stems" / f"{name}.wav").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_a_run_that_was_ended_goes_on(
    song: Callable[..., Path],
    launch: Callable[..., Any],
    run: Run,
    model: Path,
    cache: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    song(frames=1_200_000)  # two and a half minutes
    given = ("stems", "separate", "song.wav", "--model", model, "--shifts", "8", "--bit-depth", "32")
    process = launch(*given, faked=False)
    deadline_s = time.monotonic() + 120
    while not any(journal.stat().st_size for journal in cache.glob("*/journal")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert stderr == "Interrupted: 0 of 1 inputs finished; the same command goes on from here.\n"
    assert sorted(path.name for path in folder.iterdir()) == ["song.wav"]
    shown = json.loads(run("cache", "show", "--json").stdout)["entries"]
    assert [(entry["whole"], entry["in_use"]) for entry in shown] == [(False, False)]
    (journal,) = cache.glob("*/journal")
    assert 0 < int(journal.read_text().split()[-1]) < 1_200_000

    assert launch(*given, faked=False).wait(300) == 0
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(folder / "fresh"))
    assert launch(*given, "-o", "straight", faked=False).wait(300) == 0
    for name in SOURCES:
        resumed = (folder / "song.stems" / f"{name}.wav").read_bytes()
        assert resumed == (folder / "straight" / "song.stems" / f"{name}.wav").read_bytes()
