"""The host: finds plug-ins, keeps their processes warm, and decides what a failure means.

A process that did its job well is kept with its plug-in loaded, and set back to its first state for the next
job. One that failed is never used again.
"""

from __future__ import annotations

import atexit
import base64
import binascii
import contextlib
import copy
import functools
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mastering.chain import External, ParameterLane, PluginRef
from mastering.errors import PluginError, PluginForbidden, PluginMisbehaved, PluginNotFound, PresetError
from mastering.host.plugins.bundles import digest, fingerprint
from mastering.host.plugins.catalog import Catalog, load_catalog
from mastering.host.plugins.policy import Policy, desktop_policy
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.setting import parameter_named, plain_value
from mastering.host.plugins.values import OnFailure, PluginInfo, WorkerLimits
from mastering.host.plugins.warm import WarmProcesses
from mastering.notice import Notice

__all__ = ["PluginHost", "configure", "shared_host"]

_KEPT_SHARE = 0.5
"""Of the memory a process may have: one that has taken more is not kept."""


class PluginHost:
    """Where plug-ins are found and run. Use it as a context manager, or `close` it.

    Threads may share it.

    Args:
        catalog: what is installed; None reads the user's.
        policy: what may be loaded; None allows the system's folders and the user's own words.
        limits: of each plug-in's process.
        on_failure: "fail" ends the job with an error, "bypass" goes on without the plug-in and says so.

    Attributes:
        notices: what a person should hear about, as it happened.
        given_up: steps that were left out because their plug-in failed.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        policy: Policy | None = None,
        limits: WorkerLimits = WorkerLimits(),
        on_failure: OnFailure = "fail",
    ) -> None:
        self._catalog, self._policy = catalog, policy
        self.limits = limits
        self.on_failure: OnFailure = on_failure
        self.notices: list[Notice] = []
        self.given_up: list[External] = []
        self._lock = threading.Lock()
        self._warm = WarmProcesses()
        self._digests: dict[tuple[str, int, int], str] = {}

    def __enter__(self) -> PluginHost:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        self._warm.close()

    def for_one(self) -> PluginHost:
        """The host for one song or one job: the same processes, notices of its own."""
        own = copy.copy(self)
        own.notices, own.given_up = [], []
        return own

    @property
    def catalog(self) -> Catalog:
        """What is installed."""
        if self._catalog is None:
            self._catalog = load_catalog()
        return self._catalog

    @property
    def policy(self) -> Policy:
        """What may be loaded."""
        if self._policy is None:
            self._policy = desktop_policy()
        return self._policy

    def say(self, notice: Notice) -> None:
        """Keep a notice, once."""
        with self._lock:
            if notice not in self.notices:
                self.notices.append(notice)

    def give_up(self, step: External, error: PluginError) -> None:
        """Go on without a step whose plug-in failed, and say so.

        Raises:
            PluginError: `error`, where failures are not bypassed, or the plug-in is not allowed at all.
        """
        if self.on_failure == "fail" or isinstance(error, PluginForbidden):
            raise error
        self.given_up.append(step)
        self.say(Notice(code="plugin_bypassed", message=f"{step.plugin.name} was left out: {error.message}."))

    def resolve(self, ref: PluginRef) -> PluginInfo:
        """The installed plug-in that a recipe means; another version or build of it with a notice.

        Raises:
            PluginNotFound: it is not installed.
        """
        found = self.catalog.same(ref)
        if found is None:
            raise PluginNotFound(
                f"the recipe uses the plug-in {ref.name} {ref.version} by {ref.vendor or 'someone unknown'}, "
                "which is not installed here",
                hint="Install it and run `tonmeister plugins scan`, or go on without it by "
                "--on-plugin-failure bypass.",
            )
        changed = _difference(ref, found.ref)
        if changed:
            self.say(
                Notice(
                    code="plugin_changed",
                    message=f"The recipe was made with {ref.name} {ref.version}; {changed}: it may sound "
                    "different. --bypass-plugin goes on without it.",
                )
            )
        return found

    @contextlib.contextmanager
    def lease(self, info: PluginInfo, *, fresh: bool = False) -> Iterator[PluginProcess]:
        """A process with the plug-in loaded and in its first state; kept for the next job unless it fails.

        Args:
            info: which.
            fresh: a new process even if a warm one is there.

        Raises:
            PluginForbidden: it may not be loaded.
            PluginError: it does not load, or is not what was scanned any more.
        """
        sha256 = self._checked(info)
        key = (info.path, info.inside, sha256)
        process = None if fresh else self._warm.take(key)
        if process is None:
            process = PluginProcess(info.ref.name, self.limits)
            try:
                process.load(info.path, info.inside)
            except BaseException:
                process.close()
                raise
        try:
            yield process
            private_bytes = process.call("rewind")["private_bytes"]
        except BaseException:
            process.close()
            raise
        if private_bytes > _KEPT_SHARE * self.limits.memory_mb * 2**20:
            process.close()  # it grew: the next job begins anew
        else:
            self._warm.keep(key, process)

    def _checked(self, info: PluginInfo) -> str:
        """The digest of a bundle that may be loaded: read again whenever the bundle has changed."""
        path = Path(info.path)
        try:
            mark = fingerprint(path)
            key = (info.path, mark.size_bytes, mark.mtime_ns)
            if key not in self._digests:
                self._digests[key] = digest(path)
        except OSError as error:
            raise PluginNotFound(
                f"the plug-in {info.ref.name} is gone: {info.path} cannot be read ({error.strerror})",
                hint="`tonmeister plugins scan` looks for it again.",
            ) from error
        sha256 = self._digests[key]
        self.policy.check(path, sha256)
        if info.ref.sha256 not in ("", sha256):
            raise PluginError(
                f"the plug-in {info.ref.name} has changed since it was scanned",
                hint="`tonmeister plugins scan` looks at it again.",
                code="plugin_not_scanned",
            )
        return sha256


@functools.cache
def shared_host() -> PluginHost:
    """The host of callers that bring none: the user's catalog and policy, closed when Python ends."""
    host = PluginHost()
    atexit.register(host.close)
    return host


