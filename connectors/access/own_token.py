"""The embedded profile's own credential: tokens that this machine issues itself, and renews by itself."""

import time
from collections.abc import Callable, Generator
from pathlib import Path

import httpx
from joserfc.jwk import OKPKey

from connectors.access.token_keys import own_key
from connectors.access.tokens import issue
from connectors.settings import Settings
from schemas.identifiers import SystemId
from schemas.problems import OvergangError
from streams.registry import LOCAL

_SECONDS = 300
_BEFORE_ITS_END = 60


class NoToken(OvergangError):
    """There is no token where one was named."""


class OwnToken(httpx.Auth):
    """Signs requests of a system with tokens of five minutes, a new one before the old one ends."""

    def __init__(self, key: OKPKey, system: SystemId = LOCAL, clock: Callable[[], float] = time.time) -> None:
        self._key, self._system, self._clock = key, system, clock
        self._token, self._renew_at = "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the header; never sends a request of its own."""
        now = self._clock()
        if now >= self._renew_at:
            self._token = issue(self._key, self._system, _SECONDS, now)
            self._renew_at = now + _SECONDS - _BEFORE_ITS_END
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class GivenToken(httpx.Auth):
    """Signs requests with the token in a file. Raises NoToken where there is none."""

    def __init__(self, file: Path) -> None:
        try:
            self._token = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise NoToken(f"{file} cannot be read as a token; give the file that holds it") from None
        if not self._token:
            raise NoToken(f"{file} is empty; give the file that holds the token")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Adds the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def local_credential(settings: Settings) -> OwnToken:
    """For commands on the gateway's own machine, in the embedded profile. Raises KeyFileError, NoToken."""
    return OwnToken(own_key(own_key_file(settings)))


def own_key_file(settings: Settings) -> Path:
    """Of the key that own tokens are signed with. Raises NoToken in production, where none counts."""
    if settings.profile != "embedded":
        raise NoToken(
            "this machine's own tokens count in the embedded profile only; get a token of the issuer in "
            "OVERGANG_TOKEN_ISSUER, and give its file with --token-file where a command takes it"
        )
    return settings.token_key_file
