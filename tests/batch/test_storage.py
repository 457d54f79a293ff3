"""Storages: found, fetched, published whole, and taken back, on memory:// and file://."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError
from mastering.io.atomic import watched
from mastering.io.remote import content_of, fetch, filesystem_of, find, look, told, version_of
from mastering.io.remote_publish import Published, is_published, publish, withdraw, write_bytes
from mastering.jobs.journal import Busy, Journal, settled
from mastering.jobs.model import Outcome, Retries
from mastering.jobs.place import Place
from mastering.jobs.service import Jobs
from tests.batch import work


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty folder: objects that appear whole, and files that do not."""
    if request.param == "file":
        yield (tmp_path / "there").as_uri()
        return
    url = f"memory://{secrets.token_hex(4)}"
    yield url
    filesystem, root = filesystem_of(url)
    if filesystem.exists(root):
        filesystem.rm(root, recursive=True)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """Something to publish."""
    path = tmp_path / "master.wav"
    path.write_bytes(b"music" * 1000)
    return path


def _names(url: str) -> list[str]:
    filesystem, root = filesystem_of(url)
    return (
        sorted(path.removeprefix(root) for path in filesystem.find(root)) if filesystem.exists(root) else []
    )


def _attempt(path: Path, *steps: tuple[Path, str], force: bool = False, finish: bool = False) -> None:
    journal = Journal(path)
    with watched(journal):
        for master, url in steps:
            publish(master, url, force=force)
    if finish:
        journal.finish(Outcome())
    journal.close()


def test_published_once(place: str, master: Path) -> None:
    published = publish(master, f"{place}/deep/a.wav", force=False)
    assert _names(place) == ["/deep/a.wav"]
    assert is_published(published)
    assert content_of(published.url) == published.sha256
    with pytest.raises(AudioFileError) as refused:
        publish(master, published.url, force=False)
    assert refused.value.code == "file_exists"
    master.write_bytes(b"other")
    publish(master, published.url, force=True)
    assert not is_published(published)


def test_fetched_as_it_was_seen(place: str, master: Path, tmp_path: Path) -> None:
    url = f"{place}/a.wav"
    publish(master, url, force=False)
    by_content = f"sha256:{content_of(url)}"
    shares: list[float] = []
    fetch(url, tmp_path / "one", version=look(url).version, progress=shares.append)
    fetch(url, tmp_path / "two", version=by_content)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == master.read_bytes()
    write_bytes(b"replaced", url)
    for version in ("size-time:1-2", by_content):
        with pytest.raises(AudioFileError) as refused:
            fetch(url, tmp_path / "three", version=version)
        assert refused.value.code == "input_replaced"
    write_bytes(b"no song", f"{place}/notes.txt")
    (found,) = find(place, wanted=lambda name: name.endswith(".wav"))
    assert (found.url.rpartition("/")[2], found.size_bytes) == ("a.wav", len(b"replaced"))


def test_an_attempt_that_died_is_undone(place: str, master: Path, tmp_path: Path) -> None:
    """What it put there goes, with its scratch; what is somebody else's stays."""
    write_bytes(b"somebody's", f"{place}/theirs.wav")
    write_bytes(b"older", f"{place}/replaced.wav")
    path, scratch = tmp_path / "a.journal", tmp_path / "scratch"
    scratch.mkdir()
    _attempt(path, (master, f"{place}/a.wav"))
    _attempt(path, (master, f"{place}/replaced.wav"), force=True)
    journal = Journal(path)
    journal.scratch(scratch)
    journal.publishing(
        Published(url=f"{place}/theirs.wav", size_bytes=10, sha256="0" * 64), "", replaces=False
    )
    journal.publishing(
        Published(url=f"{place}/never.wav", size_bytes=10, sha256="0" * 64), "", replaces=False
    )
    journal.close()
    with settled(path) as finished:
        assert finished is None
    assert _names(place) == ["/replaced.wav", "/theirs.wav"]
    assert not scratch.exists()
    assert not path.exists()


def test_an_attempt_that_died_before_it_could_say_so(place: str, master: Path, tmp_path: Path) -> None:
    """The object is there and only announced: it is known by its bytes; a part by its name."""
    path = tmp_path / "a.journal"
    journal = Journal(path)
    published = publish(master, f"{place}/a.wav", force=False)
    announced = Published(url=published.url, size_bytes=published.size_bytes, sha256=published.sha256)
    write_bytes(b"half", f"{place}/part.wav")
    journal.publishing(announced, f"{place}/part.wav", replaces=False)
    journal.close()
    with settled(path):
        pass
    assert _names(place) == []


