"""Speaks HTTP to one endpoint: the handshake, and signed posts. No redirect, no proxy, no cookie.

The name is looked up and checked for every request, the connection goes to that address, and TLS still
checks the certificate against the name. One client an endpoint: a connection is never shared by two names.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import httpx

from connectors.webhooks.addresses import Addresses, AddressRefused
from connectors.webhooks.verdict import Answer, retry_after

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 15.0
"""From the look-up of the name to the answer's headers, however slowly they come."""
READ_BYTES: Final = 4096
"""Of an answer's body, which nobody looks at: a short one lets the connection be used again."""
_BODY_SECONDS: Final = 2.0
_ADDRESSES_TRIED: Final = 3
_REQUEST_ORIGIN: Final = "WebHook-Request-Origin"
_ALLOWED_ORIGIN: Final = "WebHook-Allowed-Origin"
_TIMEOUTS: Final = {
    "connect": CONNECT_SECONDS,
    "read": READ_SECONDS,
    "write": READ_SECONDS,
    "pool": CONNECT_SECONDS,
}


class WebhookClient:
    """`origin` is the DNS name by which the gateway asks for consent; `trust` None: the usual authorities."""

    def __init__(
        self,
        addresses: Addresses,
        origin: str,
        *,
        connections: int,
        now: Callable[[], datetime],
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._addresses = addresses
        self._origin = origin
        self._now = now
        self._transport = httpx.AsyncHTTPTransport(
            verify=trust or httpx.create_ssl_context(trust_env=False),
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=30),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def refusal(self, url: str) -> str | None:
        """Ask whether messages may be posted there; None where they may, else why not.

        CloudEvents' handshake: consent is a header, whatever the status.
        """
        answer, headers = await self._ask("OPTIONS", url, {}, b"")
        if answer.status is None:
            return answer.text()
        allowed = (headers.get(_ALLOWED_ORIGIN) or "").strip()
        if allowed == "*" or allowed.lower() == self._origin.lower():
            return None
        said = f"names another in {_ALLOWED_ORIGIN}" if allowed else f"bears no {_ALLOWED_ORIGIN}"
        return f"it does not agree: its answer to OPTIONS ({answer.status}) {said}; allow {self._origin}"

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post a structured CloudEvent with the headers of its signature."""
        given = {"Content-Type": "application/cloudevents+json", **headers}
        answer, _ = await self._ask("POST", url, given, body)
        return answer

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answer, httpx.Headers]:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._ask_each(method, httpx.URL(url), headers, body)
        except AddressRefused as refused:
            return Answer(None, str(refused)), httpx.Headers()
        except TimeoutError:
            return Answer(None, f"not within {WHOLE_SECONDS:.0f} seconds"), httpx.Headers()
        except httpx.TransportError as failed:
            return Answer(None, type(failed).__name__), httpx.Headers()
        except OSError:
            return Answer(None, "its name is not known"), httpx.Headers()

    async def _ask_each(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answer, httpx.Headers]:
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await self._addresses.of(url.host, port)
        *others, last = found[:_ADDRESSES_TRIED]
        for address in others:
            try:
                return await self._ask_at(address, method, url, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._ask_at(last, method, url, headers, body)

    async def _ask_at(
        self, address: str, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answer, httpx.Headers]:
        request = httpx.Request(
            method,
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": "overgang",
                _REQUEST_ORIGIN: self._origin,
                **headers,
            },
            content=body,
            extensions={"timeout": _TIMEOUTS, "sni_hostname": url.raw_host.decode("ascii")},
        )
        response = await self._transport.handle_async_request(request)
        try:
            asked = retry_after(response.headers.get("Retry-After"), self._now())
            await _read_a_little(response)
        finally:
            await response.aclose()
        return Answer(response.status_code, None, asked), response.headers


async def _read_a_little(response: httpx.Response) -> None:
    read = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in response.aiter_raw():
                read += len(part)
                if read > READ_BYTES:
                    return
    except (httpx.TransportError, TimeoutError):
        # The status has come: what follows is nothing to us, and the connection is not used again.
        return
