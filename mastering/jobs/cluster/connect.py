"""Joining a Ray cluster or starting one on this machine, and why that did not work; in the driver process."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from typing import Any

from mastering.errors import EnvironmentProblem
from mastering.jobs.cluster.messages import Settings

__all__ = ["TOKEN_HINT", "connect", "no_token_fits"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_REACH_S = 2.0

_STORE_BYTES = 80_000_000
"""Ray's least: what goes through it are orders, not music."""

TOKEN_HINT = (
    "Set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to a file that holds it, or write it to ~/.ray/auth_token; "
    "`ray get-auth-token` on the cluster's head shows it."
)


def connect(settings: Settings) -> Any:
    """Ray, connected.

    Raises:
        EnvironmentProblem: no cluster answers, it wants another token, or it cannot be started.
    """
    os.environ.update(_environment(settings))
    if settings.address is None:
        for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH"):
            os.environ.pop(name, None)
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        if settings.address is not None:
            ray.init(address=settings.address, **quiet)
        else:
            ray.init(
                num_cpus=settings.cpus,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _memory=settings.memory_mb * 2**20 or None,
                _temp_dir=str(settings.session),
                **quiet,
            )
    except Exception as error:
        raise _explained(error, settings.address) from error
    return ray


def _environment(settings: Settings) -> dict[str, str]:
    """Read by Ray when it is imported; of a cluster of our own its processes inherit it."""
    own = settings.address is None
    loopback = own or _is_on_loopback(settings.address or "")
    found = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    if own:
        found["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    if loopback or sys.platform in ("win32", "darwin"):
        # Ray's switch for the network, in spite of its name: "0" is loopback only, on any system.
        found["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0" if loopback else "1"
    return found


def _is_on_loopback(address: str) -> bool:
    """A cluster that nobody else can reach: Ray takes 127.0.0.1 for the machine's address in the network."""
    host, _, port = address.rpartition(":")
    if host not in _LOOPBACK:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, contextlib.suppress(OSError):
        asked.connect(("192.0.2.1", 9))  # sends nothing: tells which address this machine would send from
        socket.create_connection((asked.getsockname()[0], int(port)), timeout=_REACH_S).close()
        return False
    return True


def no_token_fits(address: str | None) -> EnvironmentProblem:
    """The error of a wrong token."""
    return EnvironmentProblem(
        f"the Ray cluster at {address} does not accept the token", hint=TOKEN_HINT, code="cluster_token"
    )


def _explained(error: Exception, address: str | None) -> EnvironmentProblem:
    said = str(error).strip().partition("\n")[0]
    if address is None:
        return EnvironmentProblem(
            f"Ray does not start on this machine ({said})",
            hint="Run `tonmeister doctor`, or work with --executor local.",
            code="cluster_not_started",
        )
    if type(error).__name__ == "AuthenticationError":
        if "invalid" in said.lower():
            return no_token_fits(address)
        return EnvironmentProblem(
            f"there is no token here for the Ray cluster at {address}", hint=TOKEN_HINT, code="cluster_token"
        )
    if "Version mismatch" in str(error):
        said = " ".join(str(error).split())
        hint = "Use the same versions of Ray and Python on every node."
    else:
        hint = (
            "Give HOST:PORT of its head (the port is 6379 unless it was started otherwise), on a machine "
            "that has joined it: `ray start --address=HOST:PORT --num-cpus=0`."
        )
    return EnvironmentProblem(
        f"the Ray cluster at {address} cannot be joined ({said})", hint=hint, code="cluster_unreachable"
    )
