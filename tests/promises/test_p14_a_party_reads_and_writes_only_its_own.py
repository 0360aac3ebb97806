"""P14: a party reads and writes only what is its own.

What each recipient's topic holds, what each kind of party may send, and that nobody writes in another's name
on the topics. What the API lets each caller see is in tests/integration/test_access.py.
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
from tests.integration.sealed_room import OTHER_SCHOOL, SCHOOL, SealedRoom
from tests.integration.stream_room import StreamRoom, room
from tests.promises.aftermath import Record, on_topics, told_tasks
from tests.promises.finished_run import SENDERS, FinishedRun, flow_of
from tests.signing import new_key

__all__ = ["room"]
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


def test_nobody_writes_in_anothers_name_on_the_topics(room: StreamRoom) -> None:
    """Where seals are required: not unsealed, not with the seal of another record, not with one's own key."""
    with room.worker(require_seal=True) as running:
        sealed = SealedRoom(room, running.worker)
        theirs = sealed.record()
        system, key, _ = sealed.signer("dropout-risk", party=OTHER_SCHOOL)
        stolen_seal = sealed.sealed()[1][-1]
        for record, error_class, sender in (
            (theirs, "NOT_SEALED", None),
            ((theirs[0], [*theirs[1], stolen_seal], theirs[2]), "SEAL_BROKEN", None),
            (sealed.signed(new_key(), theirs), "SIGNER_UNKNOWN", None),
            (sealed.signed(key, theirs), "FORBIDDEN", system),
        ):
            assert sealed.refused(record) == (error_class, sender)
        claimed = str(dict(theirs[1])["ce_id"], "ascii")
        assert room.rows("SELECT count(*) FROM inbox WHERE id = %s", claimed) == [(0,)]
        assert room.rows("SELECT count(*) FROM quarantine WHERE message_id = %s", claimed) == [(0,)]
        assert room.rows("SELECT count(*) FROM outbound WHERE type LIKE '%%.receipt.v1'") == [(0,)]
        assert sealed.taken(sealed.sealed(theirs))
        assert room.rows("SELECT source FROM inbox WHERE id = %s", claimed) == [(SCHOOL,)]


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
