"""Webhooks of `watch`: what its operator allows, and who sends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mastering.errors import ParameterError

if TYPE_CHECKING:
    from mastering.webhooks.sender import Sender
    from mastering.webhooks.signing import Secret

__all__ = ["Hooks", "sending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the operator of the program says about webhooks, and no folder may.

    Args:
        signed: there is a secret.
        allow_private: addresses of the own network are allowed.
    """

    signed: bool = False
    allow_private: bool = False

    def check(self, url: str | None) -> str | None:
        """A webhook's URL that may be used; None for none.

        Raises:
            ParameterError: it may not.
        """
        from mastering.webhooks.signing import VARIABLE
        from mastering.webhooks.target import target_of

        if not url:
            return None
        target_of(url, allow_private=self.allow_private)
        if not self.signed:
            raise ParameterError(
                "a webhook needs a secret to sign with",
                hint=f"Put one into a file for --webhook-secret-file, or into ${VARIABLE}.",
                code="webhook_secret",
            )
        return url


@contextlib.contextmanager
def sending(
    path: Path, secret: Secret | None, log: Callable[..., None], *, allow_private: bool
) -> Iterator[Sender | None]:
    """Sends messages while it is open, those that are left from before too; None without a secret.

    Args:
        path: of the outbox.
        secret: to sign with.
        log: hears what became of each message.
        allow_private: addresses of the own network are allowed.
    """
    if secret is None:
        if path.exists():
            _tell_of_left(path, log)
        yield None
        return
    from mastering.webhooks.outbox import Outbox
    from mastering.webhooks.sender import Sender

    with Outbox(path) as outbox, Sender(outbox, secret, allow_private=allow_private, tell=log) as sender:
        yield sender


def _tell_of_left(path: Path, log: Callable[..., None]) -> None:
    from mastering.webhooks.outbox import Outbox

    with Outbox(path) as outbox:
        if left := outbox.count():
            log("webhook_waits", count=left, message="there is no secret to sign them with")
