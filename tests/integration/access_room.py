"""What tests of access share: a running API, and one system of each kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from connectors.access.own_token import OwnToken
from schemas.identifiers import PartyAddress, SystemId
from streams.ledger.engine import engine_for
from streams.ledger.ledger import Ledger
from streams.ledger.registry import audited
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import OPERATOR, Party, Right
from tests.integration.api_server import TOKEN_KEY, served, until
from tests.integration.ledger_room import Partition, ledger_on, status, take
from tests.integration.ledger_room import notice as raised

SCHOOL, OTHER_SCHOOL = PartyAddress("/institution/280051"), PartyAddress("/institution/280052")
AARHUS, COPENHAGEN = PartyAddress("/municipality/751"), PartyAddress("/municipality/101")
ROLES = ("nobody", "stranger", "school", "other-school", "aarhus", "copenhagen", "monitor", "operator")


class Room(NamedTuple):
    """A running API; a task of Aarhus, opened by a message of the school."""

    url: str
    changes: RegistryChanges
    task: str
    case: str
    message: str

    def client(self, role: str) -> httpx.Client:
        auth = None if role == "nobody" else OwnToken(TOKEN_KEY, SystemId(role))
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, auth=auth)

    def changes_lines(self) -> list[dict[str, Any]]:
        with self.changes.engine.connect() as connection:
            return audited(connection, limit=1000)


@pytest.fixture
def room(kafka: str, database_url: str, topic_prefix: str) -> Iterator[Room]:
    with served(kafka, database_url, topic_prefix) as api, ledger_on(database_url) as ledger:
        changes = RegistryChanges(engine_for(database_url), "tester", datetime.now(UTC))
        register(changes)
        message = opened(ledger)
        task = api.get("/v1/tasks", params={"recipient": AARHUS}).json()["tasks"][0]
        found = Room(str(api.base_url), changes, task["task_id"], task["case"], message)
        with found.client("operator") as operator:
            until(lambda: operator.get("/v1/registry").status_code == 200, 5)
        yield found


def register(changes: RegistryChanges) -> None:
    day = (changes.now - timedelta(days=1)).date()
    for address in (SCHOOL, OTHER_SCHOOL, AARHUS, COPENHAGEN):
        changes.put_party(Party(address, "Example", day))
    for role, party in (
        ("school", SCHOOL),
        ("other-school", OTHER_SCHOOL),
        ("aarhus", AARHUS),
        ("copenhagen", COPENHAGEN),
    ):
        changes.put_system(SystemId(role), role)
        changes.grant(SystemId(role), party, Right.SEND)
        changes.grant(SystemId(role), party, Right.READ)
    for role, right in (("monitor", Right.MONITOR), ("operator", Right.OPERATE)):
        changes.put_system(SystemId(role), role)
        changes.grant(SystemId(role), OPERATOR, right)


def opened(ledger: Ledger) -> str:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    message = raised()
    take(ledger, Partition("dropout-risk"), [message])
    return str(message["id"])
