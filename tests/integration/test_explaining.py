"""What a caseworker is told of a task and of a case: why, by whom, when, and what closes it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from connectors.cli import main, printing
from schemas.pseudonym import pseudonym_of_citizen
from streams.ledger import outbound
from streams.ledger.ledger import Ledger
from tests.integration.api_server import served
from tests.integration.ledger_room import (
    ALMA,
    KEY,
    NOW,
    Partition,
    contacted,
    ledger_on,
    notice,
    rows,
    status,
    take,
)

ALMAS_CASE = pseudonym_of_citizen(KEY, ALMA, institution=None)
SECRETS = (ALMA["cpr"], ALMA["cpr"][:6], ALMA["family_name"], "Alma", "in confidence")


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with ledger_on(database_url) as opened:
        yield opened


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


class Screen(io.StringIO):
    """Standard output as a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def types(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs a command on a screen of eighty columns and gives its lines."""
    monkeypatch.setenv("OVERGANG_DATABASE_URL", database_url)
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")

    def run(*command: str) -> list[str]:
        screen = Screen()
        monkeypatch.setattr(printing.sys, "stdout", screen)
        assert main.run(list(command)) == 0
        return screen.getvalue().splitlines()

    return run


@pytest.fixture
def story(ledger: Ledger) -> tuple[dict[str, Any], ...]:
    """Aarhus is responsible, a school gives notice, Aarhus makes contact."""
    responsible, raised = status("751", "2026-09-01"), notice(note="in confidence")
    reaction = contacted()
    take(ledger, Partition("citizen-status"), [responsible])
    take(ledger, Partition("dropout-risk"), [raised])
    take(ledger, Partition("follow-up"), [reaction])
    return responsible, raised, reaction


def test_a_task_tells_what_closes_it_with_its_numbers_and_the_messages_behind_it(
    api: httpx.Client, story: tuple[dict[str, Any], ...]
) -> None:
    _, raised, reaction = story
    [task] = api.get("/v1/tasks").json()["tasks"]
    told = api.get(f"/v1/tasks/{task['task_id']}").json()
    assert "Done by a follow-up CONTACTED" in told["closes"]
    assert "Cancelled when the school withdraws every notice" in told["closes"]
    assert told["parameters"] == {"working_days": 5, "service_target": True, "window_months": 6}
    [caused], [closed] = told["caused"], told["closed"]
    assert (caused["id"], caused["source"], caused["flow"]) == (
        raised["id"],
        "/institution/280051",
        "dropout-risk",
    )
    assert caused["time"] == "2026-10-01T08:00:00Z"
    assert (closed["id"], closed["source"], closed["flow"]) == (
        reaction["id"],
        "/municipality/751",
        "follow-up",
    )


def test_a_task_of_a_rule_that_this_version_does_not_know_is_still_shown(
    api: httpx.Client, story: object, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE tasks SET rule_set = '2035-01-01'")
    [task] = api.get("/v1/tasks").json()["tasks"]
    told = api.get(f"/v1/tasks/{task['task_id']}").json()
    assert (told["closes"], told["parameters"]) == (None, {})
    assert [r["state"] for r in told["revisions"]] == ["OPEN", "DONE"]


def test_a_message_of_another_sender_under_the_same_id_in_another_case_is_not_taken_for_the_cause(
    api: httpx.Client, ledger: Ledger
) -> None:
    raised = notice()
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    take(ledger, Partition("dropout-risk"), [raised])
    other = {**notice(citizen={"cpr": "7505034121"}), "id": raised["id"], "source": "/institution/280052"}
    take(ledger, Partition("dropout-risk"), [other])
    tasks = api.get("/v1/tasks").json()["tasks"]
    senders = {
        t["case"]: [m["source"] for m in api.get(f"/v1/tasks/{t['task_id']}").json()["caused"]] for t in tasks
    }
    assert len(senders) == 2
    assert senders[ALMAS_CASE] == ["/institution/280051"]


def test_a_case_is_one_list_of_messages_decisions_and_deliveries_with_the_cause_first(
    api: httpx.Client, story: tuple[dict[str, Any], ...], database_url: str
) -> None:
    responsible, raised, reaction = story
    with psycopg.connect(database_url) as connection:
        outbound.number(connection, 100)
        connection.execute("UPDATE outbound SET published_at = %s WHERE message_id = %s", (NOW, raised["id"]))
    answer = api.get(f"/v1/cases/{ALMAS_CASE}")
    events = answer.json()["events"]
    assert [(e["what"], e.get("state"), e.get("recipient")) for e in events if e["what"] != "MESSAGE"] == [
        ("DECISION", "OPEN", "/municipality/751"),
        ("DECISION", "DONE", "/municipality/751"),
        ("DELIVERY", None, "/municipality/751"),
        ("DELIVERY", "OPEN", "/municipality/751"),
        ("DELIVERY", None, "/institution/280051"),
        ("DELIVERY", "DONE", "/municipality/751"),
    ]
    assert [e["id"] for e in events if e["what"] == "MESSAGE"] == [
        responsible["id"],
        raised["id"],
        reaction["id"],
    ]
    told = [(e["id"], e["sequence"], e["published_at"]) for e in events if e["what"] == "DELIVERY"]
    assert told[0] == (raised["id"], 1, "2026-10-02T10:00:00Z")
    assert [sequence for _, sequence, _ in told] == [1, 2, 1, 3]
    assert not [secret for secret in SECRETS if secret in answer.text]


def test_who_has_to_give_up_a_task_is_told_so_after_the_message_that_moved_it(
    api: httpx.Client, ledger: Ledger
) -> None:
    take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    take(ledger, Partition("dropout-risk"), [notice()])
    moved = status("101", "2026-10-02", "2026-10-02T09:30:00+02:00")
    take(ledger, Partition("citizen-status"), [moved], NOW.replace(hour=12))
    events = api.get(f"/v1/cases/{ALMAS_CASE}").json()["events"]
    assert [(e["what"], e.get("recipient"), e.get("state")) for e in events if e["at"][11:13] == "12"] == [
        ("MESSAGE", None, None),
        ("DECISION", "/municipality/101", "OPEN"),
        ("DELIVERY", "/municipality/101", None),
        ("DELIVERY", "/municipality/751", "WITHDRAWN"),
        ("DELIVERY", "/municipality/101", "OPEN"),
    ]


def test_a_merged_citizen_keeps_what_was_sent_under_the_other_pseudonym(
    api: httpx.Client, story: object, ledger: Ledger, database_url: str
) -> None:
    before = rows(database_url, "SELECT count(*) FROM outbound WHERE case_key IS NOT NULL")
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO cases (key) VALUES (%s)", ("a" * 26,))
        connection.execute("UPDATE cases SET merged_into = %s WHERE key = %s", ("a" * 26, ALMAS_CASE))
    events = api.get(f"/v1/cases/{ALMAS_CASE}").json()["events"]
    assert [(len([e for e in events if e["what"] == "DELIVERY"]),)] == before


def test_on_eighty_columns_a_task_and_a_case_can_be_read(
    types: Any, story: tuple[dict[str, Any], ...], database_url: str
) -> None:
    [[task_id]] = rows(database_url, "SELECT task_id FROM tasks")
    shown = types("task", task_id), types("case", ALMAS_CASE)
    for lines in shown:
        assert max(map(len, lines)) <= 80
        assert not [secret for secret in SECRETS if secret in "".join(lines)]
    task, case = (" ".join(" ".join(lines).split()) for lines in shown)
    assert "working days: 5, service target: yes, window months: 6" in task
    assert "Done by a follow-up CONTACTED, on the day of the notice or later" in task
    assert "LAB § 30, stk. 9" in task
    # 08:00 UTC is ten o'clock in Denmark in October.
    assert "opened it dropout-risk /institution/280051 of 2026-10-01 10:00:00" in task
    assert "2026-10-02 12:00:00 message dropout-risk /institution/280051" in case
    assert "2026-10-02 12:00:00 decision CONTACT_YOUNG_PERSON OPEN, due 2026-10-08" in case
    assert "delivery CONTACT_YOUNG_PERSON OPEN (revision 1) to /municipality/751" in case
