"""What the gateway posts to: https on the public internet; on loopback where the profile allows it."""

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.webhooks.addresses import Addresses, AddressRefused, UrlRefused, checked_url, refused_because

INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
PUBLIC = ["8.8.8.8", "130.226.0.1", "172.32.0.1", "2a00:1450:4001:80b::200e", "2606:4700::1111"]


@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_of_the_public_internet_is_refused_in_every_profile(
    address: str, loopback: bool
) -> None:
    assert refused_because(ipaddress.ip_address(address), loopback=loopback)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_reached_in_the_embedded_profile_only(address: str) -> None:
    assert refused_because(ipaddress.ip_address(address), loopback=False)
    assert refused_because(ipaddress.ip_address(address), loopback=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_posted_to(address: str) -> None:
    assert refused_because(ipaddress.ip_address(address), loopback=False) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert refused_because(mapped, loopback=False) == refused_because(address, loopback=False)


@given(st.ip_addresses(v=6))
def test_nothing_beside_global_unicast_is_posted_to(address: ipaddress.IPv6Address) -> None:
    if refused_because(address, loopback=False) is None and address.ipv4_mapped is None:
        assert address in ipaddress.ip_network("2000::/3")
        assert address.is_global


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://receiver.example/hook", "https"),
        ("ftp://receiver.example/hook", "https"),
        ("//receiver.example/hook", "https"),
        ("receiver.example", "cannot be read"),
        ("https:///hook", "cannot be read"),
        ("https://receiver.example:99999/", "cannot be read"),
        ("https://[::1/hook", "cannot be read"),
        ("https://receiver.example\\@inside/", "cannot be read"),
        ("https://user:word@receiver.example/", "leave out user"),
        ("https://receiver.example/hook?token=abc", "query"),
        ("https://receiver.example/hook#part", "fragment"),
        ("https://receiver.example/a b", "ASCII"),
        ("https://receiver.example/\n", "ASCII"),
        ("https://bücher.example/", "ASCII"),
        ("https://receiver.example/" + "a" * 500, "at most"),
        ("https://receiver.example/case/740503-4123", "personal number"),
        ("https://receiver.example/7405034123/hook", "personal number"),
        ("https://10.0.0.1/hook", "public internet"),
        ("https://[fd00::1]/hook", "public internet"),
        ("https://127.0.0.1/hook", "this machine"),
        ("http://127.0.0.1/hook", "https"),
    ],
)
def test_a_url_that_is_unsafe_is_refused_with_its_mend_and_without_itself(url: str, said: str) -> None:
    with pytest.raises(UrlRefused, match=said) as refused:
        checked_url(url, loopback=False)
    assert "7405034123" not in str(refused.value)
    assert "740503" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://receiver.example", "https://receiver.example:8443/a/b-1", "https://8.8.8.8/hook"]
)
def test_an_https_url_is_taken_as_it_is(url: str) -> None:
    assert checked_url(url, loopback=False) == url


def test_plain_http_is_for_this_machine_and_the_embedded_profile_only() -> None:
    for url in ("http://127.0.0.1:8000/hook", "http://localhost:8000/hook", "http://[::1]/hook"):
        assert checked_url(url, loopback=True) == url
    with pytest.raises(UrlRefused, match="https"):
        checked_url("http://receiver.example/hook", loopback=True)


def test_a_name_is_refused_where_one_of_its_addresses_leads_inside() -> None:
    async def both_ways(_: str, __: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    addresses = Addresses(loopback=False, resolve=both_ways)
    with pytest.raises(AddressRefused):
        asyncio.run(addresses.of("receiver.example", 443))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
def test_a_number_that_means_this_machine_is_seen_through(host: str) -> None:
    addresses = Addresses(loopback=False)
    with pytest.raises((AddressRefused, OSError)):
        asyncio.run(addresses.of(host, 443))
    addresses.close()


def test_an_unknown_or_impossible_name_is_an_error_of_the_network() -> None:
    addresses = Addresses(loopback=False)
    for host in ("no-such-name.invalid", "a" * 70 + ".example"):
        with pytest.raises(OSError, match=r".*"):
            asyncio.run(addresses.of(host, 443))
    addresses.close()
