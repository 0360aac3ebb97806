"""Receipts for each message and recipient: technical and business, unasked or by asking."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from schemas.identifiers import PartyAddress
from schemas.wire import decode
from streams.ledger import queries
from streams.ledger.engine import engine_for
from streams.ledger.ledger import Ledger
from streams.ledger.migrate import migrate
from streams.ledger.registry import audited, read_registry
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import Receipts, RegistryRefused
from tests.integration.api_server import served, until
from tests.integration.ledger_room import (
    NOW,
    Partition,
    admission,
    contacted,
    ledger_on,
    notice,
    rows,
    status,
    take,
)
from tests.integration.mailbox_room import MailboxRoom, mailbox_room, relay_room
from tests.integration.relay_room import AARHUS, SCHOOL
from tests.integration.webhook_room import Answer, WebhookRoom, room

__all__ = ["mailbox_room", "relay_room", "room"]


def want(database_url: str, receipts: Receipts, at: datetime, party: PartyAddress = SCHOOL) -> None:
    RegistryChanges(engine_for(database_url), "tester", at).want_receipts(party, receipts)


def told(ledger: Ledger, database_url: str, party: PartyAddress = SCHOOL) -> list[tuple[str, Any]]:
    """Every receipt to a party: its kind and its data, in the order they were written."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT type, case_key, payload FROM outbound WHERE recipient = %s AND type LIKE %s ORDER BY n",
            (party, "%receipt.v1"),
        ).fetchall()
    return [
        (type_.split(".")[2], decode(ledger.vault.open(case, payload))[1]) for type_, case, payload in rows
    ]


def test_who_wants_all_receipts_hears_of_each_message_and_of_the_task_it_opened(database_url: str) -> None:
    raised, again = notice(), Partition("dropout-risk")
    with ledger_on(database_url) as ledger:
        want(database_url, Receipts.ALL, NOW - timedelta(days=1))
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, again, [raised, raised])
        take(ledger, Partition("follow-up"), [contacted(notice_id=raised["id"])])
        found = told(ledger, database_url)
        assert told(ledger, database_url, AARHUS) == []
    accepted, repeated, done = found
    assert accepted == (
        "receipt",
        {
            "message_id": raised["id"],
            "outcome": "ACCEPTED",
            "warnings": ["REPLACEMENT_CPR"],
            "reasons": [],
            "recipients": [AARHUS],
        },
    )
    assert (repeated[1]["outcome"], repeated[1]["warnings"]) == ("DUPLICATE", [])
    assert done[0] == "task-receipt"
    assert {name: done[1][name] for name in ("message_id", "recipient", "state")} == {
        "message_id": raised["id"],
        "recipient": AARHUS,
        "state": "DONE",
    }


def test_an_admission_tells_its_school_nothing_of_the_mentor_right(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        want(database_url, Receipts.ALL, NOW - timedelta(days=1))
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01", readiness="EDUCATION_READY")])
        admitted = admission()
        take(ledger, Partition("enrolment"), [admitted])
        ledger.decide_due(NOW + timedelta(days=60), 100)
        kinds = {kind for (kind,) in rows(database_url, "SELECT kind FROM tasks WHERE state = 'OVERDUE'")}
        tasks = [data for kind, data in told(ledger, database_url) if kind == "task-receipt"]
    assert kinds == {"GUIDE_MENTOR_RIGHT", "SEND_CONTACT"}
    [(of_contact,)] = rows(database_url, "SELECT task_id FROM tasks WHERE kind = 'SEND_CONTACT'")
    assert [(task["task_id"], task["state"]) for task in tasks] == [(of_contact, "OVERDUE")]


def test_a_task_that_is_reopened_by_a_correction_is_told_so(database_url: str) -> None:
    raised = notice()
    done = contacted(notice_id=raised["id"])
    taken_back = {
        **contacted("2026-10-02T09:30:00+02:00"),
        "type": "dk.overgang.correction.v1",
        "data": {"retracts": done["id"], "reason": "it was somebody else"},
    }
    with ledger_on(database_url) as ledger:
        want(database_url, Receipts.ALL, NOW - timedelta(days=1))
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [raised])
        take(ledger, Partition("follow-up"), [done])
        take(ledger, Partition("correction"), [taken_back])
        states = [data["state"] for kind, data in told(ledger, database_url) if kind == "task-receipt"]
    assert states == ["DONE", "OPEN"]


def test_who_said_nothing_or_wants_faults_only_gets_no_receipt_of_what_is_well(database_url: str) -> None:
    raised, partition = notice(), Partition("dropout-risk")
    with ledger_on(database_url) as ledger:
        want(database_url, Receipts.ALL, NOW - timedelta(days=2))
        want(database_url, Receipts.FAULTS, NOW - timedelta(days=1))
        want(database_url, Receipts.ALL, NOW + timedelta(days=1))
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, partition, [raised, raised])
        take(ledger, Partition("follow-up"), [contacted(notice_id=raised["id"])])
        assert told(ledger, database_url) == []
        take(ledger, partition, [raised], NOW + timedelta(days=2))
        [(_, receipt)] = told(ledger, database_url)
    assert receipt["outcome"] == "DUPLICATE"


