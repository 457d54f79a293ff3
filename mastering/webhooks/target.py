"""Where a message goes: URLs that are allowed, and addresses that nobody is sent to.

A webhook's URL may come from somebody who may only drop files into a folder. So a message is sent to public
addresses only: each address of a name is checked, and the one that was checked is the one that is
connected to; a name that resolves to something else a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from mastering.errors import ParameterError

__all__ = ["Refused", "Resolver", "Target", "addresses_of", "is_public", "resolve", "target_of"]

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"[!-~]{1,2000}")

_CLOSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a provider's customers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local; metadata of cloud machines
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved; broadcast
            "2001::/23",  # protocol assignments, with Teredo, which embeds addresses
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
"""IANA's special-purpose registries, written out: what `ipaddress` knows of them depends on its version."""

_UNICAST = ipaddress.IPv6Network("2000::/3")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")


class Refused(Exception):
    """A message is not sent to where its URL leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in its parts.

    Args:
        scheme: "https" or "http".
        host: as in the URL, without brackets.
        port: number.
        path: with the query.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port: the rest of a webhook's URL may be a secret, and is never shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")

    @property
    def authority(self) -> str:
        """What the Host header says."""
        return self.origin.partition("://")[2]


def target_of(url: str, *, allow_private: bool) -> Target:
    """A URL, if messages may go there as far as it says itself.

    Args:
        url: https; http only where private addresses are allowed, and then only to those.
        allow_private: addresses that are not public are allowed.

    Raises:
        ParameterError: it is none, or leads to an address that is not public.
    """
    if not _URL.fullmatch(url) or "\\" in url:
        raise _bad("it is no URL, or has characters that must be written as %XX")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad(f"it cannot be read ({error})") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _bad("it must begin with https:// and a name")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad("it may hold neither a user nor a fragment (#)")
    if parts.scheme == "http" and not allow_private:
        raise _bad("http:// would tell everybody on the way; it must begin with https://")
    if port == 0:
        raise _bad("there is no port 0")
    literal = _literal(parts.hostname)
    if literal is not None and not allow_private and not is_public(literal):
        raise _bad(f"{literal} is no public address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], path=path)


def is_public(address: str | _Address) -> bool:
    """Whether an address is one that anybody may be sent to: global unicast, not an inner one in disguise."""
    known = ipaddress.ip_address(address) if isinstance(address, str) else address
    if isinstance(known, ipaddress.IPv6Address):
        inner = _embedded(known)
        if inner is not None:
            return is_public(inner)
        if known not in _UNICAST:
            return False
    return not any(known in network for network in _CLOSED if network.version == known.version)


def addresses_of(target: Target, *, allow_private: bool, resolver: Resolver | None = None) -> Sequence[str]:
    """The addresses of a target, looked up once; they are what is to be connected to.

    Raises:
        Refused: one of them must not be sent to.
        OSError: the name cannot be looked up.
    """
    found = list(dict.fromkeys((resolver or resolve)(target.host, target.port)))
    if not found:
        raise OSError(f"{target.host} has no address")
    for address in found:
        public = is_public(address)
        if not public and not allow_private:
            raise Refused(f"{target.host} leads to {address}, which is no public address")
        if public and target.scheme == "http":
            raise Refused(f"{target.host} leads to {address}, a public address: that takes https://")
    return found


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system gives for a name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is too long
        raise OSError(f"{host} is no name of a host") from error
    return [str(entry[4][0]) for entry in found]


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to an IPv6 address would reach in the end."""
    number = int(address)
    if address in _MAPPED or address in _NAT64:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _6TO4:
        return ipaddress.IPv4Address(number >> 80 & 0xFFFFFFFF)
    return None


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _bad(why: str) -> ParameterError:
    return ParameterError(
        f"the webhook's URL: {why}",
        hint="Name one like https://example.org/hook; in your own network: --webhook-allow-private.",
        code="webhook_url",
    )
