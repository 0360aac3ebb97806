"""What one system may ask of the API, and that nobody else feels it when it asks for more."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest

from connectors.access.own_token import OwnToken
from connectors.cli.batch_sender import BatchSender
from connectors.cli.message_lines import Line
from connectors.http.limits import LimitConfig
from connectors.limits.in_hand import Shares
from connectors.limits.rates import Rate
from schemas.identifiers import PartyAddress, SystemId
from streams.ledger.engine import engine_for
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import Party, Right
from tests.conftest import fresh_database
from tests.integration.api_server import BATCH, STRUCTURED, TOKEN_KEY, notice, served, until
from tests.integration.mailbox_room import metric, until_waiting

MIB = 1024 * 1024
BODY_WITHIN = 3.0
AT_ONCE = 12
LIMITS = LimitConfig(
    requests=Rate(40, 80),
    messages=Rate(5, 20),
    shares=Shares(requests=AT_ONCE, batches=2, bytes=MIB),
)


class Sender:
    """A system of its own, with a party of its own that it sends and reads for."""

    def __init__(self, url: str, changes: RegistryChanges, n: int) -> None:
        self.url = url
        self.system, self.party = SystemId(f"limited-{n}"), PartyAddress(f"/institution/{290_000 + n}")
        self.changes = changes
        self.token = OwnToken(TOKEN_KEY, self.system)
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False, auth=self.token)
        changes.put_system(self.system, "Limited")
        self.acts_for(self.party)
        until(lambda: len(self.grants()) == 2, 5)

    def acts_for(self, party: PartyAddress) -> None:
        self.changes.put_party(Party(party, "Example", datetime(2026, 1, 1, tzinfo=UTC).date()))
        for right in (Right.SEND, Right.READ):
            self.changes.grant(self.system, party, right)

    def grants(self) -> list[Any]:
        answer = self.client.get("/v1/access")
        return list(answer.json()["grants"]) if answer.status_code == 200 else []

    def notices(self, number: int, party: str = "", **changes: Any) -> list[dict[str, Any]]:
        return [notice(**changes) | {"source": party or self.party} for _ in range(number)]

    def batch(self, number: int, party: str = "", **changes: Any) -> httpx.Response:
        body = json.dumps(self.notices(number, party, **changes))
        return self.client.post("/v1/messages", content=body, headers=BATCH)

    def post(self) -> httpx.Response:
        return self.client.post("/v1/messages", json=self.notices(1)[0], headers=STRUCTURED)

    @contextmanager
    def trickling(self) -> Iterator[socket.socket]:
        """A batch of which one byte has come and the rest does not."""
        host, port = self.url.removeprefix("http://").split(":")
        [token] = [
            request.headers["authorization"]
            for request in self.token.sync_auth_flow(httpx.Request("POST", self.url))
        ]
        head = (
            f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
            f"Content-Type: {BATCH['content-type']}\r\nContent-Length: 100000\r\n\r\n["
        )
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode())
            yield connection


class Room:
    """One API for all cases; each takes systems of its own, so that none has used up another's."""

    def __init__(self, operator: httpx.Client, database_url: str) -> None:
        self.operator = operator
        self._url = str(operator.base_url)
        self._changes = RegistryChanges(engine_for(database_url), "tester", datetime.now(UTC))
        self._numbers = count()

    def sender(self) -> Sender:
        return Sender(self._url, self._changes, next(self._numbers))


@pytest.fixture(scope="module")
def room(shared_kafka: str, shared_postgres: str) -> Iterator[Room]:
    with (
        fresh_database(shared_postgres) as database_url,
        served(
            shared_kafka,
            database_url,
            f"limits_{uuid4().hex[:12]}.",
            limits=LIMITS,
            body_within=BODY_WITHIN,
            polls_of_one=2 * AT_ONCE,
        ) as api,
    ):
        yield Room(api, database_url)


def statuses(answer: httpx.Response) -> list[int]:
    return [result["status"] for result in answer.json()["results"]]


def limit(answer: httpx.Response) -> str:
    """The limit that an answer names; each tells when to come again."""
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    [fault] = answer.json()["errors"]
    assert fault["mend"]
    return str(fault["field"])


def test_messages_of_a_batch_beyond_the_rate_are_429_and_those_of_others_are_taken(room: Room) -> None:
    sender, other = room.sender(), room.sender()
    answer = sender.batch(30)
    assert (answer.status_code, statuses(answer)) == (207, [202] * 20 + [429] * 10)
    assert answer.headers["retry-after"] == "2"
    none = sender.batch(20)
    assert none.status_code in (207, 429)
    assert set(statuses(none)[1:]) == {429}
    assert none.json()["results"][-1]["type"] == "/problems/rate-limited"
    assert other.batch(20).status_code == 202


