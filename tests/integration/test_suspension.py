"""A system that signs too much of what cannot be accepted sends no more until it is resumed; others do."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import psycopg
import pytest
from joserfc.jwk import OKPKey

from connectors.access.own_token import OwnToken
from schemas.identifiers import SystemId
from streams.ledger.registry import audited
from streams.ledger.registry_changes import seed_local
from streams.ledger.suspending import Tolerance
from streams.registry import Right
from tests.conftest import fresh_database
from tests.integration.api_server import STRUCTURED, TOKEN_KEY, notice, served, until
from tests.integration.sealed_room import OTHER_SCHOOL, SCHOOL, Record, SealedRoom
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes

BORNE = 5


class House(NamedTuple):
    """A worker that bears few faults, and an API on the same ledger, for all cases."""

    room: SealedRoom
    url: str

    def client(self, system: SystemId) -> httpx.Client:
        auth = OwnToken(TOKEN_KEY, system)
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, auth=auth)

    def wrong(self, key: OKPKey) -> Record:
        """A record that its system signed, and that nobody can read."""
        kafka_key, headers, value = self.room.record()
        return self.room.signed(key, (kafka_key, headers, value + b"\0"))

    def produce_wrong(self, key: OKPKey, number: int) -> None:
        before = sum(self.room.inputs())
        self.room.produce(*(self.wrong(key) for _ in range(number)))
        until(lambda: sum(self.room.inputs()) == before + number, 10)

    def suspension(self, system: SystemId) -> tuple[Any, ...]:
        [found] = self.room.room.rows(
            "SELECT sending_suspended_at, sending_suspended_because FROM systems WHERE id = %s", system
        )
        return found

    def suspended(self, *flows: str) -> tuple[SystemId, OKPKey]:
        """A system that has just been suspended for what it signed."""
        system, key, _ = self.room.signer(*flows or ("dropout-risk",))
        self.produce_wrong(key, BORNE + 1)
        assert self.suspension(system)[0] is not None
        self.room.in_force()
        return system, key


@pytest.fixture(scope="module")
def house(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with fresh_database(shared_postgres) as database_url:
        room = StreamRoom(
            shared_kafka,
            database_url,
            f"suspension_{uuid4().hex[:12]}.",
            tmp_path_factory.mktemp("suspension"),
            lambda condition, timeout=20, what="": until(condition, timeout),
        )
        seed_local(database_url)
        with room.worker(require_seal=True, tolerance=Tolerance(BORNE)) as worker:
            sealed = SealedRoom(room, worker.worker)
            with served(shared_kafka, database_url, room.prefix, ready=False, seal_keys=sealed.keys) as api:
                until(lambda: api.get("/health/ready").status_code == 200, 30)
                yield House(sealed, str(api.base_url))


def test_as_many_faults_as_are_borne_suspend_nobody_and_one_more_does(house: House) -> None:
    system, key, _ = house.room.signer("dropout-risk")
    _, other, _ = house.room.signer("dropout-risk")
    house.produce_wrong(key, BORNE)
    assert house.suspension(system) == (None, None)
    assert house.room.taken(house.room.signed(key))
    house.produce_wrong(key, 1)
    since, because = house.suspension(system)
    assert since is not None
    assert because == "6 of the records that it signed within 60 minutes could not be accepted"
    assert house.room.in_force() < 1
    assert not house.room.taken(house.room.signed(key))
    assert house.room.taken(house.room.signed(other))
    assert house.room.room.stopped() == {}


def test_what_a_suspended_sender_signs_is_kept_with_its_reason_and_its_sender_is_told(house: House) -> None:
    system, key = house.suspended()
    receipts = house.room.receipts()
    assert not house.room.taken(house.room.signed(key))
    [found] = house.room.room.rows(
        "SELECT error_class, system, source, reasons FROM quarantine ORDER BY n DESC LIMIT 1"
    )
    assert found[:3] == ("SENDER_SUSPENDED", system, SCHOOL)
    assert all(reason["problem"] and reason["mend"] for reason in found[3])
    assert house.room.receipts() == receipts + 1


def test_the_api_refuses_what_a_suspended_sender_posts_and_lets_it_read(house: House) -> None:
    system, _ = house.suspended()
    house.room.changes().grant(system, OTHER_SCHOOL, Right.READ)
    with house.client(system) as client:
        until(lambda: client.get("/v1/mailbox").status_code == 200, 5)
        answer = client.post("/v1/messages", json=notice(), headers=STRUCTURED)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/sender-suspended")
        assert "could not be accepted" in answer.json()["detail"]
        assert "ask the operator" in answer.json()["detail"]
        batch = client.post(
            "/v1/messages", json=[notice()], headers={"content-type": "application/cloudevents-batch+json"}
        )
        assert batch.status_code == 403
        assert client.get("/v1/access").status_code == 200


def test_a_sender_that_is_resumed_begins_anew_and_both_are_on_the_audit(house: House) -> None:
    system, key = house.suspended()
    house.room.changes().resume(system)
    assert house.room.in_force() < 1
    assert house.room.taken(house.room.signed(key))
    house.produce_wrong(key, BORNE)
    assert house.suspension(system) == (None, None)
    with house.room.changes().engine.connect() as connection:
        lines = [(line["actor"], line["action"]) for line in audited(connection) if line["object"] == system]
    assert lines[:2] == [("tester", "resume"), ("overgang", "suspend-sending")]
    house.produce_wrong(key, 1)
    assert house.suspension(system)[0] is not None


def test_nobody_suspends_another_by_copying_changing_or_ageing_what_it_wrote(house: House) -> None:
    system, key, credential = house.room.signer("dropout-risk")
    assert house.room.taken(house.room.signed(key))
    copied = house.wrong(key)
    kafka_key, headers, value = house.room.signed(key)
    aged = house.room.signed(key, iat=int(time.time() - timedelta(days=20).total_seconds()))
    unsigned = house.room.record()
    before = sum(house.room.inputs())
    count = 3 * BORNE
    house.room.produce(
        *[copied] * count,
        *((kafka_key, headers, value + bytes([n])) for n in range(count)),
        *[aged] * count,
        *[unsigned] * count,
    )
    until(lambda: sum(house.room.inputs()) == before + 4 * count, 10)
    assert house.suspension(system) == (None, None)
    house.room.changes().revoke(credential)
    house.room.in_force()
    house.produce_wrong(key, 2 * BORNE)
    assert house.suspension(system) == (None, None)
    assert house.room.room.rows("SELECT count(*) FROM sender_faults WHERE system = %s", system) == [(1,)]


def test_what_the_api_had_accepted_before_is_taken(house: House) -> None:
    assert house.suspended()
    edge = house.room.sealed()
    assert house.room.taken(edge)


def test_the_operator_sees_how_many_are_suspended(house: House) -> None:
    house.suspended()
    [(number,)] = house.room.room.rows("SELECT count(*) FROM systems WHERE sending_suspended_at IS NOT NULL")
    line = f"overgang_suspended_senders {float(number)}"
    until(lambda: line in house.room.worker.metrics.exposition().decode(), 10)


def test_faults_of_an_hour_ago_count_no_more(house: House) -> None:
    system, key, _ = house.room.signer("dropout-risk")
    house.produce_wrong(key, BORNE)
    with psycopg.connect(house.room.room.database_url) as connection:
        connection.execute(
            "UPDATE sender_faults SET at = %s WHERE system = %s",
            (datetime.now(UTC) - timedelta(minutes=61), system),
        )
    house.produce_wrong(key, BORNE)
    assert house.suspension(system) == (None, None)


def test_the_operator_lists_the_suspended_and_resumes_one_at_the_command_line(
    house: House, processes: Processes
) -> None:
    system, _ = house.suspended()
    here = {"OVERGANG_DATABASE_URL": house.room.room.database_url}
    listed = processes.start("overgang", "parties", "suspended", "--json", environment=here)
    assert listed.wait() == 0, listed.output
    [found] = [known for known in json.loads(listed.output) if known["id"] == system]
    assert "could not be accepted" in found["sending_suspended_because"]
    assert found["suspended_at"] is None
    resumed = processes.start("overgang", "parties", "resume", system, environment=here)
    assert (resumed.wait(), resumed.output) == (0, f"{system} may act again\n")
    assert house.suspension(system) == (None, None)
