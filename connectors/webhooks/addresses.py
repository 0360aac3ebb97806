"""Which addresses the gateway may post to: those of the public internet, looked up here and nowhere else.

Whoever registers a URL must not reach what only this machine can: a name that leads inside is refused, each
time it is looked up, and the connection goes to the very address that was checked.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from schemas.identifiers import looks_like_cpr
from schemas.problems import OvergangError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a name. Raises OSError."""
LONGEST_URL = 500
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC = tuple(
    map(ipaddress.ip_network, ("192.88.99.0/24", "2002::/16", "2001::/23", "2001:db8::/32", "3fff::/20"))
)
"""Relays into IPv4 and addresses for examples, which the standard library counts as public in part."""
_DIGITS = re.compile(r"[0-9][0-9 -]*[0-9]")
_RESOLVING_THREADS = 32


class UrlRefused(OvergangError):
    """A URL that nothing is posted to; the text names the mend, not the URL."""


class AddressRefused(OvergangError):
    """A name that leads where the gateway does not post."""


def checked_url(text: str, *, loopback: bool) -> str:
    """The URL of an endpoint as it may be registered. `loopback`: http to this machine is allowed, too.

    Raises UrlRefused.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlRefused("url: cannot be read; write it as https://host/path") from None
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise UrlRefused(f"url: write at most {LONGEST_URL} letters and digits of ASCII, no blank")
    if not host or port == 0 or "\\" in text:
        raise UrlRefused("url: cannot be read; write it as https://host/path")
    if parts.username is not None or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise UrlRefused("url: leave out user, query and fragment; the signature says who posts")
    if any(looks_like_cpr(found) for found in _DIGITS.findall(f"{host} {parts.path}")):
        raise UrlRefused("url: a part of it has the shape of a personal number; choose another path")
    literal = _literal(host)
    local = host == "localhost" or (literal is not None and literal.is_loopback)
    if parts.scheme != "https" and not (parts.scheme == "http" and local and loopback):
        raise UrlRefused("url: begin it with https://")
    if literal is not None and (why := refused_because(literal, loopback=loopback)):
        raise UrlRefused(f"url: its address is {why}; name a host of the public internet")
    return text


def refused_because(address: Address, *, loopback: bool) -> str | None:
    """Why nothing is posted to an address; None where it may be. `loopback`: this machine may be."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return refused_because(address.ipv4_mapped, loopback=loopback)
    if address.is_loopback:
        return None if loopback else "this machine's own"
    inside = address.is_private or address.is_link_local or not address.is_global
    if inside or address.is_multicast or address.is_reserved or address.is_unspecified:
        return "not one of the public internet"
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return "not one of the public internet"
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not one of the public internet"
    return None


class Addresses:
    """Looks names up and lets through what may be posted to."""

    def __init__(self, *, loopback: bool, resolve: Resolve | None = None) -> None:
        self._loopback = loopback
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolve")
        self._resolve = resolve or self._by_the_system

    async def of(self, host: str, port: int) -> list[str]:
        """Addresses to connect to, in the order given by the system.

        Raises:
            AddressRefused: one of them is not public; a name that leads both ways is not trusted.
            OSError: the name is not known.
        """
        found = list(dict.fromkeys(await self._resolve(host, port)))
        for text in found:
            why = refused_because(ipaddress.ip_address(text.split("%")[0]), loopback=self._loopback)
            if why is not None:
                raise AddressRefused(f"its name leads to an address that is {why}")
        return found

    def close(self) -> None:
        """Wait for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _by_the_system(self, host: str, port: int) -> Sequence[str]:
        def look() -> list[str]:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except UnicodeError:
                raise OSError("not a name") from None
            return [str(address[4][0]) for address in found]

        return await asyncio.get_running_loop().run_in_executor(self._threads, look)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