def test_an_acknowledged_mailbox_is_told_once_and_shown_at_the_message(
    mailbox_room: MailboxRoom, kafka: str, topic_prefix: str
) -> None:
    url, raised = mailbox_room.database_url, notice()
    with ledger_on(url) as ledger, served(kafka, url, topic_prefix) as api:
        wish = {"receipts": "all"}
        assert api.put("/v1/receipts/institution/280051", json=wish).status_code == 204
        assert api.get("/v1/receipts/institution/280051").json()[0]["receipts"] == "all"
        now = datetime.now(UTC)
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")], now)
        take(ledger, Partition("dropout-risk"), [raised, notice("2026-09-30T10:00:00+02:00")], now)
        mailbox_room.number()
        assert shown(api, raised)["recipients"][0]["state"] == "WAITING"
        last = int(api.get("/v1/mailbox", params={"party": AARHUS, "after": 0}).json()[-1]["sequence"])
        for to, back in ((last, False), (0, True), (last, False)):
            body = {"party": AARHUS, "sequence": to, "back": back}
            assert api.post("/v1/mailbox/acknowledge", json=body).status_code == 200
        [recipient] = shown(api, raised)["recipients"]
        assert (recipient["state"], recipient["acknowledged_by"]) == ("ACKNOWLEDGED", ["mailbox"])
        assert [task["state"] for task in shown(api, raised)["tasks"]] == ["OVERDUE"]
        mailbox_room.number()
        until(lambda: len(api.get("/v1/mailbox", params={"party": SCHOOL, "after": 0}).json()) == 6, 5)
        events = api.get("/v1/mailbox", params={"party": SCHOOL, "after": 0}).json()
        registry = api.get("/v1/registry").json()["receipts"]
    data = [(event["type"].split(".")[2], event["data"]) for event in events]
    assert sorted((kind, one.get("outcome") or one["state"]) for kind, one in data) == sorted(
        [("receipt", "ACCEPTED"), ("task-receipt", "OVERDUE"), ("delivery-receipt", "ACKNOWLEDGED")] * 2
    )
    assert {one["recipient"] for kind, one in data if kind != "receipt"} == {AARHUS}
    assert [(one["party"], one["receipts"]) for one in registry] == [(SCHOOL, "all")]


def shown(api: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    answer = api.get(f"/v1/messages{event['source']}/{event['id']}").raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def test_what_a_webhook_took_or_refused_is_told_and_shown_at_the_message(room: WebhookRoom) -> None:
    want(room.database_url, Receipts.ALL, room.clock() - timedelta(minutes=1))
    before = room.write(AARHUS, "before")
    receiver = room.receiver()
    receiver.answer = lambda got: Answer(422 if got.sequence == 3 else 204)
    room.add(AARHUS, receiver, after=before[-1])
    room.write(AARHUS, "a", "b")
    room.write(AARHUS, "c", source=PartyAddress("/institution/280099"))
    room.turn(AARHUS)
    assert [(receipt["outcome"], receipt["recipient"]) for receipt in room.told()] == [
        ("ACKNOWLEDGED", AARHUS),
        ("REFUSED", AARHUS),
    ]
    assert room.told(PartyAddress("/institution/280099")) == []
    with engine_for(room.database_url).connect() as connection:
        sent = rows(room.database_url, "SELECT source, message_id FROM outbound WHERE recipient = %s", AARHUS)
        found = [queries._deliveries(connection, *one)[0] for one in sent]
    assert [(one.sequence, one.state, one.acknowledged_by) for one in found] == [
        (1, "WAITING", []),
        (2, "ACKNOWLEDGED", ["webhook"]),
        (3, "REFUSED", []),
        (4, "ACKNOWLEDGED", ["webhook"]),
    ]


def test_a_wish_stands_in_the_registry_and_on_the_audit(database_url: str) -> None:
    migrate(database_url)
    want(database_url, Receipts.ALL, NOW)
    with engine_for(database_url).connect() as connection:
        assert [wish.receipts for wish in read_registry(connection).receipt_wishes] == [Receipts.ALL]
        [change] = audited(connection)
    assert (change["actor"], change["action"], change["object"]) == ("tester", "want-receipts", SCHOOL)
    assert change["detail"]["receipts"] == "all"


def test_a_wish_for_the_past_or_for_nobody_is_refused_with_the_mend(database_url: str) -> None:
    migrate(database_url)
    changes = RegistryChanges(engine_for(database_url), "tester", NOW)
    with pytest.raises(RegistryRefused, match="valid_from: has passed"):
        changes.want_receipts(SCHOOL, Receipts.ALL, NOW - timedelta(seconds=1))
    with pytest.raises(RegistryRefused, match="party: nothing is sent to /gateway"):
        changes.want_receipts(PartyAddress("/gateway"), Receipts.ALL)
