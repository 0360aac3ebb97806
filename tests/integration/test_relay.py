"""The relay on a real broker and database: order, numbers, one leader, and rows that cannot go."""

import secrets

import psycopg
from confluent_kafka.admin import AdminClient, NewTopic

from streams.publisher import LARGEST_BYTES
from tests.integration.relay_room import (
    AARHUS,
    SCHOOL,
    RelayRoom,
    attribute,
    leads,
    relay_room,
    sequences,
)

__all__ = ["relay_room"]


def test_rows_come_out_in_order_with_gap_free_numbers_for_each_recipient(relay_room: RelayRoom) -> None:
    to_school = relay_room.write(SCHOOL, b"one", b"two", b"three")
    to_aarhus = relay_room.write(AARHUS, b"eins", b"zwei")
    with relay_room.running():
        relay_room.all_out()
        to_school += relay_room.write(SCHOOL, b"four")
        relay_room.all_out()
    school, aarhus = relay_room.got(SCHOOL, 4), relay_room.got(AARHUS, 2)
    assert [message.value() for message in school] == [b"one", b"two", b"three", b"four"]
    assert [attribute(message, "id") for message in school] == to_school
    assert [attribute(message, "id") for message in aarhus] == to_aarhus
    assert (sequences(school), sequences(aarhus)) == ([1, 2, 3, 4], [1, 2])
    first = school[0]
    assert first.key() == b"pseudonym"
    assert dict(first.headers() or []) | {"ce_id": b""} == {
        "content-type": b"application/avro",
        "ce_specversion": b"1.0",
        "ce_id": b"",
        "ce_source": b"/gateway",
        "ce_type": b"dk.overgang.task.v1",
        "ce_time": b"2026-10-02T10:00:00+00:00",
        "ce_sequence": b"1",
        "ce_subject": b"pseudonym",
        "ce_correlationid": b"c-1",
    }


def test_a_row_that_becomes_visible_late_is_numbered_late_and_not_forgotten(relay_room: RelayRoom) -> None:
    with relay_room.running(), psycopg.connect(relay_room.database_url) as slow:
        early = relay_room.write(SCHOOL, b"written first, committed last", on=slow)
        later = relay_room.write(SCHOOL, b"committed first")
        relay_room.all_out()
        slow.commit()
        relay_room.wait_until(lambda: relay_room.unpublished() == 0)
        found = relay_room.got(SCHOOL, 2)
    assert [attribute(message, "id") for message in found] == later + early
    assert sequences(found) == [1, 2]


def test_a_row_that_is_too_large_is_undeliverable_and_the_others_go_on(relay_room: RelayRoom) -> None:
    relay_room.write(SCHOOL, b"before", b"x" * (LARGEST_BYTES + 1), b"after")
    with relay_room.running():
        relay_room.all_out()
    assert [message.value() for message in relay_room.got(SCHOOL, 2)] == [b"before", b"after"]
    assert sequences(relay_room.got(SCHOOL, 2)) == [1, 3]
    with psycopg.connect(relay_room.database_url) as connection:
        found = connection.execute(
            "SELECT sequence, published_at, undeliverable_reason FROM outbound"
            " WHERE undeliverable_at IS NOT NULL"
        ).fetchall()
    assert found == [(2, None, f"larger than {LARGEST_BYTES} bytes")]


def test_a_topic_with_a_smaller_limit_loses_only_the_row_that_is_too_large(relay_room: RelayRoom) -> None:
    topic = relay_room.prefix + "outbound.institution.280051.v1"
    admin = AdminClient({"bootstrap.servers": relay_room.bootstrap})
    narrow = NewTopic(topic, 1, 1, config={"max.message.bytes": "2000"})
    admin.create_topics([narrow])[topic].result(20)
    # Random bytes: what compresses well would fit.
    relay_room.write(SCHOOL, b"before", secrets.token_bytes(5_000), b"after")
    relay_room.write(AARHUS, b"not concerned")
    with relay_room.running():
        relay_room.all_out()
    assert [message.value() for message in relay_room.got(SCHOOL, 2)] == [b"before", b"after"]
    assert [message.value() for message in relay_room.got(AARHUS, 1)] == [b"not concerned"]


def test_one_relay_leads_and_the_other_takes_over(relay_room: RelayRoom) -> None:
    first, second = relay_room.relay(), relay_room.relay()
    with relay_room.running(second):
        with relay_room.running(first):
            relay_room.wait_until(lambda: leads(first) or leads(second))
            leader, waiting = (first, second) if leads(first) else (second, first)
            relay_room.write(SCHOOL, b"one")
            relay_room.all_out()
            assert leads(leader)
            assert not leads(waiting)
            end_lead(relay_room)
            relay_room.wait_until(lambda: leads(waiting) or leads(leader))
        relay_room.wait_until(lambda: leads(second))
        relay_room.write(SCHOOL, b"two")
        relay_room.all_out()
        assert not leads(first)
    assert sequences(relay_room.got(SCHOOL, 2)) == [1, 2]


def test_a_relay_whose_connection_is_cut_off_seeks_the_lead_again(relay_room: RelayRoom) -> None:
    with relay_room.running() as relay:
        relay_room.wait_until(lambda: leads(relay))
        end_lead(relay_room)
        relay_room.wait_until(lambda: not leads(relay))
        relay_room.write(SCHOOL, b"one")
        relay_room.all_out()
    assert sequences(relay_room.got(SCHOOL, 1)) == [1]


def end_lead(room: RelayRoom) -> None:
    """Cut the leader's database connection, as a failover would."""
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
