"""The cache of separations: whole entries, the limit, and processes that share it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mastering.errors import EnvironmentProblem, ParameterError
from stems.cache import MANIFEST, Lease, StemCache, default_cache, temporary_cache
from stems.locks import try_lock

REPOSITORY = Path(__file__).resolve().parents[2]


def make(cache: StemCache, key: str, size: int = 1_000, *, used_s: float | None = None) -> None:
    """A whole entry of `size` bytes."""
    lease = cache.write(key)
    (lease.folder / "stem.f32").write_bytes(b"x" * size)
    cache.finish(lease, {"sizes": {"stem.f32": size}})
    lease.release()
    if used_s is not None:
        for path in (cache.folder / key).iterdir():
            os.utime(path, (used_s, used_s))


def keys(cache: StemCache) -> set[str]:
    return {one.key for one in cache.entries()}


def test_an_entry_is_there_once_its_manifest_is(cache: StemCache) -> None:
    lease = cache.write("a")
    assert lease.manifest == {}
    assert cache.read("a") is None
    cache.finish(lease, {"sizes": {}})
    lease.release()
    found = cache.read("a")
    assert found is not None
    assert found.manifest == {"sizes": {}}


@pytest.mark.parametrize("damage", ["short", "gone", "torn"])
def test_a_damaged_entry_is_none(cache: StemCache, damage: str) -> None:
    make(cache, "a")
    folder = cache.folder / "a"
    if damage == "short":
        (folder / "stem.f32").write_bytes(b"x")
    elif damage == "gone":
        (folder / "stem.f32").unlink()
    else:
        (folder / MANIFEST).write_text("{")
    assert cache.read("a") is None
    assert cache.write("a").manifest == {}


def test_the_least_recently_used_goes_first(cache: StemCache) -> None:
    now = time.time()
    for place, key in enumerate("abcd"):
        make(cache, key, used_s=now - 100 + place)
    used = cache.read("a")  # now the latest
    assert used is not None
    used.release()
    cache.limit_bytes = 3_500
    cache.make_room(1_000)
    assert keys(cache) == {"a", "d"}


def test_what_is_in_use_stays(cache: StemCache) -> None:
    for key in "ab":
        make(cache, key, used_s=1.0)
    held = cache.read("a")
    cache.limit_bytes = 0
    cache.make_room(0)
    assert keys(cache) == {"a"}
    assert cache.clear().in_use == 1
    assert held is not None
    assert (held.folder / "stem.f32").stat().st_size == 1_000
    held.release()
    done = cache.clear()
    assert (done.entries, done.in_use) == (1, 0)
    assert done.size_bytes > 1_000
    assert list(cache.folder.iterdir()) == []


def test_a_disk_without_room_is_said_at_once(cache: StemCache) -> None:
    make(cache, "a")
    with pytest.raises(
        EnvironmentProblem, match=r"cache of stems cannot be written: the disk is full"
    ) as caught:
        cache.make_room(10**18)
    assert caught.value.code == "disk_full"
    assert "the same command then goes on" in caught.value.hint


def test_readers_share_and_writers_do_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = try_lock(path, shared=True), try_lock(path, shared=True)
    assert first is not None
    assert second is not None
    if sys.platform != "win32":
        assert try_lock(path, shared=False) is None
    first.release()
    second.release()
    writer = try_lock(path, shared=False)
    assert writer is not None
    assert try_lock(path, shared=True) is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_a_second_process_waits_and_finds_the_entry(cache: StemCache) -> None:
    lease = cache.write("a")
    code = (
        "import sys; from pathlib import Path; from stems.cache import StemCache; "
        "cache = StemCache(Path(sys.argv[1])); "
        "lease = cache.write('a', wait=lambda: print('waits', flush=True)); print(lease.manifest)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(cache.folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waits\n"
        cache.finish(lease, {"sizes": {}})
        lease.release()
        assert other.stdout.read().splitlines()[-1] == "{'sizes': {}}"
    assert other.returncode == 0


def test_waiting_can_be_ended(cache: StemCache) -> None:
    held = cache.write("a")

    def tired() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.write("a", wait=tired)
    held.release()


def test_a_temporary_cache_goes_with_its_last_entry() -> None:
    cache = temporary_cache()
    folder = cache.folder
    make(cache, "a")
    lease: Lease | None = cache.read("a")
    del cache
    assert folder.is_dir()
    assert lease is not None
    del lease
    assert not folder.exists()


def test_the_environment_names_folder_and_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONMEISTER_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TONMEISTER_CACHE_GB", "1.5")
    cache = default_cache()
    assert (cache.folder, cache.limit_bytes) == (tmp_path / "stems", 1_500_000_000)
    for wrong in ("much", "-1", "nan"):
        monkeypatch.setenv("TONMEISTER_CACHE_GB", wrong)
        with pytest.raises(ParameterError, match="TONMEISTER_CACHE_GB"):
            default_cache()


def test_nothing_is_made_by_looking(cache: StemCache) -> None:
    assert cache.entries() == []
    assert cache.read("a") is None
    assert cache.clear().entries == 0
    assert not cache.folder.exists()


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = StemCache(tmp_path / "file" / "cache")
    assert cache.problem() == "not a directory"
    with pytest.raises(EnvironmentProblem, match="cache of stems"):
        cache.write("a")


def test_the_manifest_is_plain(cache: StemCache) -> None:
    make(cache, "a")
    assert json.loads((cache.folder / "a" / MANIFEST).read_text("utf-8"))["sizes"] == {"stem.f32": 1_000}
