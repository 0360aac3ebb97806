"""Outcomes, tasks and cases over HTTP, from a ledger that real messages have gone through."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest

from connectors.embedded.postgres import EmbeddedPostgres
from schemas.problems import ErrorClass, InvalidMessage, Problem
from schemas.pseudonym import pseudonym_of_citizen
from streams.batch import Batch, Input
from streams.ledger.ledger import Ledger
from tests.integration.api_server import served, until
from tests.integration.ledger_room import (
    ALMA,
    KEY,
    NOW,
    Partition,
    admission,
    contacted,
    ledger_on,
    notice,
    status,
    take,
)

ALMAS_CASE = pseudonym_of_citizen(KEY, ALMA, institution=None)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with ledger_on(database_url) as opened:
        yield opened


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


def test_an_accepted_message_shows_where_it_went_and_how_often_it_came_again(
    api: httpx.Client, ledger: Ledger, database_url: str
) -> None:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    raised = notice()
    partition = Partition("dropout-risk")
    take(ledger, partition, [raised])
    take(ledger, partition, [raised, raised])
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE outbound SET sequence = 7, published_at = %s WHERE message_id = %s", (NOW, raised["id"])
        )
    answer = api.get(f"/v1/messages/institution/280051/{raised['id']}")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": raised["id"],
        "source": "/institution/280051",
        "outcome": "ACCEPTED",
        "flow": "dropout-risk",
        "received_at": "2026-10-02T10:00:00Z",
        "case": ALMAS_CASE,
        "duplicates": 2,
        "warnings": ["REPLACEMENT_CPR"],
        "reasons": [],
        "recipients": [
            {
                "recipient": "/municipality/751",
                "sequence": 7,
                "published_at": "2026-10-02T10:00:00Z",
                "undeliverable_reason": None,
                "state": "WAITING",
                "acknowledged_by": [],
            }
        ],
        "tasks": [
            {
                "task_id": answer.json()["tasks"][0]["task_id"],
                "recipient": "/municipality/751",
                "state": "OPEN",
                "since": "2026-10-02T10:00:00Z",
            }
        ],
    }


def test_a_quarantined_message_shows_its_reasons_until_it_is_accepted(
    api: httpx.Client, ledger: Ledger
) -> None:
    raised = notice()
    headers = (("ce_source", b"/institution/280051"), ("ce_id", raised["id"].encode()))
    fault = InvalidMessage(ErrorClass.INVALID, (Problem("data.event", "is unknown", "send RAISED"),))
    partition = Partition("dropout-risk")
    batch = partition.batch([fault])
    refused = Batch(
        batch.topic,
        batch.topic_id,
        batch.flow,
        batch.partition,
        batch.epoch,
        batch.after,
        batch.next,
        (Input(0, None, headers, b"?"),),
    )
    ledger.apply(refused, [fault], NOW)
    address = f"/v1/messages/institution/280051/{raised['id']}"
    answer = api.get(address).json()
    assert answer["outcome"] == "QUARANTINED"
    assert answer["reasons"] == [{"field": "data.event", "problem": "is unknown", "mend": "send RAISED"}]
    take(ledger, partition, [raised])
    assert api.get(address).json()["outcome"] == "ACCEPTED"


def test_before_a_decision_there_is_404_with_the_time_to_ask_again(api: httpx.Client) -> None:
    for party in ("institution/280051", "municipality/751", "gateway"):
        answer = api.get(f"/v1/messages/{party}/{uuid4()}")
        assert (answer.status_code, answer.headers["retry-after"]) == (404, "1")
        assert answer.json()["type"] == "/problems/not-decided"


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/v1/messages/institution/280051/1", "path.id"),
        ("/v1/messages/institution/28005/3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11", "path.number"),
        ("/v1/messages/municipality/0751/3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11", "path.code"),
        ("/v1/tasks/1", "path.task_id"),
        ("/v1/tasks?recipient=751", "query.recipient"),
        ("/v1/tasks?state=LATE", "query.state.0"),
        ("/v1/tasks?limit=1001", "query.limit"),
        ("/v1/cases/7405034123", "path.pseudonym"),
    ],
)
def test_a_malformed_address_is_refused_with_its_field(api: httpx.Client, address: str, field: str) -> None:
    answer = api.get(address)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "7405034123" not in answer.text


def test_tasks_are_found_by_recipient_and_state_and_read_page_by_page(
    api: httpx.Client, ledger: Ledger
) -> None:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    take(ledger, Partition("enrolment"), [admission()])
    take(ledger, Partition("dropout-risk"), [notice()])
    take(ledger, Partition("follow-up"), [contacted()])
    # Admitted Monday 21 September: contact due in 5 working days, guidance in 10; notice of 1 October: 5.
    due = [
        ("SEND_CONTACT", "2026-09-28", "OVERDUE"),
        ("GUIDE_MENTOR_RIGHT", "2026-10-05", "OPEN"),
        ("CONTACT_YOUNG_PERSON", "2026-10-08", "DONE"),
    ]
    mine = api.get("/v1/tasks", params={"recipient": "/municipality/751"}).json()
    assert [(t["kind"], t["due_on"], t["state"]) for t in mine["tasks"]] == due
    assert mine["next"] is None
    assert api.get("/v1/tasks", params={"recipient": "/municipality/101"}).json()["tasks"] == []
    unfinished = api.get("/v1/tasks", params={"state": ["OPEN", "OVERDUE"]}).json()["tasks"]
    assert [t["kind"] for t in unfinished] == ["SEND_CONTACT", "GUIDE_MENTOR_RIGHT"]
    seen, after = [], None
    for _ in due:
        page = api.get("/v1/tasks", params={"limit": 1} | ({"after": after} if after else {})).json()
        seen += [t["kind"] for t in page["tasks"]]
        after = page["next"]
    assert (seen, after) == ([kind for kind, _, _ in due], None)


def test_a_task_tells_all_it_has_been(api: httpx.Client, ledger: Ledger) -> None:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    raised = notice()
    take(ledger, Partition("dropout-risk"), [raised])
    reaction = contacted()
    take(ledger, Partition("follow-up"), [reaction])
    [task] = api.get("/v1/tasks").json()["tasks"]
    history = api.get(f"/v1/tasks/{task['task_id']}").json()
    assert history["task"] == task
    assert (task["state"], task["caused_by"], task["closed_by"]) == ("DONE", [raised["id"]], reaction["id"])
    assert [(r["revision"], r["state"]) for r in history["revisions"]] == [(1, "OPEN"), (2, "DONE")]
    assert api.get(f"/v1/tasks/{uuid4()}").status_code == 404


def test_unrouted_tasks_are_those_without_a_recipient(api: httpx.Client, ledger: Ledger) -> None:
    take(ledger, Partition("dropout-risk"), [notice()])
    [task] = api.get("/v1/tasks", params={"unrouted": True}).json()["tasks"]
    assert (task["kind"], task["recipient"]) == ("CONTACT_YOUNG_PERSON", None)


def test_a_case_shows_that_messages_came_and_not_what_they_say(api: httpx.Client, ledger: Ledger) -> None:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    raised = notice(note="a word in confidence")
    take(ledger, Partition("dropout-risk"), [raised])
    answer = api.get(f"/v1/cases/{ALMAS_CASE}")
    case = answer.json()
    assert [(m["flow"], m["source"], m["forwarded_to"]) for m in case["messages"]] == [
        ("citizen-status", "/municipality/751", []),
        ("dropout-risk", "/institution/280051", ["/municipality/751"]),
    ]
    assert [t["kind"] for t in case["tasks"]] == ["CONTACT_YOUNG_PERSON"]
    assert not [word for word in ("confidence", "7405034123", "Testesen", "Alma") if word in answer.text]
    assert api.get("/v1/cases/" + "a" * 26).status_code == 404


def test_without_a_database_reading_is_503_and_sending_goes_on(
    kafka: str, topic_prefix: str, own_postgres: EmbeddedPostgres
) -> None:
    with served(kafka, own_postgres.url, topic_prefix) as api:
        assert api.get("/v1/tasks").status_code == 200
        own_postgres.kill()
        answer = api.get("/v1/tasks")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["type"] == "/problems/database-unavailable"
        sent = api.post(
            "/v1/messages",
            content=json.dumps(notice()),
            headers={"content-type": "application/cloudevents+json"},
        )
        assert sent.status_code == 202, sent.text
        until(lambda: api.get("/health/ready").status_code == 503, 10)
        assert api.get("/health/ready").json()["parts"]["database"]["ready"] is False
        own_postgres.start()
        until(lambda: api.get("/health/ready").status_code == 200, 10)
        assert api.get("/v1/tasks").status_code == 200