def configure(process: PluginProcess, info: PluginInfo, step: External) -> None:
    """Set a loaded plug-in up as a step wants it: state, then parameters, then automation.

    Raises:
        ParameterError: a parameter or value it does not have.
        PresetError: a state that is not base64.
        PluginError: the plug-in refuses them.
    """
    if step.state:
        try:
            state = base64.b64decode(step.state, validate=True)
        except binascii.Error as error:
            raise PresetError(
                f"the state of {step.plugin.name} is not base64 ({error})", hint="Save the recipe again."
            ) from error
        if not process.call("set_state", blob=state)["taken"] and state != process.call("get_state"):
            raise PluginMisbehaved(
                f"the plug-in {info.ref.name} does not take the state it is given",
                hint="It may be another plug-in's, or of another version: leave the state out.",
                code="plugin_refused",
            )
    values: list[list[Any]] = []
    for name, value in step.parameters.items():
        parameter = parameter_named(info, name)
        values.append([parameter.index, plain_value(info, parameter, value)])
    for name, raw in step.raw_parameters.items():
        values.append([parameter_named(info, name).index, raw, "raw"])
    if values:
        _raise_refused(info, process.call("set", values=values))
    if step.automation:
        process.call("automate", lanes=[_lane(info, lane) for lane in step.automation])


def _lane(info: PluginInfo, lane: ParameterLane) -> dict[str, Any]:
    parameter = parameter_named(info, lane.parameter)
    return {
        "index": parameter.index,
        "times_s": [time_s for time_s, _ in lane.points],
        "values": [plain_value(info, parameter, value) for _, value in lane.points],
    }


def _raise_refused(info: PluginInfo, answer: Mapping[str, Any]) -> None:
    if "refused" in answer:
        raise PluginMisbehaved(
            f"the plug-in {info.ref.name} refuses that value of {answer['refused']}: {answer['reason']}",
            hint=f"`tonmeister plugins show '{info.ref.name}'` lists what it takes.",
            code="plugin_refused",
        )


def _difference(wanted: PluginRef, found: PluginRef) -> str:
    """How an installed plug-in differs from the wanted one; empty if it does not."""
    if wanted.sha256 and wanted.sha256 == found.sha256:
        return ""
    if _version(found.version) < _version(wanted.version):
        return f"here is the older {found.version}"
    if found.version != wanted.version:
        return f"here is {found.version}"
    return "here is another build of it" if wanted.sha256 else ""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
