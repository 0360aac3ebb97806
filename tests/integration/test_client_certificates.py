"""Client certificates: a real TLS handshake with `overgang api`, and who it lets in as whom."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from connectors.deployment.certificates import Pair, issue, make_authority
from connectors.inbound_topics import inbound_topics
from schemas.identifiers import SystemId
from streams.ledger.engine import engine_for
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import RegistryChanges, seed_local
from streams.topics import ensure_topics, inbound_shape
from tests.integration.api_server import api_settings, tls_settings, until
from tests.integration.test_worker_health import free_port
from tests.processes import Processes


class Authority(NamedTuple):
    """Signs certificates and writes them, with their keys, into a directory."""

    directory: Path
    pair: Pair

    @classmethod
    def made(cls, directory: Path, name: str) -> "Authority":
        authority = cls(directory, make_authority(name))
        (directory / f"{name}.pem").write_bytes(authority.pair.certificate)
        return authority

    def issue(self, name: str) -> tuple[Path, Path]:
        pair = issue(self.pair, name, ["127.0.0.1"])
        files = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        for file, content in zip(files, (pair.certificate, pair.key), strict=True):
            file.write_bytes(content)
        return files


class Room(NamedTuple):
    """An API that speaks TLS, and two authorities: one it knows and a stranger."""

    url: str
    authority: Authority
    stranger: Authority
    overgang: Any

    def client(self, certificate: tuple[Path, Path] | None) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.authority.directory / "authority.pem"))
        if certificate is not None:
            context.load_cert_chain(*map(str, certificate))
        return httpx.Client(base_url=self.url, verify=context, timeout=10, trust_env=False)


@pytest.fixture
def room(
    tmp_path: Path, processes: Processes, kafka: str, database_url: str, topic_prefix: str
) -> Iterator[Room]:
    migrate(database_url)
    seed_local(database_url)
    RegistryChanges(engine_for(database_url), "tester", datetime.now(UTC)).put_system(
        SystemId("desk"), "Desk"
    )
    ensure_topics(kafka, inbound_topics(topic_prefix), inbound_shape(1))
    authority, stranger = Authority.made(tmp_path, "authority"), Authority.made(tmp_path, "stranger")
    certificate, key = authority.issue("server")
    port = free_port()
    environment = api_settings(tmp_path / "data", kafka, database_url, topic_prefix, port) | tls_settings(
        certificate, key, tmp_path / "authority.pem"
    )
    api = processes.start("overgang", "api", environment=environment)

    def overgang(*command: str) -> str:
        ended = processes.start("overgang", *command, environment=environment)
        assert ended.wait() == 0, ended.output
        return str(ended.output)

    found = Room(f"https://127.0.0.1:{port}", authority, stranger, overgang)
    with found.client(None) as client:
        until(lambda: listens(client), 30)
    yield found
    assert api.stop() == 0


def listens(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_certificates_of_one_system_overlap_and_a_revoked_one_ends(room: Room) -> None:
    old, new = room.authority.issue("desk-old"), room.authority.issue("desk-new")
    first = room.overgang("parties", "certificate", "desk", str(old[0])).split()[1]
    room.overgang("parties", "certificate", "desk", str(new[0]))
    with room.client(old) as by_old, room.client(new) as by_new:
        for client in (by_old, by_new):
            until(lambda client=client: client.get("/v1/access").status_code == 200, 5)  # type: ignore[misc]
            assert client.get("/v1/access").json()["system"] == "desk"
        room.overgang("parties", "revoke", first)
        assert until(lambda: by_old.get("/v1/access").status_code == 401, 5) < 1
        assert by_new.get("/v1/access").status_code == 200


def test_a_certificate_that_nobody_registered_is_no_system(room: Room) -> None:
    with room.client(room.authority.issue("unknown")) as client:
        answer = client.get("/v1/access")
    assert answer.status_code == 401
    assert "no system that is registered" in answer.json()["detail"]


def test_a_certificate_of_another_authority_does_not_get_a_connection(room: Room) -> None:
    foreign = room.stranger.issue("foreign")
    room.overgang("parties", "certificate", "desk", str(foreign[0]))
    with room.client(foreign) as client, pytest.raises(httpx.TransportError):
        client.get("/v1/access")


def test_without_a_certificate_a_token_counts(room: Room) -> None:
    token = room.overgang("parties", "token", "desk").strip()
    with room.client(None) as client:
        assert client.get("/v1/access").status_code == 401
        answer = client.get("/v1/access", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["system"] == "desk"
