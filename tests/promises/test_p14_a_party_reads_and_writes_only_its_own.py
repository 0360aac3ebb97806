"""P14: a party reads and writes only what is its own.

As far as it exists in this version: parties do not log in yet, so what is looked at is what each recipient's
topic holds, and what each kind of party may send.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.cloudevent import from_structured
from schemas.flows import FLOWS
from schemas.outbound import RECEIPT_TYPE
from tests.integration.ledger_room import LISTS
from tests.promises.aftermath import Record, on_topics, told_tasks
from tests.promises.finished_run import SENDERS, FinishedRun, flow_of

ICS = {f"/municipality/{code}" for code in ("101", "751", "461", "851")}
MAY_SEND = {
    "enrolment": {"institution"},
    "dropout-risk": {"institution"},
    "contact-details": {"institution", "municipality"},
    "citizen-status": {"municipality"},
    "education-order": {"municipality"},
    "mentor": {"municipality"},
    "follow-up": {"municipality"},
    "conversation-form": {"municipality"},
    "eu-registration": {"municipality"},
    "correction": {"institution", "municipality", "gateway"},
    "eu-event": {"municipality", "gateway"},
}
"""Contracts, "Inbound flows"."""
TO_INSTITUTIONS = {"contact-details", "education-order", "mentor", "follow-up", "task", "receipt"}
"""Contracts, "Who gets what"."""


@pytest.fixture(scope="module")
def topics(run: FinishedRun) -> dict[str, list[Record]]:
    found = on_topics(run.room)
    assert sum(recipient.startswith("/institution/") for recipient in found) > 5
    assert sum(recipient.startswith("/municipality/") for recipient in found) > 5
    return found


def test_a_party_may_send_its_own_flows_only(run: FinishedRun) -> None:
    assert MAY_SEND.keys() == FLOWS.keys()
    expected = {
        (flow, source): 202 if source.split("/")[1] in roles else 403
        for flow, roles in MAY_SEND.items()
        for source in SENDERS
    }
    assert run.statuses == expected


def test_an_institution_never_gets_an_identifier_a_status_or_a_follow_ups_content(
    topics: dict[str, list[Record]],
) -> None:
    seen = set()
    for recipient, records in topics.items():
        if recipient.startswith("/institution/"):
            for record in records:
                kind = record.type.split(".")[2]
                seen.add(kind)
                citizen = record.data.get("citizen") or {}
                given = {name for name, value in citizen.items() if value is not None}
                assert given <= {"family_name", "forename", "birth_date"}
                if kind == "follow-up":
                    told = {name for name, value in record.data.items() if value not in (None, [], citizen)}
                    assert told <= {"event", "on", "enrolment_id", "notice_id"}
                    assert not given
                if kind == "mentor":
                    mentor = record.data["mentor"] or {}
                    assert {name for name, value in mentor.items() if value is not None} <= {"contact"}
                    assert record.data["min_plan_reference"] is None
    assert {"contact-details", "task"} <= seen <= TO_INSTITUTIONS


def test_an_institution_gets_only_what_names_it_or_concerns_its_own_enrolments(
    run: FinishedRun, topics: dict[str, list[Record]]
) -> None:
    enrolments = defaultdict(set)
    notices = defaultdict(set)
    for event in run.sent:
        if flow_of(event) in ("enrolment", "dropout-risk"):
            enrolments[event["source"]].add(event["data"]["enrolment_id"])
            notices[event["source"]].add(event["id"])
    for recipient, records in topics.items():
        if recipient.startswith("/institution/"):
            number = recipient.split("/")[2]
            for record in records:
                data = record.data
                mine = data.get("enrolment_id") in enrolments[recipient]
                noticed = data.get("notice_id") in notices[recipient]
                named = data.get("institution") == number
                anonymous = data.get("enrolment_id") is None and data.get("notice_id") is None
                assert mine or noticed or named or anonymous or record.type.split(".")[2] == "receipt"


def test_a_municipality_gets_only_cases_that_were_ever_linked_to_it(
    run: FinishedRun, topics: dict[str, list[Record]]
) -> None:
    linked = links(run)
    forwarded = 0
    for recipient, records in topics.items():
        if recipient.startswith("/municipality/"):
            for record in records:
                kind = record.type.split(".")[2]
                if kind.startswith("eu-") or record.data.get("eu_case_id"):
                    assert recipient in ICS
                elif kind != "receipt":
                    forwarded += 1
                    assert recipient in linked[record.subject], f"{kind} {record.id}"
    assert forwarded > 100


def test_a_receipt_goes_to_the_sender_of_its_message(
    run: FinishedRun, topics: dict[str, list[Record]]
) -> None:
    senders = defaultdict(set)
    for event in run.sent:
        senders[event["id"]].add(event["source"])
    receipts = 0
    for recipient, records in topics.items():
        for record in records:
            if record.type == RECEIPT_TYPE:
                receipts += 1
                assert recipient in senders[record.data["message_id"]]
    assert receipts


def test_a_task_stands_at_one_recipient_only(topics: dict[str, list[Record]]) -> None:
    told = [task_id for records in topics.values() for task_id in told_tasks(records)]
    assert len(told) > 100
    assert len(set(told)) == len(told)


def links(run: FinishedRun) -> dict[str | None, set[str]]:
    """Municipalities that said they were responsible, lived in by what a message says, or assigned by hand.

    By pseudonym; citizens that a correction merges share theirs.
    """
    found: dict[str | None, set[str]] = defaultdict(set)
    together: list[tuple[str, str]] = []
    for event in run.sent:
        message = from_structured(orjson.dumps(event), run.room.key, LISTS, datetime.now(UTC))
        data: dict[str, Any] = event["data"]
        if message.merged:
            together.append(message.merged)
        if message.assigned:
            found[message.assigned].add(f"/municipality/{data['assigns']['municipality']}")
        if residence := (data.get("citizen") or {}).get("residence_municipality"):
            found[message.subject].add(f"/municipality/{residence}")
        if data.get("responsible"):
            found[message.subject].add(event["source"])
    for _ in together:
        for old, new in together:
            found[old] = found[new] = found[old] | found[new]
    return found