def test_a_message_beyond_the_rate_names_the_limit_and_is_taken_after_the_seconds_told(room: Room) -> None:
    sender = room.sender()
    assert sender.batch(20).status_code == 202
    answers: list[httpx.Response] = []

    def refused() -> bool:
        answers.append(sender.post())
        return answers[-1].status_code == 429

    until(refused, 5)
    assert limit(answers[-1]) == "limit messages_per_second"
    assert answers[-1].headers["retry-after"] == "1"
    until(lambda: sender.post().status_code == 202, 2)


def test_one_party_beyond_its_rate_does_not_stop_another_of_the_same_system(room: Room) -> None:
    sender = room.sender()
    second = PartyAddress("/institution/299999")
    sender.acts_for(second)
    until(lambda: len(sender.grants()) == 4, 5)
    assert 429 in statuses(sender.batch(30))
    assert sender.batch(20, second).status_code == 202


def test_what_is_wrong_or_not_its_own_uses_up_nothing_of_a_partys(room: Room) -> None:
    sender, other = room.sender(), room.sender()
    wrong = sender.batch(30, event="?")
    assert statuses(wrong) == [422] * 20 + [429] * 10
    assert wrong.status_code == 429
    assert set(statuses(other.batch(30, sender.party))) == {403, 429}
    assert sender.batch(20).status_code == 202


def test_requests_beyond_the_rate_are_429_and_those_of_others_are_answered(room: Room) -> None:
    sender, other = room.sender(), room.sender()
    answers: list[httpx.Response] = []

    def refused() -> bool:
        answers.append(sender.client.get("/v1/access"))
        return answers[-1].status_code == 429

    with ThreadPoolExecutor(4) as pool:
        until(lambda: any(pool.map(lambda _: refused(), range(40))), 20)
    first = next(answer for answer in answers if answer.status_code == 429)
    assert limit(first) == "limit requests_per_second"
    assert other.client.get("/v1/access").status_code == 200


def test_bodies_that_trickle_in_are_408_in_the_end_and_hold_up_nobody(room: Room) -> None:
    slow, other = room.sender(), room.sender()
    with ExitStack() as held:
        connections = [held.enter_context(slow.trickling()) for _ in range(LIMITS.shares.batches)]
        until(lambda: metric(room.operator, "overgang_ingest_batches") == len(connections), 2)
        assert limit(slow.batch(1)) == "limit batches_at_once"
        assert slow.post().status_code == 202
        began = time.monotonic()
        assert other.batch(20).status_code == 202
        assert time.monotonic() - began < 1
        for connection in connections:
            answer = connection.makefile("rb").read().decode()
            assert answer.startswith("HTTP/1.1 408 "), answer
            assert "/problems/too-slow" in answer
            assert "connection: close" in answer.lower()
    assert slow.batch(1).status_code == 202


def test_a_body_beyond_a_systems_share_is_429_and_one_beyond_the_limit_413(room: Room) -> None:
    sender, other = room.sender(), room.sender()
    huge = b"[" + b" " * (MIB + 1) + b"]"
    answer = sender.client.post("/v1/messages", content=huge, headers=BATCH)
    assert limit(answer) == "limit bytes_at_once"
    single = sender.client.post("/v1/messages", content=b" " * 100_000, headers=STRUCTURED)
    assert (single.status_code, single.json()["type"]) == (413, "/problems/message-too-large")
    assert other.batch(20).status_code == 202
    assert sender.batch(20).status_code == 202


def test_a_system_that_waits_as_often_as_it_may_is_429_and_others_are_answered(room: Room) -> None:
    sender, other = room.sender(), room.sender()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(sender.client.get, "/v1/mailbox?wait=2") for _ in range(AT_ONCE)]
        until_waiting(room.operator, AT_ONCE)
        assert limit(sender.client.get("/v1/access")) == "limit requests_at_once"
        assert other.client.get("/v1/mailbox").status_code == 200
        assert [answer.result().status_code for answer in waiting] == [200] * AT_ONCE
    assert sender.client.get("/v1/access").status_code == 200


def test_our_own_client_sends_a_file_that_is_beyond_the_rate_to_its_end(room: Room) -> None:
    sender = room.sender()
    lines = [Line(n, json.dumps(event).encode()) for n, event in enumerate(sender.notices(30), 1)]
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)

    assert list(BatchSender(sender.client, wait).send(lines)) == []
    assert waited
    assert min(waited) >= 1


def test_the_operator_sees_who_reached_which_limit(room: Room) -> None:
    sender = room.sender()
    assert 429 in statuses(sender.batch(30))
    numbers = room.operator.get("/metrics").text
    assert f'overgang_limited_total{{limit="messages_per_second",system="{sender.system}"}} 1.0' in numbers
