"""The deliverer as a whole: several at once, endpoints that are dead, kills, and a clean stop."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.webhooks.addresses import Addresses
from connectors.webhooks.deliverer import Deliverer, DelivererConfig
from connectors.webhooks.line import Line
from connectors.webhooks.signing import webhook_id
from connectors.webhooks.silence import AWAY_AFTER
from schemas.identifiers import PartyAddress
from streams.ledger import webhook_settling, webhooks
from tests.integration.api_server import until
from tests.integration.webhook_room import (
    AARHUS,
    ODENSE,
    ORIGIN,
    SEAL,
    TTL,
    Answer,
    Receiver,
    WebhookRoom,
    delivering,
    room,
)
from tests.processes import Processes

__all__ = ["room"]
COPENHAGEN = PartyAddress("/municipality/101")
MANY = 10_000
HEALTHY = 100


def deliverer(room: WebhookRoom) -> Deliverer:
    return Deliverer(DelivererConfig(room.database_url, SEAL, ORIGIN, TTL, loopback=True))


@contextmanager
def silent() -> Iterator[Receiver]:
    """An endpoint that agreed once, and now accepts connections without a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield Receiver(url=f"http://127.0.0.1:{listening.getsockname()[1]}/hook")


@contextmanager
def closed() -> Iterator[Receiver]:
    """An endpoint that agreed once, and now refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    yield Receiver(url=f"http://127.0.0.1:{port}/hook")


def agreed(room: WebhookRoom, party: PartyAddress) -> None:
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "UPDATE webhooks SET state = 'ACTIVE', activated_at = now(), validate_at = NULL WHERE party = %s",
            (party,),
        )


def many(room: WebhookRoom, party: PartyAddress, *, as_exceptions: bool) -> None:
    """10,000 messages, each of a case of its own; as exceptions, all of them due now."""
    sealed = room.payload(None)
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO outbound (recipient, sequence, source, message_id, type, time, attributes, case_key,"
            " payload, written_at) SELECT %s, n, '/gateway', gen_random_uuid()::text, 'dk.overgang.task.v1',"
            " now(), '{}', NULL, %s, now() FROM generate_series(1, %s) AS n",
            (party, sealed, MANY),
        )
        connection.execute("INSERT INTO cursors VALUES (%s, %s)", (party, MANY))
        if as_exceptions:
            connection.execute(
                "INSERT INTO webhook_exceptions (recipient, sequence, source, message_id, order_key, state,"
                " attempts, next_attempt_at, expires_at, round)"
                " SELECT recipient, sequence, source, message_id, 'case-' || n, 'WAITING', 3, now(),"
                " now() + interval '9 days', 0 FROM outbound"
                " WHERE recipient = %s",
                (party,),
            )
            connection.execute("UPDATE webhooks SET cursor = %s WHERE party = %s", (MANY, party))


class Counted:
    """Counts what each endpoint asks of the database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asks: dict[Any, int] = {}
        original = Line.ask

        async def ask(line: Line, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            first = next((a for a in args if isinstance(a, str)), None)
            party = getattr(args[1], "party", None) if work is webhook_settling.settle else first
            self.asks[party] = self.asks.get(party, 0) + 1
            return await original(line, work, *args, **kwargs)

        monkeypatch.setattr(Line, "ask", ask)


@pytest.mark.parametrize("as_exceptions", [False, True], ids=["behind the cursor", "as exceptions"])
@pytest.mark.parametrize("dead", [closed, silent])
def test_ten_thousand_messages_for_a_dead_endpoint_do_not_slow_a_healthy_one(
    room: WebhookRoom,
    monkeypatch: pytest.MonkeyPatch,
    dead: Callable[[], Any],
    as_exceptions: bool,
) -> None:
    """Counted by what the dead one is allowed to do while the healthy one gets everything."""
    counted = Counted(monkeypatch)
    receiver = room.receiver()
    with dead() as away:
        room.add(ODENSE, away)
        room.add(AARHUS, receiver)
        for party in (ODENSE, AARHUS):
            agreed(room, party)
        many(room, ODENSE, as_exceptions=as_exceptions)
        room.write(AARHUS, *(f"case-{n % 17}" for n in range(HEALTHY)))
        with delivering(deliverer(room)) as running:
            until(lambda: len(receiver.accepted) == HEALTHY, 60)
            asked = dict(counted.asks)
            tries = in_vain(running)
            if dead is closed:
                until(lambda: in_vain(running) > AWAY_AFTER, 30)
    assert sorted(receiver.sequences()) == list(range(1, HEALTHY + 1))
    assert tries <= 2 * AWAY_AFTER, "a dead endpoint is tried one message at a time, with pauses"
    assert asked[AARHUS] >= HEALTHY
    assert asked.get(ODENSE, 0) <= HEALTHY // 2, "what waits for a dead endpoint costs nothing"


def in_vain(running: Deliverer) -> float:
    """Posts that brought no answer worth the name."""
    found = running.metrics.registry.get_sample_value("overgang_webhook_attempts_total", {"verdict": "again"})
    return found or 0.0


def test_two_deliverers_serve_each_endpoint_once_and_one_takes_over_from_the_other(
    room: WebhookRoom, processes: Processes
) -> None:
    receiver, other = room.receiver(), room.receiver()
    room.add(AARHUS, receiver)
    room.add(ODENSE, other)
    environment = {
        "OVERGANG_DATABASE_URL": room.database_url,
        "OVERGANG_DATA_DIRECTORY": "data",
        "OVERGANG_WRAPPING_KEY_FILE": str(wrapping_key(processes)),
    }
    first = processes.start("overgang", "deliver", environment=environment)
    until(lambda: first.output.count("serves endpoint") == 2, 30)
    second = processes.start("overgang", "deliver", environment=environment)
    second.wait_for_line("deliverer answers", 30)
    numbers = room.write(AARHUS, *"abcdabcd") + room.write(ODENSE, *"abcd")
    until(lambda: len(receiver.accepted) + len(other.accepted) == len(numbers), 30)
    assert "serves endpoint" not in second.output
    first.kill()
    until(lambda: second.output.count("serves endpoint") == 2, 30)
    room.write(AARHUS, "a")
    until(lambda: 9 in receiver.sequences(), 30)
    assert sorted(set(receiver.sequences())) == list(range(1, 10))
    room.add(COPENHAGEN, other)
    until(lambda: second.output.count("serves endpoint") == 3, 30)
    assert second.stop() == 0
    assert not any(word in second.output for word in ("Testesen", "7405034123", receiver.url))


def wrapping_key(processes: Processes) -> Any:
    file = processes._directory / "wrapping.key"
    file.write_text(bytes(range(32, 64)).hex())
    file.chmod(0o600)
    return file


def test_a_kill_between_the_answer_and_the_mark_repeats_the_message_under_the_same_id(
    room: WebhookRoom, processes: Processes
) -> None:
    receiver = room.receiver()
    room.add(AARHUS, receiver)
    agreed(room, AARHUS)
    room.write(AARHUS, "a", "b", "a")
    dead = processes.start(
        "python",
        "-c",
        "from tests.integration.webhook_room import kill_point; kill_point()",
        room.database_url,
        environment={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    dead.wait_for_line("answered")
    before = [got.headers["webhook-id"] for got in receiver.accepted]
    dead.kill()
    assert (room.standing().cursor, room.exceptions()) == (0, {})
    with delivering(deliverer(room)):
        until(lambda: room.standing().cursor == 3, 30)
    ids = [got.headers["webhook-id"] for got in receiver.accepted]
    assert before
    assert set(ids) == {webhook_id(AARHUS, n) for n in (1, 2, 3)}
    assert len(ids) == len(before) + 3
    assert set(before) <= set(ids[len(before) :])


def test_a_deliverer_whose_connection_is_cut_off_goes_on_and_loses_nothing(room: WebhookRoom) -> None:
    receiver = room.receiver()
    room.add(AARHUS, receiver)
    agreed(room, AARHUS)
    with delivering(deliverer(room)) as running:
        room.write(AARHUS, "a")
        until(lambda: room.standing().cursor == 1, 30)
        with psycopg.connect(room.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'overgang deliver' AND datname = current_database()"
                " AND pid <> %s",
                (backend(room),),
            )
        room.write(AARHUS, "a", "b")
        until(lambda: room.standing().cursor == 3, 30)
        until(lambda: running.health.reasons(("deliverer",)) == [], 10)
    assert sorted(set(receiver.sequences())) == [1, 2, 3]


def backend(room: WebhookRoom) -> int:
    """The room's own line bears the same name."""
    return int(room.wait(room.line.ask(lambda connection: connection.info.backend_pid)))


def test_a_fault_of_our_own_at_one_endpoint_is_no_other_endpoints(
    room: WebhookRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, other = room.receiver(), room.receiver()
    room.add(AARHUS, receiver)
    room.add(ODENSE, other)
    for party in (AARHUS, ODENSE):
        agreed(room, party)
    original = webhooks.body

    def faulty(connection: Any, vault: Any, party: PartyAddress, sequence: int) -> bytes:
        if party == AARHUS:
            raise ZeroDivisionError
        return original(connection, vault, party, sequence)

    monkeypatch.setattr(webhooks, "body", faulty)
    room.write(AARHUS, "a")
    room.write(ODENSE, "a", "b")
    with delivering(deliverer(room)):
        until(lambda: room.standing(ODENSE).cursor == 2, 30)
    assert (receiver.posts, room.standing(AARHUS).cursor) == ([], 0)


def test_posts_on_their_way_arrive_and_are_marked_when_the_deliverer_is_told_to_stop(
    room: WebhookRoom,
) -> None:
    """The receiver answers only after the stop was asked for."""
    loop_told: list[Callable[[], None]] = []

    def answer(_: Any) -> Answer:
        loop_told[0]()
        return Answer(204)

    receiver = room.receiver(Receiver(answer=answer))
    room.add(AARHUS, receiver)
    agreed(room, AARHUS)
    room.write(AARHUS, "a", "a")

    async def run() -> None:
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop_told.append(lambda: loop.call_soon_threadsafe(told.set))
        await asyncio.wait_for(deliverer(room).run(told), 20)

    asyncio.run(run())
    assert (receiver.sequences(), room.standing().cursor, room.exceptions()) == ([1], 1, {})


def test_the_numbers_tell_what_waits_and_what_failed(room: WebhookRoom) -> None:
    receiver = room.receiver(Receiver(answer=lambda got: Answer(400 if got.case == "a" else 500)))
    room.add(AARHUS, receiver)
    agreed(room, AARHUS)
    room.write(AARHUS, "a", "b", "b")
    running = deliverer(room)

    def told(text: str) -> bool:
        return text in running.metrics.exposition().decode()

    with delivering(running):
        until(lambda: told('overgang_webhook_exceptions{state="FAILED"} 1.0'), 30)
        until(lambda: told('overgang_webhook_exceptions{state="WAITING"} 2.0'), 30)
        assert told("overgang_webhook_endpoints 1.0")
        assert told('overgang_webhook_attempts_total{verdict="refused"} 1.0')


def test_who_claims_an_endpoint_has_it_alone_until_its_connection_ends(room: WebhookRoom) -> None:
    room.add(AARHUS, Receiver(url="http://127.0.0.1:9/hook"))
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(psycopg.connect(room.database_url, autocommit=True)) for _ in range(2)
        )
        assert webhooks.claim(one, []) == [AARHUS]
        assert webhooks.claim(one, [AARHUS]) == []
        assert webhooks.claim(two, []) == []
        one.close()
        until(lambda: webhooks.claim(two, []) == [AARHUS], 10)


def test_a_log_line_names_the_party_and_never_the_address_or_content(
    room: WebhookRoom, processes: Processes
) -> None:
    receiver = room.receiver(Receiver(answer=lambda _: Answer(500, body=b"7405034123 Testesen")))
    room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    environment = {
        "OVERGANG_DATABASE_URL": room.database_url,
        "OVERGANG_DATA_DIRECTORY": "data",
        "OVERGANG_WRAPPING_KEY_FILE": str(wrapping_key(processes)),
    }
    running = processes.start("overgang", "deliver", environment=environment)
    until(lambda: len(receiver.posts) >= 3, 30)
    assert running.stop() == 0
    for line in running.output.splitlines():
        assert json.loads(line)["event"] in ("deliverer answers", "serves endpoint", "deliverer stopped")
    assert AARHUS in running.output
    assert not any(word in running.output for word in ("7405034123", "Testesen", "/hook", "whsec_"))
    assert room.exceptions()[1].last_status == "answered 500"


def test_addresses_are_given_up_with_their_threads() -> None:
    addresses = Addresses(loopback=True)
    assert asyncio.run(addresses.of("127.0.0.1", 1)) == ["127.0.0.1"]
    addresses.close()
