"""Secrets and signatures as the Standard Webhooks specification has them (HMAC-SHA256, "v1")."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from mastering.errors import ParameterError

__all__ = ["VARIABLE", "Secret", "given_secret"]

VARIABLE = "TONMEISTER_WEBHOOK_SECRET"
"""Environment variable that holds the secret."""

_PREFIX = "whsec_"
_SIZES_BYTES = range(24, 65)
_MAKE = (
    'Make one: python -c "import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())"'
)


class Secret:
    """What sender and receiver share; never shown.

    Args:
        text: base64 of 24 to 64 bytes, with or without "whsec_"; several, separated by spaces, while one
            takes another's place: messages are signed with each.

    Raises:
        ParameterError: it is not that.
    """

    __slots__ = ("_keys",)

    def __init__(self, text: str) -> None:
        self._keys = tuple(map(_key, text.split()))
        if not self._keys:
            raise ParameterError("the webhook's secret is empty", hint=_MAKE, code="webhook_secret")

    def __repr__(self) -> str:
        return "Secret(...)"

    def headers(self, message: str, timestamp_s: int, body: bytes) -> dict[str, str]:
        """The headers that show a receiver whose message this is, and when it was sent.

        Args:
            message: id, the same in every try.
            timestamp_s: Unix time of this try.
            body: the very bytes that are sent.
        """
        signed = f"{message}.{timestamp_s}.".encode("ascii") + body
        each = (hmac.new(key, signed, hashlib.sha256).digest() for key in self._keys)
        return {
            "webhook-id": message,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": " ".join("v1," + base64.b64encode(one).decode("ascii") for one in each),
        }


def given_secret(file: Path | None, environment: Mapping[str, str]) -> Secret | None:
    """The secret in a file, else the one in the environment, else None.

    Raises:
        ParameterError: it cannot be read, or is none.
    """
    if file is None:
        return Secret(environment[VARIABLE]) if environment.get(VARIABLE) else None
    try:
        return Secret(file.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text file"
        raise ParameterError(
            f"{file}: the webhook's secret cannot be read ({why})", hint=_MAKE, code="webhook_secret"
        ) from error


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SIZES_BYTES:
        raise ParameterError(
            "the webhook's secret is not base64 of 24 to 64 bytes", hint=_MAKE, code="webhook_secret"
        )
    return key
