"""The API of a gateway as commands speak to it: where it answers, and with which credential."""

from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from connectors.access.own_token import GivenToken, local_credential
from connectors.cli import run_file
from connectors.settings import Settings
from schemas.problems import OvergangError

_TIMEOUT_SECONDS: Final = 60.0


class NoGateway(OvergangError):
    """Nothing says where a gateway answers."""


def address_of_gateway(text: str) -> str:
    """An address of an API as a command's option."""
    if not text.startswith(("http://", "https://")):
        raise typer.BadParameter("write it with its scheme, such as http://127.0.0.1:8080")
    return text


GatewayUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        parser=address_of_gateway,
        metavar="URL",
        help="Address of the API. Default: the gateway of `overgang up`, else the settings'.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        exists=True,
        dir_okay=False,
        readable=True,
        help="File with a bearer token. Default: this machine's own, which may send for every party.",
    ),
]


def gateway_client(url: str | None, token_file: Path | None) -> httpx.Client:
    """A client of the address given, else of a running `overgang up`, else of the settings.

    Raises NoGateway, NoToken, KeyFileError.
    """
    settings = Settings()
    credential = GivenToken(token_file) if token_file else local_credential(settings)
    address = url or _address_here(settings)
    return httpx.Client(base_url=address, timeout=_TIMEOUT_SECONDS, trust_env=False, auth=credential)


def _address_here(settings: Settings) -> str:
    if running := run_file.read(settings.data_directory):
        return running.http
    if not settings.http_port:
        raise NoGateway(
            "no gateway runs on this data directory, and OVERGANG_HTTP_PORT is 0, which names no port; "
            "start one with `overgang up`, or give its address with --url"
        )
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    return f"http://{host}:{settings.http_port}"
