"""Where the API of the gateway answers that a command sends to."""

from typing import Annotated

import typer

from connectors.cli import run_file
from connectors.settings import Settings
from schemas.problems import OvergangError


class NoGateway(OvergangError):
    """Nothing says where a gateway answers."""


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise typer.BadParameter("write it with its scheme, such as http://127.0.0.1:8080")
    return text


GatewayUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        parser=_address,
        metavar="URL",
        help="Address of the API. Default: the gateway of `overgang up`, else the settings'.",
    ),
]


def address_of_gateway(url: str | None) -> str:
    """The address given, else that of a running `overgang up`, else the settings'. Raises NoGateway."""
    if url is not None:
        return url
    settings = Settings()
    if running := run_file.read(settings.data_directory):
        return running.http
    if not settings.http_port:
        raise NoGateway(
            "no gateway runs on this data directory, and OVERGANG_HTTP_PORT is 0, which names no port; "
            "start one with `overgang up`, or give its address with --url"
        )
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return f"http://{host}:{settings.http_port}"
