"""The pull mailbox: nothing skipped, nothing repeated, whoever comes or goes meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from connectors.embedded.postgres import EmbeddedPostgres
from schemas.cloudevent import to_structured
from schemas.outbound import RECEIPT_TYPE
from schemas.problems import ErrorClass, InvalidMessage, Problem
from schemas.wire import decode
from streams.ledger import outbound
from streams.metrics import Metrics as WorkerMetrics
from streams.publisher import LARGEST_BYTES
from tests.integration.api_server import served, until
from tests.integration.ledger_room import (
    NOW,
    Partition,
    admission,
    contacted,
    ledger_on,
    notice,
    status,
    take,
)
from tests.integration.mailbox_room import (
    MailboxRoom,
    mailbox_room,
    metric,
    relay_room,
    said,
    until_waiting,
)
from tests.integration.relay_room import AARHUS, SCHOOL, RelayRoom, leads

__all__ = ["mailbox_room", "relay_room"]
AGE = f'overgang_mailbox_oldest_unread_seconds{{party="{SCHOOL}"}}'


@pytest.fixture
def api(mailbox_room: MailboxRoom, kafka: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, mailbox_room.database_url, topic_prefix) as client:
        yield client


def read(api: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/v1/mailbox", params={"party": SCHOOL} | query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    assert answer.headers["cache-control"] == "no-store"
    found: list[dict[str, Any]] = answer.json()
    return found


def acknowledge(api: httpx.Client, sequence: int, **more: Any) -> httpx.Response:
    return api.post("/v1/mailbox/acknowledge", json={"party": SCHOOL, "sequence": sequence} | more)


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["sequence"]) for event in events]


def test_a_mailbox_holds_what_the_topic_holds_receipts_included(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    raised = notice()
    fault = InvalidMessage(ErrorClass.INVALID, (Problem("data.event", "is unknown", "send RAISED"),))
    with ledger_on(mailbox_room.database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("enrolment"), [admission()])
        partition = Partition("dropout-risk")
        take(ledger, partition, [raised])
        take(ledger, Partition("follow-up"), [contacted(notice_id=raised["id"])])
        batch = partition.batch([fault])
        headers = (("ce_source", SCHOOL.encode()), ("ce_id", notice()["id"].encode()))
        refused = replace(batch, inputs=tuple(replace(item, headers=headers) for item in batch.inputs))
        ledger.apply(refused, [fault], NOW)
    mailbox_room.number()
    for party in (SCHOOL, AARHUS):
        in_mailbox = read(api, party=party)
        on_topic = mailbox_room.relays.got(party, len(in_mailbox))
        assert in_mailbox == [
            to_structured(
                {
                    name.removeprefix("ce_"): value.decode()
                    for name, value in message.headers() or []
                    if name.startswith("ce_")
                },
                decode(message.value() or b"")[1],
            )
            for message in on_topic
        ]
        assert numbers(in_mailbox) == list(range(1, len(in_mailbox) + 1))
    to_school = {event["type"]: event["data"] for event in read(api)}
    assert to_school[RECEIPT_TYPE]["outcome"] == "QUARANTINED"
    assert to_school["dk.overgang.follow-up.v1"]["event"] == "CONTACTED"
    assert "cpr" not in str(read(api))
    assert {"dk.overgang.dropout-risk.v1", "dk.overgang.task.v1"} <= {
        event["type"] for event in read(api, party=AARHUS)
    }


def test_a_poll_is_answered_as_soon_as_a_message_has_its_number(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    with mailbox_room.relays.running() as relay:
        until(lambda: leads(relay), 10)
        waiting = mailbox_room.poll(api)
        other = mailbox_room.poll(api, party=AARHUS, wait=2)
        until_waiting(api, 2)
        mailbox_room.tell("one", "two")
        answer = waiting.result(5)
        assert said(answer.json()) in (["one"], ["one", "two"])
        assert answer.elapsed.total_seconds() < 5
        assert other.result(10).json() == []
        assert other.result().elapsed.total_seconds() >= 2


def test_writers_that_overlap_and_relays_that_change_leave_nothing_out_and_nothing_twice(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    """Rows become visible in another order than they were written in, and the lead changes all the time."""
    writers, each = 4, 60
    seen: list[dict[str, Any]] = []

    def write(writer: int) -> None:
        with psycopg.connect(mailbox_room.database_url) as slow:
            for n in range(each):
                mailbox_room.tell(f"{writer}.{n} early", on=slow)
                mailbox_room.tell(f"{writer}.{n} late, seen first")
                slow.commit()

    def cut_leads(done: threading.Event) -> None:
        while not done.wait(0.4):
            with psycopg.connect(mailbox_room.database_url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'overgang relay'"
                )

    total, done = 2 * writers * each, threading.Event()
    with (
        mailbox_room.relays.running(),
        mailbox_room.relays.running(),
        ThreadPoolExecutor(writers + 1) as threads,
    ):
        writing = [threads.submit(write, writer) for writer in range(writers)]
        cutting = threads.submit(cut_leads, done)
        try:
            while len(seen) < total:
                came = read(api, after=numbers(seen)[-1] if seen else 0, wait=20, limit=7)
                assert came, f"{len(seen)} of {total}"
                seen += came
        finally:
            done.set()
        for finished in (*writing, cutting):
            finished.result(10)
    assert numbers(seen) == list(range(1, total + 1))
    assert len(set(said(seen))) == total
    for kept in (0, 1, 100, total - 1):
        again = read(api, after=kept)
        assert again == seen[kept : kept + len(again)]
        assert len(again) == min(500, total - kept)


def test_what_no_topic_can_take_is_read_from_the_mailbox(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    mailbox_room.tell("before", "x" * (LARGEST_BYTES + 1), "after")
    mailbox_room.number()
    seen: list[dict[str, Any]] = []
    while came := read(api, after=len(seen)):
        seen += came
    assert [len(text) for text in said(seen)] == [6, LARGEST_BYTES + 1, 5]
    assert numbers(seen) == [1, 2, 3]


def test_what_the_broker_does_not_have_yet_is_read_all_the_same(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    mailbox_room.tell("one", "two")
    with psycopg.connect(mailbox_room.database_url, autocommit=True) as connection:
        assert outbound.number(connection, 10) == 2
        assert outbound.number(connection, 10) == 0
    assert mailbox_room.relays.unpublished() == 2
    assert said(read(api)) == ["one", "two"]


def test_an_answer_has_a_bounded_size_and_the_next_one_goes_on(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    texts = [f"{n} " + "x" * 1000 for n in range(9)]
    mailbox_room.tell(*texts)
    mailbox_room.number()
    with served(kafka, mailbox_room.database_url, topic_prefix, mailbox_page=4000) as api:
        pages: list[list[dict[str, Any]]] = []
        while came := read(api, after=sum(map(len, pages))):
            pages.append(came)
    assert [len(page) for page in pages] == [3, 3, 3]
    assert [text for page in pages for text in said(page)] == texts


def test_a_message_of_an_erased_case_leaves_its_number_empty_and_is_not_waited_for(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    with ledger_on(mailbox_room.database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice()])
    mailbox_room.tell("of no case", to=AARHUS)
    mailbox_room.number()
    before = read(api, party=AARHUS)
    with psycopg.connect(mailbox_room.database_url) as connection:
        connection.execute("UPDATE keyring.case_keys SET wrapped = NULL")
    assert read(api, party=AARHUS) == before[-1:]
    assert numbers(before)[-1] == 3
    assert read(api, party=AARHUS, after=3) == []
    name = f'overgang_mailbox_oldest_unread_seconds{{party="{AARHUS}"}}'
    # The erased ones were written weeks ago by the ledger's clock, the readable one just now.
    until(lambda: metric(api, name) is not None, 15)
    assert 0 <= (metric(api, name) or 0) < 120
    with psycopg.connect(mailbox_room.database_url) as connection:
        connection.execute("DELETE FROM outbound WHERE sequence = 3 AND recipient = %s", (AARHUS,))
    assert read(api, party=AARHUS) == []
    until(lambda: metric(api, name) == 0, 15)


def test_a_message_that_cannot_be_opened_by_our_fault_is_never_passed_over(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    mailbox_room.tell("one", "two", "three")
    mailbox_room.number()
    with psycopg.connect(mailbox_room.database_url) as connection:
        connection.execute("UPDATE outbound SET payload = '\\x01deadbeef' WHERE sequence = 2")
    assert said(read(api)) == ["one"]
    stuck = api.get("/v1/mailbox", params={"party": SCHOOL, "after": 1})
    assert stuck.status_code == 500
    with psycopg.connect(mailbox_room.database_url) as connection:
        connection.execute("UPDATE outbound SET case_key = 'one-without-a-key' WHERE sequence = 2")
    assert api.get("/v1/mailbox", params={"party": SCHOOL, "after": 1}).status_code == 500
    assert said(read(api, after=2)) == ["three"]


def test_many_wait_on_one_connection_to_the_database(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    with served(kafka, mailbox_room.database_url, topic_prefix, polls_of_one=30) as api:
        waiting = [mailbox_room.poll(api) for _ in range(20)]
        until_waiting(api, 20)
        assert mailbox_room.bells() == 1
        mailbox_room.tell("for all")
        mailbox_room.number()
        assert [said(answer.result(10).json()) for answer in waiting] == [["for all"]] * 20


def test_more_who_wait_than_there_are_places_are_sent_away_and_may_still_read(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    with served(kafka, mailbox_room.database_url, topic_prefix, polls=3, polls_of_one=2) as api:
        waiting = [mailbox_room.poll(api, party=party) for party in (SCHOOL, SCHOOL, AARHUS)]
        until_waiting(api, 3)
        own = api.get("/v1/mailbox", params={"party": SCHOOL, "wait": 10})
        full = api.get("/v1/mailbox", params={"party": AARHUS, "wait": 10})
        assert (own.status_code, full.status_code) == (429, 503)
        assert own.headers["retry-after"]
        assert full.headers["retry-after"]
        assert read(api) == []
        mailbox_room.tell("there")
        mailbox_room.tell("there", to=AARHUS)
        mailbox_room.number()
        assert [answer.result(10).status_code for answer in waiting] == [200] * 3
        until_waiting(api, 0)
        assert said(read(api, wait=10)) == ["there"]


def test_a_client_that_goes_away_gives_its_place_back(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    with served(kafka, mailbox_room.database_url, topic_prefix, polls_of_one=1) as api:
        with pytest.raises(httpx.ReadTimeout):
            api.get("/v1/mailbox", params={"party": SCHOOL, "wait": 60}, timeout=0.5)
        until_waiting(api, 0)
        assert read(api, wait=1) == []


def test_a_stop_of_the_api_answers_those_who_wait_at_once(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    with served(kafka, mailbox_room.database_url, topic_prefix) as api:
        waiting = [mailbox_room.poll(api, wait=60) for _ in range(3)]
        until_waiting(api, 3)
    answers = [answer.result(5) for answer in waiting]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, [])] * 3
    assert max(answer.elapsed.total_seconds() for answer in answers) < 10


def test_without_database_those_who_wait_learn_it_and_it_comes_back_by_itself(
    kafka: str, own_postgres: EmbeddedPostgres, topic_prefix: str, wait_until: Any
) -> None:
    room = MailboxRoom(RelayRoom(kafka, own_postgres.url, topic_prefix, wait_until))
    with served(kafka, own_postgres.url, topic_prefix) as api:
        waiting = room.poll(api, wait=60)
        until_waiting(api, 1)
        own_postgres.kill()
        told = waiting.result(15)
        assert told.status_code == 503
        assert told.headers["retry-after"]
        assert acknowledge(api, 0).status_code == 503
        own_postgres.start()
        until(lambda: api.get("/v1/mailbox", params={"party": SCHOOL}).status_code == 200, 20)
        until(lambda: room.bells() == 1, 20)
        waiting = room.poll(api, wait=60)
        until_waiting(api, 1)
        room.tell("back")
        room.number()
        assert said(waiting.result(10).json()) == ["back"]


def test_a_ring_that_was_missed_while_the_bell_was_away_is_made_up_for(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    until(lambda: mailbox_room.bells() == 1, 10)
    mailbox_room.tell("unheard")
    waiting = mailbox_room.poll(api, wait=60)
    until_waiting(api, 1)
    with psycopg.connect(mailbox_room.database_url, autocommit=True) as connection:
        # In one go, so that the number is given while nobody listens.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'overgang mailbox bell'"
        )
        connection.execute("UPDATE outbound SET sequence = 1")
        connection.execute("INSERT INTO cursors VALUES (%s, 1)", (SCHOOL,))
    assert said(waiting.result(10).json()) == ["unheard"]


def test_a_reader_without_memory_goes_on_from_what_it_acknowledged(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    mailbox_room.tell(*"abcde")
    mailbox_room.number()
    assert said(read(api)) == list("abcde")
    first = acknowledge(api, 3)
    assert first.json() == {"party": SCHOOL, "acknowledged": 3, "last": 5}
    assert acknowledge(api, 3).json() == first.json()
    assert acknowledge(api, 1).json() == first.json()
    assert said(read(api)) == ["d", "e"]
    assert said(read(api, after=1, limit=2)) == ["b", "c"]
    assert acknowledge(api, 1, back=True).json()["acknowledged"] == 1
    assert said(read(api)) == list("bcde")


def test_a_number_that_was_never_given_is_refused(mailbox_room: MailboxRoom, api: httpx.Client) -> None:
    mailbox_room.tell("one")
    mailbox_room.number()
    for refused, field in (
        (acknowledge(api, 2), "body.sequence"),
        (api.get("/v1/mailbox", params={"party": SCHOOL, "after": 2, "wait": 60}), "query.after"),
    ):
        assert refused.status_code == 422
        assert [fault["field"] for fault in refused.json()["errors"]] == [field]
        assert "beyond the last number of this mailbox, 1" in refused.json()["errors"][0]["problem"]
    assert acknowledge(api, -1).status_code == 422
    assert acknowledge(api, 1, sequnce=1).status_code == 422
    assert acknowledge(api, 1).json()["acknowledged"] == 1


def test_the_age_of_the_oldest_unread_message_is_told_for_those_who_read_by_mailbox(
    mailbox_room: MailboxRoom, api: httpx.Client
) -> None:
    mailbox_room.tell("one", "two")
    mailbox_room.number()
    with psycopg.connect(mailbox_room.database_url) as connection:
        connection.execute("UPDATE outbound SET written_at = now() - interval '2 hours' WHERE sequence = 1")
        connection.execute("UPDATE outbound SET written_at = now() - interval '1 hour' WHERE sequence = 2")
    assert metric(api, AGE) is None
    read(api, limit=1)
    until(lambda: 7200 <= (metric(api, AGE) or 0) < 7260, 15)
    acknowledge(api, 1)
    until(lambda: 3600 <= (metric(api, AGE) or 0) < 3660, 15)
    acknowledge(api, 2)
    until(lambda: metric(api, AGE) == 0, 15)
    assert AARHUS not in api.get("/metrics").text


def test_every_alert_is_about_a_metric_that_there_is(api: httpx.Client) -> None:
    read(api)
    until(lambda: metric(api, AGE) is not None, 15)
    told = api.get("/metrics").text + WorkerMetrics().exposition().decode()
    rules = yaml.safe_load(Path("docs/examples/alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert alerts
    for alert in alerts:
        name = next(word for word in alert["expr"].replace("(", " ").split() if word.startswith("overgang_"))
        assert f"# TYPE {name.rstrip(')')} gauge" in told
        assert Path(alert["annotations"]["runbook"]).exists()
