"""URLs that are refused, and addresses that nobody is sent to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastering.errors import ParameterError
from mastering.webhooks.target import Refused, addresses_of, is_public, target_of

_INNER = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:db8::1",
    "3fff::1",
    "64:ff9b:1::1",
    "5f00::1",
]
_OUTER = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700:4700::1111"]
_CARRIERS = ["::ffff:0:0", "64:ff9b::", "2002::"]


def _carried(carrier: str, address: ipaddress.IPv4Address) -> ipaddress.IPv6Address:
    shift = 80 if carrier == "2002::" else 0
    return ipaddress.IPv6Address(int(ipaddress.IPv6Address(carrier)) | int(address) << shift)


@pytest.mark.parametrize("address", _INNER)
def test_inner_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", _OUTER)
def test_outer_addresses(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(_CARRIERS))
def test_an_address_in_disguise_is_what_it_carries(address: ipaddress.IPv4Address, carrier: str) -> None:
    assert is_public(_carried(carrier, address)) == is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_registries_call_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """A second opinion: the standard library's."""
    closed = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if closed and not (address.version == 6 and address in ipaddress.ip_network("::ffff:0:0/96")):
        assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "https://",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://example.org/",
        "https://user@example.org/",
        "https://user:pass@example.org/",
        "https://example.org/#part",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org\\@10.0.0.1/",
        "https://example.org/\r\nX: y",
        "https://müsic.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest",
        "https://" + "a" * 2001,
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ParameterError, match="the webhook's URL") as caught:
        target_of(url, allow_private=False)
    assert caught.value.code == "webhook_url"


def test_a_url_in_its_parts() -> None:
    target = target_of("https://hooks.example.org:8443/a/b?token=1", allow_private=False)
    assert (target.host, target.port, target.path) == ("hooks.example.org", 8443, "/a/b?token=1")
    assert target.origin == "https://hooks.example.org:8443"
    assert target_of("http://[::1]/", allow_private=True).authority == "[::1]"


@pytest.mark.parametrize(
    "answer", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["2606:4700::1", "::ffff:10.0.0.1"]]
)
def test_a_name_that_leads_inside(answer: list[str]) -> None:
    target = target_of("https://example.org/", allow_private=False)
    with pytest.raises(Refused, match="no public address"):
        addresses_of(target, allow_private=False, resolver=lambda host, port: answer)
    assert addresses_of(target, allow_private=True, resolver=lambda host, port: answer) == answer


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "localhost", "0"])
def test_other_ways_to_write_loopback(host: str) -> None:
    """What the system's resolver makes of a name is what counts."""
    target = target_of(f"https://{host}/", allow_private=False)
    with pytest.raises((Refused, OSError)):
        addresses_of(target, allow_private=False)


def test_plain_http_goes_to_inner_addresses_only() -> None:
    target = target_of("http://example.org/", allow_private=True)
    with pytest.raises(Refused, match="that takes https"):
        addresses_of(target, allow_private=True, resolver=lambda host, port: ["1.1.1.1"])
    with pytest.raises(OSError, match="no address"):
        addresses_of(target, allow_private=True, resolver=lambda host, port: [])