def test_an_attempt_that_was_done_is_kept(place: str, master: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    _attempt(path, (master, f"{place}/a.wav"), finish=True)
    with settled(path) as finished:
        assert finished is not None
        assert [file.path for file in finished.files] == [f"{place}/a.wav"]
    assert _names(place) == ["/a.wav"]

    _attempt(path, (master, f"{place}/b.wav"), finish=True)
    write_bytes(b"changed since", f"{place}/b.wav")
    with settled(path) as finished:
        assert finished is None
    assert _names(place) == ["/a.wav", "/b.wav"]


def test_a_storage_that_is_away(place: str, master: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The journal stays until the storage is back."""
    path = tmp_path / "a.journal"
    _attempt(path, (master, f"{place}/a.wav"))
    with monkeypatch.context() as away:
        away.setattr("mastering.jobs.journal.withdraw", _unreachable)
        with pytest.raises(Busy), settled(path):
            pass
    assert path.exists()
    with settled(path):
        pass
    assert _names(place) == []


def _unreachable(*_: object) -> None:
    raise EnvironmentProblem("it cannot be reached", code="remote_unreachable")


def test_a_failure_leaves_no_part(tmp_path: Path, master: Path, monkeypatch: Any) -> None:
    url = f"{tmp_path.as_uri()}/there/a.wav"
    filesystem, _ = filesystem_of(url)
    monkeypatch.setattr(type(filesystem), "mv", _failing)
    with pytest.raises(EnvironmentProblem) as told_:
        publish(master, url, force=False)
    assert told_.value.code == "remote_failed"
    assert _names(f"{tmp_path.as_uri()}/there") == []


def _failing(*_: object, **__: object) -> None:
    raise OSError("the line went dead")


@pytest.mark.parametrize(
    ("url", "kind", "code", "words"),
    [
        ("s4://bucket/a.wav", ParameterError, "remote_protocol", "did you mean 's3://'?"),
        ("sftp://me:secret@host/a.wav", ParameterError, "remote_password", "sftp://...: a password"),
        ("dropbox://a.wav", EnvironmentProblem, "remote_library", "dropboxdrivefs"),
    ],
)
def test_urls_that_are_refused(url: str, kind: type[Exception], code: str, words: str) -> None:
    with pytest.raises(kind) as refused:
        look(url)
    assert getattr(refused.value, "code", "") == code
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError("Access Denied"), "remote_credentials"),
        (ConnectionRefusedError("refused"), "remote_unreachable"),
        (TimeoutError(), "remote_unreachable"),
        (OSError(28, "No space left on device"), "disk_full"),
        (FileNotFoundError("The specified bucket does not exist"), "remote_missing"),
        (RuntimeError("odd"), "remote_failed"),
    ],
)
def test_what_a_storage_throws(error: Exception, code: str) -> None:
    with pytest.raises(EnvironmentProblem) as problem, told("s3://bucket/a.wav"):
        raise error
    assert problem.value.code == code
    assert problem.value.message.startswith("s3://bucket/a.wav: ")
    assert "\n" not in problem.value.message


def test_versions() -> None:
    assert version_of({"ETag": '"a-3"', "size": 1}) == "etag:a-3"
    assert version_of({"md5Hash": "x=="}) == "md5hash:x=="
    assert version_of({"size": 3, "mtime": 4.5}) == "size-time:3-4.5"
    assert version_of({"size": 3}) == ""


def test_withdrawing_twice(place: str, master: Path) -> None:
    published = publish(master, f"{place}/a.wav", force=False)
    withdraw(published, "")
    withdraw(published, f"{place}/part.wav")
    assert _names(place) == []


@pytest.fixture
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own find the kind of `tests.batch.work`, too."""
    repository = str(Path(__file__).resolve().parents[2])
    paths = filter(None, [os.environ.get("PYTHONPATH"), repository])
    monkeypatch.setattr(sys, "path", [*sys.path, repository])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.mark.usefixtures("found_by_workers")
def test_a_worker_that_dies_while_it_publishes(tmp_path: Path, master: Path) -> None:
    """What it has put there is gone before the next attempt, which would be refused the name otherwise."""
    there, tries = f"{tmp_path.as_uri()}/there", tmp_path / "tries"
    request = work.Work(source=master, urls=(f"{there}/a.wav", f"{there}/b.wav"), tries=tries)
    with Jobs(Place.of(str(tmp_path / "jobs")), kinds=work.kinds()) as jobs:
        job = jobs.submit(request)
        with jobs.running(lanes={"short": 1}, retries=Retries(wait_s=0.0)):
            (done,) = jobs.wait([job.id], timeout_s=50.0)
    assert done.state == "done", done.failure
    assert tries.read_text("ascii") == "xx"
    assert _names(there) == ["/a.wav", "/b.wav"]
    assert [file.path for file in done.files] == list(request.urls)
    assert list((tmp_path / "jobs" / "attempts").iterdir()) == []
