"""Downloads from a real server: whole, broken off, lying, full, and not there."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mastering.errors import EnvironmentProblem, ModelError, ParameterError
from stems.models import ModelEntry, Progress, catalog, download, find_model, locate, verify
from stems.models.transfer import Network, part_of

QUICK = Network(timeout_s=5.0, waits_s=(0.0, 0.0))
Publish = Callable[..., ModelEntry]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_model_comes_once(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    first, second = two_networks
    entry = publish({"aaaa0001": first, "aaaa0002": second})
    told: list[Progress] = []
    files = download(entry, None, told.append, network=QUICK)
    assert [file.path.read_bytes() for file in files.files] == [first, second]
    assert names(cache) == {"aaaa0001.safetensors", "aaaa0002.safetensors"}
    assert [(p.index, p.count) for p in (told[0], told[-1])] == [(0, 2), (1, 2)]
    assert told[0].done_bytes == 0
    assert told[-1].done_bytes == told[-1].total_bytes == len(second)
    server.asked.clear()
    assert download(entry, network=QUICK) == files
    assert server.asked == []


def test_a_digest_nobody_knew_is_recorded_and_checked_from_then_on(
    publish: Publish, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    first, second = two_networks
    entry = publish({"aaaa0001": first}, known=False)
    path = download(entry, network=QUICK).files[0].path
    digest = hashlib.sha256(first).hexdigest()
    assert (cache / "aaaa0001.safetensors.sha256").read_text() == f"{digest}  aaaa0001.safetensors\n"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--status", f"{path}.sha256"], cwd=cache, check=True)
    (check,) = verify(entry)
    assert (check.state, check.origin) == ("sound", "record")
    path.write_bytes(second)
    (check,) = verify(entry)
    assert check.state == "damaged"
    assert "recorded when it was first downloaded" in check.problem


def test_what_broke_off_goes_on_where_it_was(
    publish: Publish, server: Any, two_networks: tuple[bytes, bytes]
) -> None:
    content = two_networks[0]
    server.cuts = [100_000, 50_000]
    entry = publish({"aaaa0001": content})
    assert download(entry, network=QUICK).files[0].path.read_bytes() == content
    assert [wanted for _, wanted in server.asked] == ["", "bytes=100000-", "bytes=150000-"]


@pytest.mark.parametrize("known", [True, False])
def test_another_days_beginning_is_used_only_where_a_digest_can_tell(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes], known: bool
) -> None:
    content = two_networks[0]
    entry = publish({"aaaa0001": content}, known=known)
    cache.mkdir(parents=True)
    part = part_of(cache / "aaaa0001.safetensors")
    part.write_bytes(content[:70_000])
    assert download(entry, network=QUICK).files[0].path.read_bytes() == content
    wanted = [wanted for _, wanted in server.asked]
    assert wanted == (["bytes=70000-"] if known else ["bytes=70000-", ""])
    assert not part.exists()


def test_a_beginning_of_another_file_is_noticed_and_fetched_anew(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    first, second = two_networks
    entry = publish({"aaaa0001": first})
    cache.mkdir(parents=True)
    part_of(cache / "aaaa0001.safetensors").write_bytes(second[:300_000])
    assert download(entry, network=QUICK).files[0].path.read_bytes() == first
    assert [wanted for _, wanted in server.asked] == ["bytes=300000-", ""]


@pytest.mark.parametrize("more", [0, 10])
def test_a_part_that_is_whole_or_longer(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes], more: int
) -> None:
    content = two_networks[0]
    entry = publish({"aaaa0001": content})
    cache.mkdir(parents=True)
    part_of(cache / "aaaa0001.safetensors").write_bytes(content + b"\0" * more)
    assert download(entry, network=QUICK).files[0].path.read_bytes() == content
    assert len(server.asked) == (1 if more == 0 else 2)


def test_a_server_without_ranges_starts_over(
    publish: Publish, server: Any, two_networks: tuple[bytes, bytes]
) -> None:
    content = two_networks[0]
    server.knows_ranges, server.cuts = False, [100_000]
    assert download(publish({"aaaa0001": content}), network=QUICK).files[0].path.read_bytes() == content


def test_a_server_that_is_busy_is_asked_again(
    publish: Publish, server: Any, two_networks: tuple[bytes, bytes]
) -> None:
    server.statuses = [503, 429]
    entry = publish({"aaaa0001": two_networks[0]})
    assert download(entry, network=QUICK).files[0].path.is_file()
    assert len(server.asked) == 3


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_kept(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    content = two_networks[0]
    server.cuts = [50_000] + [0] * 20
    with pytest.raises(ModelError, match="broke off after 50000 of") as caught:
        download(publish({"aaaa0001": content}), network=QUICK)
    assert caught.value.code == "model_download"
    assert part_of(cache / "aaaa0001.safetensors").read_bytes() == content[:50_000]


def test_a_killed_download_is_taken_up(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    content = two_networks[0]
    entry = publish({"aaaa0001": content})

    def stop(progress: Progress) -> None:
        if progress.done_bytes > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(entry, None, stop, network=QUICK)
    have = part_of(cache / "aaaa0001.safetensors").stat().st_size
    assert 0 < have < len(content)
    assert download(entry, network=QUICK).files[0].path.read_bytes() == content
    assert server.asked[-1][1] == f"bytes={have}-"


def test_a_lying_server_is_caught(
    publish: Publish, server: Any, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    first, second = two_networks
    entry = publish({"aaaa0001": first})
    server.files = dict.fromkeys(server.files, second)
    with pytest.raises(ModelError, match="is not that file: its SHA-256 begins with") as caught:
        download(entry, network=QUICK)
    assert caught.value.code == "model_checksum"
    assert names(cache) == set()


def test_the_second_server_helps_where_the_first_lies_or_has_nothing(
    publish: Publish,
    server: Any,
    cache: Path,
    two_networks: tuple[bytes, bytes],
    as_package: Callable[..., bytes],
    network: Callable[..., Any],
) -> None:
    package = as_package(network("HDemucs", seed=1))
    digits = hashlib.sha256(package).hexdigest()[:8]
    from stems.models.entries import Member, RemoteFile

    entry = publish({"aaaa0001": two_networks[0]})
    old = RemoteFile(name=f"aaaa0001-{digits}.th", root="legacy", path="y.th", sha256=digits)
    member = Member(signature="aaaa0001", files=(entry.members[0].files[0], old))
    server.files = {"/old/y.th": package, f"/hub/{member.files[0].path}": b"lies"}
    both = publish({}, members=(member,), weights=((1.0,) * 4,))
    assert download(both, network=QUICK).files[0].path == cache / old.name
    # Eight digits are in the name; all of them are recorded.
    assert verify(both)[0].origin == "record"


def test_the_hub_tells_a_digest_on_the_way(
    publish: Publish, server: Any, two_networks: tuple[bytes, bytes]
) -> None:
    first, second = two_networks
    entry = publish({"aaaa0001": first}, known=False)
    asked = f"/hub/{entry.members[0].files[0].path}"
    server.files["/cdn/blob"] = second
    server.redirects = {asked: f"{server.url}/cdn/blob"}
    server.headers = {"X-Linked-ETag": f'"{hashlib.sha256(first).hexdigest()}"'}
    with pytest.raises(ModelError, match="is not that file"):
        download(entry, network=QUICK)
    server.files["/cdn/blob"] = first
    server.cuts = [9_000]
    assert download(entry, network=QUICK).files[0].path.read_bytes() == first
    assert server.asked[-1] == ("/cdn/blob", "bytes=9000-")


def test_a_login_page_is_no_model(publish: Publish, server: Any, cache: Path) -> None:
    entry = publish({"aaaa0001": b"<html>Please log in to the hotel's network</html>"}, known=False)
    with pytest.raises(ModelError, match="no whole safetensors file") as caught:
        download(entry, network=QUICK)
    assert caught.value.code == "model_damaged"
    assert names(cache) == set()


def test_nothing_there(publish: Publish, server: Any) -> None:
    entry = publish({"aaaa0001": b"x"})
    server.files.clear()
    with pytest.raises(ModelError, match="answers 404 Not Found") as caught:
        download(entry, network=QUICK)
    assert caught.value.code == "model_download"
    assert "--model draft" in caught.value.hint


def test_no_network_is_one_sentence_with_a_way_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(*_arguments: Any, **_named: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(ModelError) as caught:
        download(find_model("htdemucs"), network=QUICK)
    error = caught.value
    assert error.code == "model_offline"
    assert "huggingface.co cannot be reached" in error.message
    assert "\n" not in error.message
    assert "put 955717e8.safetensors from https://huggingface.co/adefossez/HTDemucs/" in error.hint
    assert f"into {cache}" in error.hint
    assert "--model draft" in error.hint


def test_nobody_listens(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{held.getsockname()[1]}"
    monkeypatch.setenv("TONMEISTER_MODELS_URL", free)
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        download(publish({"aaaa0001": b"x"}), network=QUICK)
    assert caught.value.code == "model_offline"


def test_a_silent_server_is_not_waited_for_for_ever(
    publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setenv("TONMEISTER_MODELS_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(ModelError, match="timed out"):
            download(publish({"aaaa0001": b"x"}), network=Network(timeout_s=0.1, waits_s=()))


def test_a_mirror_has_the_files_in_one_folder(
    publish: Publish, server: Any, monkeypatch: pytest.MonkeyPatch, two_networks: tuple[bytes, bytes]
) -> None:
    entry = publish({"aaaa0001": two_networks[0]})
    server.files = {"/mirror/aaaa0001.safetensors": two_networks[0]}
    monkeypatch.setenv("TONMEISTER_MODELS_URL", f"{server.url}/mirror/")
    assert download(entry, network=QUICK).files[0].path.is_file()
    assert server.asked == [("/mirror/aaaa0001.safetensors", "")]


def test_a_mirror_of_the_hub_by_the_variable_of_other_tools(
    publish: Publish, server: Any, monkeypatch: pytest.MonkeyPatch, two_networks: tuple[bytes, bytes]
) -> None:
    entry = publish({"aaaa0001": two_networks[0]})
    server.files = {f"/other/{entry.members[0].files[0].path}": two_networks[0]}
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/other")
    assert download(entry, network=QUICK).files[0].path.is_file()


@pytest.mark.parametrize("value", ["file:///etc", "ftp://host/x", "models", "https://"])
def test_a_mirror_is_a_web_address(publish: Publish, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TONMEISTER_MODELS_URL", value)
    with pytest.raises(ParameterError, match="not an address of a web server"):
        download(publish({"aaaa0001": b"x"}), network=QUICK)


def test_a_proxy_of_the_environment_is_used(
    publish: Publish, server: Any, monkeypatch: pytest.MonkeyPatch, two_networks: tuple[bytes, bytes]
) -> None:
    entry = publish({"aaaa0001": two_networks[0]})
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setattr(
        catalog, "roots", lambda: {"hub": "http://models.invalid", "legacy": "http://models.invalid"}
    )
    address = f"http://models.invalid/{entry.members[0].files[0].path}"
    server.files = {address: two_networks[0]}  # a proxy is asked for whole addresses
    assert download(entry, network=QUICK).files[0].path.is_file()


def test_a_full_disk_is_said_before_the_first_byte(
    publish: Publish, monkeypatch: pytest.MonkeyPatch, two_networks: tuple[bytes, bytes]
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(EnvironmentProblem, match="the disk is full") as caught:
        download(publish({"aaaa0001": two_networks[0]}), network=QUICK)
    assert caught.value.code == "disk_full"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_fills_up_on_the_way(
    publish: Publish, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    cache.mkdir(parents=True)
    part_of(cache / "aaaa0001.safetensors").symlink_to("/dev/full")
    with pytest.raises(EnvironmentProblem, match="the disk is full"):
        download(publish({"aaaa0001": two_networks[0]}), network=QUICK)


def test_a_folder_that_cannot_be_made(publish: Publish, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="cannot be written") as caught:
        download(publish({"aaaa0001": b"x"}), tmp_path / "file" / "models", network=QUICK)
    assert caught.value.code == "output_not_writable"


def test_a_folder_that_is_read_only(
    publish: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read_only(path: Any, *_arguments: Any, **_named: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        with pytest.raises(EnvironmentProblem, match="cannot be written \\(Read-only file system\\)"):
            download(publish({"aaaa0001": b"x"}), tmp_path, network=QUICK)


def test_a_damaged_file_is_set_aside_and_fetched_anew(
    publish: Publish, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    content = two_networks[0]
    entry = publish({"aaaa0001": content})
    cache.mkdir(parents=True)
    (cache / "aaaa0001.safetensors").write_bytes(content[:1000])
    assert download(entry, network=QUICK).files[0].path.read_bytes() == content
    assert names(cache) == {"aaaa0001.safetensors", "aaaa0001.safetensors.damaged"}


def test_a_bag_that_broke_off_fetches_only_the_rest(
    publish: Publish, server: Any, two_networks: tuple[bytes, bytes]
) -> None:
    entry = publish(dict(zip(("aaaa0001", "aaaa0002"), two_networks, strict=True)))
    second = next(path for path in server.files if "aaaa0002" in path)
    content = server.files.pop(second)
    with pytest.raises(ModelError):
        download(entry, network=QUICK)
    server.files[second] = content
    server.asked.clear()
    download(entry, network=QUICK)
    assert [path for path, _ in server.asked] == [second]


def test_two_at_once_fetch_it_once(publish: Publish, server: Any, two_networks: tuple[bytes, bytes]) -> None:
    entry = publish({"aaaa0001": two_networks[0]})
    failures: list[BaseException] = []

    def run() -> None:
        try:
            download(entry, network=QUICK)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.asked) == 1
    assert verify(entry)[0].state == "sound"


def test_an_encrypted_address_never_leads_to_a_plain_one() -> None:
    from stems.models.transfer import Refused, _Redirects, _Run

    run = _Run(part=Path("x"), sha256="", tell=lambda *_: None)
    request = urllib.request.Request("https://host/file")
    with pytest.raises(Refused, match="without encryption"):
        _Redirects(run).redirect_request(request, io.BytesIO(), 302, "Found", {}, "http://host/file")


def test_the_embedded_model_is_never_downloaded(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "embedded_folder", lambda: tmp_path)
    (tmp_path / "draft.safetensors").write_bytes(b"x")
    assert download(find_model("draft"), network=QUICK) == locate(find_model("draft"))
    assert server.asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process the Unix way")
def test_a_killed_holder_lets_the_folder_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from stems.models.exclusive import exclusive\n"
        "with exclusive(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        from stems.models.exclusive import _taken, exclusive

        descriptor = os.open(tmp_path / ".lock", os.O_RDWR)
        assert not _taken(descriptor)
        os.close(descriptor)
        holder.kill()
        holder.wait()
        with exclusive(tmp_path):
            pass
