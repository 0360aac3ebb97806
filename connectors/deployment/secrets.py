"""The secrets of an installation by docker-compose.yml: a directory for each who reads them, made once."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.administration.definition import shipped_access
from connectors.deployment.certificates import Pair, issue, make_authority
from schemas.problems import OvergangError
from schemas.pseudonym import load_or_make_key
from streams.database_roles import shipped_roles
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.seal_keys import SealKeys

READERS: Final = {
    "gateway": 10001,
    "operator": 10001,
    "owner": 10001,
    "worker": 10001,
    "api": 10001,
    "deliver": 10001,
    "broker": 1000,
    "database": 999,
    "prometheus": 65534,
    "grafana": 472,
}
"""Who reads a directory: the user, by number, that the service's image runs as."""
BROKERS: Final = ("kafka-1", "kafka-2", "kafka-3")
BROKER_NAME: Final = "overgang-broker"
"""Name in the brokers' certificates; `super.users` of broker.properties names it."""
_HERE: Final = ("localhost", "127.0.0.1")
"""For whoever looks from inside the service's own container."""
_ADMINISTRATORS: Final = ("admin", "broker")


class SecretsNotMade(OvergangError):
    """The directory cannot be filled; the text says why."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A file below the directory, and what is in it."""

    place: str
    content: bytes


def make_secrets(directory: Path, names: list[str]) -> list[Path]:
    """Fill a new directory; all files have mode 600 and, where we may, the owner that reads them.

    `names`: the DNS names or addresses by which callers reach the HTTP API. Returns the files. Raises
    SecretsNotMade.
    """
    if directory.exists():
        raise SecretsNotMade(f"{directory} is there already; name a new directory, or change a file by hand")
    try:
        directory.mkdir(mode=0o700, parents=True)
        for reader in READERS:
            (directory / reader).mkdir(mode=0o700)
        for secret in _contents(names):
            _write(directory / secret.place, secret.content)
        gateway = directory / "gateway"
        load_or_make_key(gateway / "pseudonym.key")
        load_or_make_wrapping_key(gateway / "wrapping.key")
        SealKeys(gateway / "seal.keys")
        _give_away(directory)
    except OSError as failed:
        raise SecretsNotMade(
            f"{directory}: {failed.strerror}; delete what is there and run this again where you may write"
        ) from None
    return sorted(file for file in directory.rglob("*") if file.is_file())


def _contents(names: list[str]) -> Iterator[Secret]:
    authority = make_authority("Overgang installation")
    yield Secret("authority.key", authority.key)
    for reader in READERS:
        yield Secret(f"{reader}/ca.pem", authority.certificate)
    for broker in BROKERS:
        yield Secret(f"broker/{broker}.pem", _joined(issue(authority, BROKER_NAME, [broker, *_HERE])))
    yield from _pair("database/server", issue(authority, "database", ["database", *_HERE]))
    yield from _pair("gateway/api", issue(authority, "api", [*names, "api-1", "api-2", *_HERE]))
    yield from _pair("prometheus/client", issue(authority, "prometheus"))
    parts = [role.user for role in shipped_access().roles.values()]
    for user in (*_ADMINISTRATORS, *parts):
        password = _password()
        yield Secret(f"broker/{user}.password", password)
        if user in parts:
            yield Secret(f"gateway/{user}.password", password)
        if user == "admin":
            yield Secret(f"operator/{user}.password", password)
    yield from _of_the_database()
    yield Secret("grafana/admin.password", _password())


def _of_the_database() -> Iterator[Secret]:
    """The owner's password, and each part's for itself and for whoever sets it: the owner."""
    password = _password()
    yield Secret("database/database.password", password)
    yield Secret("owner/database.password", password)
    for part, user in shipped_roles().users.items():
        password = _password()
        yield Secret(f"owner/{user}.password", password)
        if part in READERS:
            yield Secret(f"{part}/database.password", password)


def _pair(place: str, pair: Pair) -> Iterator[Secret]:
    yield Secret(f"{place}.key", pair.key)
    yield Secret(f"{place}.pem", pair.certificate)


def _joined(pair: Pair) -> bytes:
    return pair.key + pair.certificate


def _password() -> bytes:
    return secrets.token_urlsafe(32).encode() + b"\n"


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as opened:
        opened.write(content)


def _give_away(directory: Path) -> None:
    """Only root may; another user has to run the services as itself."""
    if os.geteuid() != 0:
        return
    for reader, user in READERS.items():
        for place in (directory / reader, *(directory / reader).iterdir()):
            os.chown(place, user, user)
