"""Files that lie elsewhere than on a disk: URLs of whatever fsspec knows, such as s3://bucket/song.wav.

Objects are found, fetched and read here; `remote_publish` writes them. A `file://` URL is a path like any
other: see `local_path`. Listings are never cached, because what lies elsewhere changes.

Codes of the errors raised: remote_protocol, remote_library, remote_password, remote_missing,
remote_credentials, remote_unreachable, remote_failed, disk_full; file_missing, input_replaced.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError, TonmeisterError

__all__ = [
    "Found",
    "callback_of",
    "canonical",
    "content_of",
    "fetch",
    "filesystem_of",
    "find",
    "is_url",
    "joined",
    "local_path",
    "look",
    "open_object",
    "read_bytes",
    "told",
    "version_of",
]

_READ_BYTES = 2**22
_VERSIONS = ("etag", "md5hash", "content-md5", "checksum", "crc32c")
_TIMES = ("lastmodified", "last_modified", "last-modified", "updated", "mtime", "modified", "created")
_UNREACHABLE = frozenset(
    (
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
        *("HTTPClientError", "ClientConnectorError", "ServerDisconnectedError", "ClientOSError"),
        *("ServerTimeoutError", "ConnectionError", "TimeoutError", "FSTimeoutError", "gaierror"),
    )
)
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REFUSED = frozenset(("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "PermissionError"))
_S3_SETTINGS = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object.

    Attributes:
        url: of it.
        size_bytes: None where the filesystem does not say.
        version: what changes with its content (see `version_of`); "" where the filesystem has nothing.
    """

    url: str
    size_bytes: int | None
    version: str


def is_url(text: str) -> bool:
    """Whether this names something that is not a path of this machine.

    >>> is_url("s3://bucket/a.wav"), is_url("C:/a.wav"), is_url("file:///a.wav"), is_url("a b.wav")
    (True, False, False, False)
    """
    protocol, found, _ = text.partition("://")
    return bool(found) and protocol.replace("+", "").replace(":", "").isalnum() and protocol != "file"


def local_path(text: str) -> Path:
    """The path that a path, or a file:// URL, names.

    >>> local_path("file:///music/a%20b.wav").name
    'a b.wav'
    """
    return Path(unquote(urlsplit(text).path)) if text.startswith("file://") else Path(text)


def joined(folder: str, name: str) -> str:
    """The URL of a name, which may hold folders, below a folder's URL."""
    return f"{folder.rstrip('/')}/{name}"


def canonical(url: str) -> str:
    """A URL as listings write it: s3a:// is s3://.

    Raises:
        EnvironmentProblem, ParameterError: see the module.
    """
    fs, path = filesystem_of(url)
    return str(fs.unstrip_protocol(path))


def find(url: str, *, wanted: Callable[[str], bool]) -> list[Found]:
    """The objects below a folder, or those that a glob names, in no particular order.

    Args:
        url: of a folder or an object; one that is not there and has `*`, `?` or `[` in it is a glob.
        wanted: tells by its name whether an object counts.

    Raises:
        EnvironmentProblem, ParameterError: see the module.
    """
    fs, root = filesystem_of(url)
    with told(url):
        is_glob = any(character in root for character in "*?[") and not fs.exists(root)
        listed = fs.glob(root, detail=True) if is_glob else fs.find(root, detail=True)
        return [
            _found(fs.unstrip_protocol(path), info)
            for path, info in listed.items()
            if info.get("type") == "file" and wanted(path)
        ]


def look(url: str) -> Found:
    """What is known of an object.

    Raises:
        AudioFileError: there is none ("file_missing").
        EnvironmentProblem, ParameterError: see the module.
    """
    fs, path = filesystem_of(url)
    with told(url):
        try:
            return _found(url, fs.info(path))
        except FileNotFoundError as error:
            raise _missing(url) from error


def version_of(info: dict[str, Any]) -> str:
    """What the filesystem says of an object that changes with its content: a checksum, else size and time.

    >>> version_of({"ETag": '"8f33"', "size": 3}), version_of({"size": 3})
    ('etag:8f33', '')
    """
    known = {str(key).lower(): value for key, value in info.items()}
    for key in _VERSIONS:
        if value := known.get(key):
            return f"{key}:{str(value).strip(chr(34))}"
    changed = next((known[key] for key in _TIMES if known.get(key)), None)
    if changed is None or known.get("size") is None:
        return ""
    stamp = f"{changed.timestamp():.6f}" if isinstance(changed, datetime) else str(changed)
    return f"size-time:{known['size']}-{stamp}"


def content_of(url: str) -> str:
    """SHA-256 of an object's bytes, hexadecimal: it is read.

    Raises:
        AudioFileError, EnvironmentProblem, ParameterError: as `look`.
    """
    fs, path = filesystem_of(url)
    digest = hashlib.sha256()
    with told(url):
        try:
            with fs.open(path, "rb") as file:
                while block := file.read(_READ_BYTES):
                    digest.update(block)
        except FileNotFoundError as error:
            raise _missing(url) from error
    return digest.hexdigest()


