"""Settings of the service: one TOML file, environment variables on top, options on top of these.

A setting `max_upload_mb` is a key of that name in the file, $TONMEISTER_SERVE_MAX_UPLOAD_MB in the
environment, and --max-upload-mb where the command has such an option.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.units import Range, check_ranges

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "read_settings"]

ENVIRONMENT_PREFIX = "TONMEISTER_SERVE_"

_ANY = ("0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service runs.

    Args:
        host, port: where it listens; port 0 takes a free one.
        data: folder of songs, results and records.
        database: of the jobs, a folder or a postgresql:// URL; "" is a folder in `data`.
        executor: who runs jobs: processes of this machine, or a Ray cluster ("ray").
        ray_address: of its head, HOST:PORT; "" starts one on this machine.
        workers, long_workers: short jobs (masters) and long ones (separations) at a time; 0 is the cores for
            short ones, 1 for long ones.
        nice: how much less urgent than the service its jobs are, 0..19.
        public_urls: where browsers reach it, such as https://desk.example.org; Host and Origin of any
            other are refused. The address it listens at is one of them, if it is a single one.
        trusted_proxies: addresses whose X-Forwarded-For is believed.
        max_upload_mb: of one file.
        max_duration_s: of one song.
        max_songs: of one key.
        quota_mb: songs and results of one key; copies that the service makes to play them are not among them.
        min_free_mb: of the disk, always left free.
        concurrent_uploads: of one key at a time.
        upload_idle_s: longest time without a byte.
        upload_min_kb_s: slowest upload, over any minute.
        upload_expiry_h: how long an unfinished upload is kept.
        concurrent_streams: of events, of one key at a time.
        requests_per_minute: of one key or address.
        failures_per_minute: wrong keys from one address.
        retention_days: songs are kept so long after their last job, results after their end; 0 keeps them.
        retention_mb: all files together; copies to be played go first, then the oldest; 0 is no limit.
        share_days: how long a shared link works.
        webhook_secret_file: file of the secret that webhooks are signed with; else the environment's
            TONMEISTER_WEBHOOK_SECRET; without one none are sent.
        webhook_allow_private: "yes" lets them go to addresses that are not public.
        job_timeout_s, job_memory_mb: longest time and most memory of one job; 0 is none.
        finish_s: how long running jobs may still take when the service is told to end.
        log: "text" for people, "json" for machines.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8440
    data: Path = Path("tonmeister-data")
    database: str = ""
    executor: Literal["local", "ray"] = "local"
    ray_address: str = ""
    workers: Annotated[int, Range(0, 256)] = 0
    long_workers: Annotated[int, Range(0, 256)] = 0
    nice: Annotated[int, Range(0, 19)] = 5
    public_urls: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_upload_mb: Annotated[int, Range(1, 1_048_576, "MB")] = 2_048
    max_duration_s: Annotated[int, Range(1, 86_400, "s")] = 7_200
    max_songs: Annotated[int, Range(1, 1_000_000)] = 2_000
    quota_mb: Annotated[int, Range(1, 1_073_741_824, "MB")] = 65_536
    min_free_mb: Annotated[int, Range(0, 1_048_576, "MB")] = 512
    concurrent_uploads: Annotated[int, Range(1, 10_000)] = 64
    upload_idle_s: Annotated[float, Range(0.1, 3_600.0, "s")] = 30.0
    upload_min_kb_s: Annotated[float, Range(0.0, 1_000_000.0, "kB/s")] = 4.0
    upload_expiry_h: Annotated[float, Range(0.0, 8_760.0, "h")] = 24.0
    concurrent_streams: Annotated[int, Range(1, 10_000)] = 100
    requests_per_minute: Annotated[int, Range(1, 10_000_000)] = 6_000
    failures_per_minute: Annotated[int, Range(1, 10_000)] = 10
    retention_days: Annotated[float, Range(0.0, 36_500.0, "days")] = 30.0
    retention_mb: Annotated[int, Range(0, 1_073_741_824, "MB")] = 0
    share_days: Annotated[float, Range(0.0, 3_650.0, "days")] = 30.0
    webhook_secret_file: str = ""
    webhook_allow_private: Literal["no", "yes"] = "no"
    job_timeout_s: Annotated[float, Range(0.0, 604_800.0, "s")] = 0.0
    job_memory_mb: Annotated[int, Range(0, 1_048_576, "MB")] = 0
    finish_s: Annotated[float, Range(0.0, 3_600.0, "s")] = 20.0
    log: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        check_ranges(self)
        for url in self.public_urls:
            scheme, _, rest = url.partition("://")
            if scheme not in ("http", "https") or not rest or set(rest) & set("/?#@ "):
                raise ParameterError(
                    f"public_urls has '{url}': allowed http://HOST or https://HOST, with or without a port",
                    hint="Leave out any path behind the host.",
                    code="setting",
                )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in _LOOPBACK or self.host.startswith("127.")

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can reach it: then it may go without keys."""
        return self.is_loopback and not self.public_urls

    @property
    def origins(self) -> frozenset[str]:
        """Origins that are its own, in lower case."""
        own = {url.lower() for url in self.public_urls}
        if self.is_loopback:
            own |= {f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        elif self.host not in _ANY:
            own.add(
                f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"
            )
        return frozenset(own | {_as_browsers_say(origin) for origin in own})

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are its own."""
        return frozenset(origin.partition("://")[2] for origin in self.origins)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by https, through a proxy."""
        return any(url.startswith("https://") for url in self.public_urls)


def _as_browsers_say(origin: str) -> str:
    """An origin without the port that its scheme means."""
    scheme, _, host = origin.partition("://")
    return f"{scheme}://{host.removesuffix({'http': ':80', 'https': ':443'}[scheme])}"


def read_settings(
    file: Path | None, options: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Settings from a file, the environment and options; what is named later wins.

    Args:
        file: a TOML file; None is none.
        options: those that were given; None is not given.
        environment: variables.

    Raises:
        ParameterError: an unknown key, or a value that is not allowed.
        EnvironmentProblem: the file cannot be read.
    """
    found: dict[str, Any] = {}
    if file is not None:
        found |= _checked(_table(file), str(file))
    named = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    found |= _checked(named, f"environment (${ENVIRONMENT_PREFIX}...)")
    found |= _checked({name: value for name, value in options.items() if value is not None}, "options")
    return Settings(**found)


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise EnvironmentProblem(
            f"{file}: the settings cannot be read ({error.strerror})",
            hint="Check the name and its permissions.",
            code="settings_not_readable",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"{file}: not a TOML document ({error})", hint="Correct it at that place.", code="setting"
        ) from error


def _checked(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = [field.name for field in fields(Settings)]
    hints = get_type_hints(Settings)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
            raise ParameterError(
                f"{where}: unknown setting '{name}', {meant}",
                hint="Correct or remove it.",
                code="setting",
            )
    return {name: _value(hints[name], value, f"{where}: {name}") for name, value in given.items()}


def _value(kind: Any, value: Any, where: str) -> Any:
    """A value of the type of a setting; text is read, as the environment has nothing else."""
    if kind == tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
            raise _wrong(where, value, "a list of texts")
        return tuple(part.strip() for part in parts if part.strip())
    if kind is Path:
        if not isinstance(value, (str, Path)) or not str(value):
            raise _wrong(where, value, "a folder")
        return Path(value).expanduser()
    choices = getattr(kind, "__args__", ())
    if choices:
        if value not in choices:
            raise _wrong(where, value, f"one of {', '.join(map(str, choices))}")
        return value
    return _scalar(kind, value, where)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is str:
        if not isinstance(value, str):
            raise _wrong(where, value, "a text")
        return value
    if isinstance(value, bool) or (kind is int and isinstance(value, float)):
        raise _wrong(where, value, "a whole number" if kind is int else "a number")
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise _wrong(where, value, "a whole number" if kind is int else "a number") from None


def _wrong(where: str, value: object, allowed: str) -> ParameterError:
    return ParameterError(f"{where}: {value!r} is not {allowed}", hint=f"Write {allowed}.", code="setting")
