"""Client certificates: verified by the TLS layer, handed to the app with each request."""

import asyncio
import ssl
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.http.access import CERTIFICATE
from connectors.settings import Settings


class CertifyingProtocol(H11Protocol):
    """HTTP/1.1 that puts the client's certificate (DER) into the scope of each of its requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called once a connection, after the handshake."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        if certificate is not None:
            self.app = _Certified(self.app, certificate)


class _Certified:
    def __init__(self, app: Any, certificate: bytes) -> None:
        self._app: ASGIApp = app
        self._certificate = certificate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, CERTIFICATE: self._certificate}, receive, send)


def tls_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told so that the API speaks TLS; empty where it does not."""
    if settings.tls_certificate_file is None:
        return {}
    options: dict[str, Any] = {
        "ssl_certfile": str(settings.tls_certificate_file),
        "ssl_keyfile": str(settings.tls_key_file),
        "http": CertifyingProtocol,
    }
    if settings.tls_client_ca_file is not None:
        # Optional, since a caller may bear a token instead; a certificate that does not verify ends the
        # connection all the same.
        options |= {
            "ssl_ca_certs": str(settings.tls_client_ca_file),
            "ssl_cert_reqs": ssl.CERT_OPTIONAL,
        }
    return options