def fetch(url: str, path: Path, *, version: str, progress: Progress = lambda share: None) -> None:
    """Copy an object to a new file, if it is the version that is wanted.

    Args:
        url: of the object.
        path: of the file.
        version: as `look` gave it, or "sha256:" and the digest of its bytes.
        progress: called with 0..1.

    Raises:
        AudioFileError: there is none, or it is or becomes another version ("input_replaced").
        EnvironmentProblem, ParameterError: see the module.
    """
    fs, name = filesystem_of(url)
    by_content = version.startswith("sha256:")
    if not by_content:
        _check(url, look(url).version, version)
    with told(url):
        fs.get_file(name, str(path), callback=callback_of(progress))
    if by_content:
        with path.open("rb") as file:
            _check(url, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}", version)
    else:
        _check(url, look(url).version, version)


def open_object(url: str, *, block_bytes: int) -> Any:
    """An object as a file for reading, which fetches the blocks that are asked for; raises as `look`."""
    fs, path = filesystem_of(url)
    with told(url):
        return fs.open(path, "rb", block_size=block_bytes, cache_type="bytes")


def read_bytes(url: str) -> bytes:
    """A whole small object; raises what `look` raises."""
    fs, path = filesystem_of(url)
    with told(url):
        try:
            return bytes(fs.cat_file(path))
        except FileNotFoundError as error:
            raise _missing(url) from error


def filesystem_of(url: str) -> tuple[Any, str]:
    """The filesystem of a URL, and the path on it.

    Raises:
        ParameterError: no filesystem of that protocol, or a password in the URL.
        EnvironmentProblem: its library is not installed.
    """
    import fsspec.config
    import fsspec.core

    protocol = url.partition("://")[0].rpartition("::")[2]
    if _has_password(url):
        raise ParameterError(
            f"{protocol}://...: a password in a URL would be written down with the records",
            hint="Put it into fsspec's configuration or the environment.",
            code="remote_password",
        )
    settings: dict[str, Any] = {"use_listings_cache": False}
    if protocol in ("s3", "s3a") and "config_kwargs" not in fsspec.config.conf.get("s3", {}):
        settings["config_kwargs"] = _S3_SETTINGS
    try:
        filesystem, path = fsspec.core.url_to_fs(url, **settings)
    except ImportError as error:
        extra = "pip install 'tonmeister[remote]'" if protocol in ("s3", "s3a") else "Install what it names."
        raise EnvironmentProblem(
            f"{url}: a library for {protocol}:// is not installed ({_line(error)})",
            hint=extra,
            code="remote_library",
        ) from error
    except ValueError as error:
        raise _unknown(url, protocol, error) from error
    return filesystem, path


@contextlib.contextmanager
def told(url: str) -> Iterator[None]:
    """Whatever a filesystem throws in here becomes one of the module's errors, about `url`."""
    try:
        yield
    except (TonmeisterError, FileExistsError):
        raise
    except Exception as error:
        raise _problem(url, error) from error


def _has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password)
    except ValueError:  # brackets where a host would stand
        return False


def _found(url: str, info: dict[str, Any]) -> Found:
    return Found(url=url, size_bytes=info.get("size"), version=version_of(info))


def _check(url: str, version: str, wanted: str) -> None:
    if version != wanted:
        raise AudioFileError(
            f"{url}: another file was put in its place meanwhile",
            hint="Run it again: it is taken anew.",
            code="input_replaced",
        )


def callback_of(progress: Progress) -> Any:
    """A callback of fsspec's that tells how far a copy is."""
    from fsspec.callbacks import Callback

    class Told(Callback):  # type: ignore[misc,unused-ignore]  # fsspec has no types
        def call(self, *_: Any, **__: Any) -> None:
            progress(min(1.0, self.value / self.size) if self.size else 0.0)

    return Told()


def _problem(url: str, error: Exception) -> TonmeisterError:
    names = {kind.__name__ for kind in type(error).__mro__}
    if getattr(error, "errno", None) in _FULL:
        return EnvironmentProblem(
            f"{url}: there is no room to fetch it ({_line(error)})",
            hint="Free some space, or set TMPDIR to another disk.",
            code="disk_full",
        )
    if isinstance(error, FileNotFoundError):
        return EnvironmentProblem(
            f"{url}: it is not there ({_line(error)})",
            hint="Check the name of the bucket or folder.",
            code="remote_missing",
        )
    if names & _REFUSED:
        return EnvironmentProblem(
            f"{url}: access is refused ({_line(error)})",
            hint="Check your credentials: for S3 the environment (AWS_...) or ~/.aws.",
            code="remote_credentials",
        )
    if names & _UNREACHABLE:
        return EnvironmentProblem(
            f"{url}: it cannot be reached ({_line(error)})",
            hint="Check the network and the address; what is done stays done.",
            code="remote_unreachable",
        )
    return EnvironmentProblem(
        f"{url}: the storage failed ({_line(error)})",
        hint="Try it again; what is done stays done.",
        code="remote_failed",
    )


def _unknown(url: str, protocol: str, error: ValueError) -> ParameterError:
    from fsspec.registry import known_implementations

    near = difflib.get_close_matches(protocol, known_implementations, n=1, cutoff=0.5)
    meant = f", did you mean '{near[0]}://'?" if near else ""
    if protocol in known_implementations:
        meant = f" ({_line(error)})"
    return ParameterError(
        f"{url}: no storage is known as '{protocol}://'{meant}",
        hint="Name a path, or s3://BUCKET/PREFIX, or another one that fsspec knows.",
        code="remote_protocol",
    )


def _missing(url: str) -> AudioFileError:
    return AudioFileError(f"{url}: there is no such file", hint="Check the name.", code="file_missing")


def _line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return text or type(error).__name__
