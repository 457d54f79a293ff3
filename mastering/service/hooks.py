"""Webhooks of jobs: when one ends, the address its wish named is told, signed and at least once."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mastering.errors import ParameterError
from mastering.service.settings import Settings
from mastering.webhooks.message import new_message
from mastering.webhooks.outbox import Outbox
from mastering.webhooks.sender import Sender
from mastering.webhooks.signing import given_secret
from mastering.webhooks.target import target_of

__all__ = ["Hooks"]

_log = logging.getLogger("tonmeister.webhooks")


class Hooks:
    """The messages of a service.

    Args:
        settings: with the file of the secret; else it is in the environment; without one nothing is sent.
        path: of the messages.

    Raises:
        ParameterError: the secret is none.
        EnvironmentProblem: the messages cannot be opened.
    """

    def __init__(self, settings: Settings, path: Path) -> None:
        file = settings.webhook_secret_file
        self._secret = given_secret(Path(file) if file else None, os.environ)
        self._allow_private = settings.webhook_allow_private == "yes"
        self._outbox = Outbox(path) if self._secret is not None else None
        self._sender: Sender | None = None

    def close(self) -> None:
        """Let go of the messages; what waits is sent by the next service."""
        if self._outbox is not None:
            self._outbox.close()

    def check(self, url: str) -> None:
        """Refuse an address that no message would be sent to.

        Raises:
            ParameterError: it is none, is not public, or this service sends no messages.
        """
        if self._secret is None:
            raise ParameterError(
                "this service sends no webhooks",
                hint="Leave `webhook` out, or have its operator set webhook_secret_file.",
                code="webhook",
            )
        target_of(url, allow_private=self._allow_private)

    def publish(self, url: str, document: Mapping[str, Any]) -> None:
        """Record that a job has ended; the same end is recorded once.

        Args:
            url: of its wish.
            document: of the job, ended. Its `finished_at` tells one end from the next, after another try.
        """
        if self._outbox is None:
            _log.warning(
                "nobody is told of an end: the service has no secret any more", extra={"job": document["id"]}
            )
            return
        job, state = document["id"], document["state"]
        moment = "".join(filter(str.isdecimal, document["finished_at"] or ""))
        message = new_message(url, f"job.{state}", document, id=f"msg_{job}_{moment}_{state}")
        if self._sender is not None:
            self._sender.publish(message)
        else:
            self._outbox.put(message)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """While this is open messages go out, those that are left from before first."""
        if self._secret is None or self._outbox is None:
            yield
            return
        sender = Sender(self._outbox, self._secret, allow_private=self._allow_private, tell=_tell)
        with sender:
            self._sender = sender
            try:
                yield
            finally:
                self._sender = None


def _tell(event: str, /, **fields: Any) -> None:
    _log.log(logging.WARNING if event == "webhook_dead" else logging.INFO, "%s %s", event, json.dumps(fields))
