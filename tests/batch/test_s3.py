"""`tonmeister batch` from and to S3: a real server on loopback, real kills."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io.remote import fetch, find, look
from mastering.io.remote_publish import publish
from tests.batch.conftest import Catalogue


def _storage() -> Any:
    import fsspec

    return fsspec.filesystem("s3", use_listings_cache=False)


def _objects(url: str) -> dict[str, bytes]:
    """What lies below a URL, without the run's own."""
    storage = _storage()
    root = url.removeprefix("s3://") + "/"
    return {
        path.removeprefix(root): storage.cat_file(path)
        for path in storage.find(root)
        if not path.endswith(("/batch.json", "/batch.csv", "/batch.html"))
    }


def _wavs(objects: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in objects.items() if name.endswith(".wav")}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where attempts fetch to."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def test_a_catalogue_on_s3(bucket: str, catalogue: Catalogue, scratch: Path) -> None:
    """There, back, again, changed, gone on with; the same bytes as from a disk."""
    for number, name in enumerate(["one.wav", "b/two.wav"]):
        _storage().put_file(str(catalogue.song(name, number)), f"{bucket}/mixes/{name}")
    reference = catalogue.song("like.wav", 9)
    _storage().put_file(str(reference), f"{bucket}/like.wav")

    arguments = (f"{bucket}/mixes", "--output", f"{bucket}/masters", "-r", f"{bucket}/like.wav")
    said = catalogue.run(*arguments)
    assert "2 mastered in" in said

    found = _objects(f"{bucket}/masters")
    assert sorted(found) == sorted(
        f"{stem}.master{end}" for stem in ("one", "b/two") for end in (".wav", ".recipe.json", ".report.html")
    )
    assert list(scratch.iterdir()) == []
    assert catalogue.journals() == []
    assert _wavs(found) == {
        "one.master.wav": catalogue.here("one.wav", reference=reference),
        "b/two.master.wav": catalogue.here("b/two.wav", reference=reference),
    }

    assert "0 mastered, 2 known before" in catalogue.run(*arguments)
    _storage().rm_file(f"{bucket}/masters/one.master.recipe.json".removeprefix("s3://"))
    _storage().put_file(str(catalogue.song("new.wav", 5)), f"{bucket}/mixes/b/two.wav")
    assert "2 mastered in" in catalogue.run(f"{bucket}/masters/batch.json")
    again = _objects(f"{bucket}/masters")
    assert sorted(again) == sorted(found)
    assert again["one.master.wav"] == found["one.master.wav"]
    assert again["b/two.master.wav"] != found["b/two.master.wav"]


def test_killed_while_publishing(bucket: str, catalogue: Catalogue, scratch: Path) -> None:
    """Killed as soon as an object is about to be there, again and again: each is there once and whole."""
    count, rounds = 3, 2
    for number in range(count):
        catalogue.song(f"{number}.wav", number)
    arguments = (catalogue.inputs, "--output", f"{bucket}/masters", "--style", "warm")
    for place in range(rounds):
        _kill_when_published(catalogue, arguments, objects=1 + 2 * place)
    process = catalogue.start(*arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err

    found = _objects(f"{bucket}/masters")
    assert len(found) == 3 * count
    assert not [name for name in found if ".tonmeister-" in name]
    assert list(scratch.iterdir()) == []
    assert catalogue.journals() == []
    expected = {f"{n}.master.wav": catalogue.here(f"{n}.wav", style="warm") for n in range(count)}
    assert _wavs(found) == expected


def _kill_when_published(catalogue: Catalogue, arguments: tuple[Any, ...], *, objects: int) -> None:
    attempts = catalogue.root / "jobs" / "attempts"
    process = catalogue.start(*arguments)
    deadline_s = time.monotonic() + 40.0
    while process.poll() is None and time.monotonic() < deadline_s:
        journals = list(attempts.glob("*.journal")) if attempts.is_dir() else []
        texts = [path.read_text("ascii") for path in journals if path.exists()]
        if any(text.count('"publishing"') >= objects and '"finished"' not in text for text in texts):
            break
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)


def test_what_is_there_is_not_replaced(bucket: str, tmp_path: Path) -> None:
    path, url = tmp_path / "a.wav", f"{bucket}/a.wav"
    path.write_bytes(b"ours")
    first = publish(path, url, force=False)
    assert first.sha256 == hashlib.sha256(b"ours").hexdigest()
    with pytest.raises(AudioFileError) as refused:
        publish(path, url, force=False)
    assert refused.value.code == "file_exists"
    path.write_bytes(b"newer")
    assert publish(path, url, force=True).version != first.version


def test_thousands_of_objects(bucket: str) -> None:
    """More than a page of a listing holds, with what is no song among them."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    server = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # directly: a thousand requests would take half a minute
    for name in ["notes.txt", *(f"{n // 100:02d}/{n:04d}.wav" for n in range(1_100))]:
        server.put_object(bucket.removeprefix("s3://"), f"mixes/{name}", b"x")
    found = find(f"{bucket}/mixes", wanted=lambda name: name.endswith(".wav"))
    assert len(found) == 1_100
    assert {one.version for one in found} == {f"etag:{hashlib.md5(b'x').hexdigest()}"}
    assert len(find(f"{bucket}/mixes/07/*.wav", wanted=lambda name: True)) == 100


def test_another_version(bucket: str, tmp_path: Path) -> None:
    storage = _storage()
    storage.pipe_file(f"{bucket}/a.wav", b"one")
    version = look(f"{bucket}/a.wav").version
    fetch(f"{bucket}/a.wav", tmp_path / "a.wav", version=version)
    assert (tmp_path / "a.wav").read_bytes() == b"one"
    storage.pipe_file(f"{bucket}/a.wav", b"two")
    with pytest.raises(AudioFileError) as refused:
        fetch(f"{bucket}/a.wav", tmp_path / "b.wav", version=version)
    assert refused.value.code == "input_replaced"
    with pytest.raises(AudioFileError) as refused:
        look(f"{bucket}/nothing.wav")
    assert refused.value.code == "file_missing"


def test_no_such_bucket(bucket: str, catalogue: Catalogue) -> None:
    said = catalogue.run(f"{bucket}-none/mixes", code=3)
    assert said.startswith(
        f"Error: {bucket}-none/mixes: it is not there (The specified bucket does not exist)"
    )
    catalogue.song("a.wav", 1)
    said = catalogue.run(catalogue.inputs, "--output", f"{bucket}-none", code=3)
    assert "The specified bucket does not exist" in said


def test_no_credentials(bucket: str, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    fsspec.filesystem("s3").clear_instance_cache()
    said = catalogue.run(f"{bucket}/mixes", code=3)
    assert "access is refused (Unable to locate credentials)" in said


def test_the_network_is_down(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(EnvironmentProblem) as told:
        look(f"{bucket}/a.wav")
    assert told.value.code == "remote_unreachable"
    assert "Could not connect" in told.value.message
