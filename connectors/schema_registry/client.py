"""A schema registry with Confluent's REST interface (Apicurio: `/apis/ccompat/v7`), as we publish to it."""

from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import httpx

from schemas.problems import OvergangError

FULL: Final = "FULL_TRANSITIVE"
_TIMEOUT_SECONDS: Final = 30.0
_LONGEST_TEXT: Final = 300
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class RegistryFault(OvergangError):
    """The registry does not answer, refuses, or has what contradicts ours; the text says the mend."""


class Registered(NamedTuple):
    """Under which id and version a registry knows a schema."""

    id: int
    version: int


class RegistryClient:
    """`url` holds no credential; `authorization` is the value of that header. Methods raise RegistryFault."""

    def __init__(self, url: str, authorization: str | None = None) -> None:
        headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        self._http = httpx.Client(
            base_url=_checked(url, secret=authorization is not None),
            timeout=_TIMEOUT_SECONDS,
            headers=headers,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def has(self, subject: str) -> bool:
        """Whether there is any version of a subject."""
        return self._asked("GET", f"/subjects/{subject}/versions") is not None

    def known(self, subject: str, schema: str) -> Registered | None:
        """Where the subject has this schema."""
        found = self._asked("POST", f"/subjects/{subject}", {"schema": schema})
        return None if found is None else Registered(found["id"], found["version"])

    def level(self, subject: str) -> str:
        """Which compatibility the registry demands of a new version of the subject."""
        found = self._asked("GET", f"/config/{subject}") or self._asked("GET", "/config")
        return str((found or {}).get("compatibilityLevel", "NONE"))

    def demand_full(self, subject: str) -> None:
        """Let the registry refuse what is not readable both ways with every version of the subject."""
        self._asked("PUT", f"/config/{subject}", {"compatibility": FULL})

    def takes(self, subject: str, schema: str) -> bool:
        """Whether the registry would take the schema as a further version of the subject."""
        found = self._asked("POST", f"/compatibility/subjects/{subject}/versions", {"schema": schema})
        return found is not None and found["is_compatible"] is True

    def register(self, subject: str, schema: str) -> Registered:
        """A schema that is known already keeps its id and version."""
        self._asked("POST", f"/subjects/{subject}/versions", {"schema": schema})
        if (found := self.known(subject, schema)) is None:
            raise RegistryFault(f"{subject}: the registry took the schema and does not know it")
        return found

    def _asked(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        """The answer; None where there is no such thing."""
        try:
            answer = self._http.request(method, path, json=body)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
        except httpx.HTTPError as failed:
            raise RegistryFault(
                f"the registry does not answer ({type(failed).__name__}); see --url"
            ) from None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise RegistryFault("the registry refuses the credential; see --authorization-file")
        try:
            told = answer.json()
        except ValueError:
            raise RegistryFault(
                f"{method} {path}: answered {answer.status_code} without JSON; "
                "give the address of Confluent's interface in --url, such as https://host/apis/ccompat/v7"
            ) from None
        if not answer.is_success:
            message = str(told.get("message", "")) if isinstance(told, dict) else ""
            said = "".join(letter for letter in message[:_LONGEST_TEXT] if letter.isprintable())
            raise RegistryFault(
                f"{method} {path}: the registry answered {answer.status_code} {said}".rstrip()
            )
        return told


def authorization_in(file: Path | None) -> str | None:
    """The value of the Authorization header that stands in a file; None without one. Raises RegistryFault."""
    if file is None:
        return None
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise RegistryFault(f"{file}: cannot be read; see --authorization-file") from None
    if not value.isascii() or not value.isprintable():
        raise RegistryFault("--authorization-file: write one line of ASCII, such as `Bearer TOKEN`")
    return value


def _checked(url: str, *, secret: bool) -> str:
    """Never repeats the URL: it may hold what it should not."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise RegistryFault("--url: write it as https://host/path")
    if parts.username is not None or parts.query or parts.fragment:
        raise RegistryFault(
            "--url: leave out user, query and fragment; a credential goes in --authorization-file"
        )
    if secret and parts.scheme == "http" and host not in _LOOPBACK:
        raise RegistryFault("--url: begin it with https://, a credential is not sent in the open")
    return url
