"""Where jobs are worked on: options that choose it, and the executor they mean."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mastering.jobs.executor import Executor
    from mastering.jobs.place import Place

__all__ = ["executor_options", "opened_executor"]

C = TypeVar("C", bound=Callable[..., Any])


def executor_options(command: C) -> C:
    """--executor and --ray-address, of every command that works on jobs: `executor` and `ray_address`."""
    executor = click.option(
        "--executor",
        type=click.Choice(["local", "ray"]),
        help="Work in processes on this machine (local, the default), or in a Ray cluster; the folder of the "
        "jobs (--jobs-folder) and the music must be seen by all its nodes under the same names.",
    )
    address = click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster's head, or auto for the cluster this machine belongs to; without it --executor "
        "ray starts one on this machine. Its token: $RAY_AUTH_TOKEN, $RAY_AUTH_TOKEN_PATH or "
        "~/.ray/auth_token.",
    )
    return executor(address(command))


@contextlib.contextmanager
def opened_executor(
    name: str | None, ray_address: str | None, lanes: Mapping[str, int | None], place: Place
) -> Iterator[Executor]:
    """The executor of these options, for `Jobs.running(executor=...)`; stopped at the end.

    Args:
        name, ray_address: as typed.
        lanes: lane -> how many jobs at a time; None is what the executor bears.
        place: of the jobs.

    Raises:
        click.UsageError: an address without a cluster.
        ParameterError: an address that is none.
        EnvironmentProblem: Ray is missing, or the cluster cannot be used.
    """
    if ray_address is not None and name == "local":
        raise click.UsageError("--ray-address goes with --executor ray.")
    executor = _executor("ray" if ray_address is not None else name, ray_address, lanes, place)
    try:
        yield executor
    finally:
        executor.stop()


def _executor(
    name: str | None, ray_address: str | None, lanes: Mapping[str, int | None], place: Place
) -> Executor:
    if name != "ray":
        from mastering.jobs.lanes import DEFAULT_LANES, Lanes

        return Lanes({**DEFAULT_LANES, **{lane: count for lane, count in lanes.items() if count}})
    from mastering.jobs.cluster.lanes import RayLanes

    def tell(text: str) -> None:
        click.echo(f"Note: {text}.", err=True)

    return RayLanes(lanes, address=ray_address, folder=place.folder, tell=tell)
