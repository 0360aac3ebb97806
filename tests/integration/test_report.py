"""`overgang report` on a real ledger: numbers counted by hand, and no identifier among them."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.cli.main import run
from tests.integration.ledger_room import (
    NOW,
    Partition,
    event,
    ledger_on,
    notice,
    settings_of_a_ledger,
    status,
    take,
)

REPORTS = ("contact", "tasks", "exchange", "mentor", "eu", "open-cases", "uniformity")
SCHOOLS = ("/institution/280051", "/institution/280052")


def person(number: int) -> dict[str, Any]:
    """A replacement number (day + 60)."""
    return {"cpr": f"7405034{number:03d}", "residence_municipality": "751"}


def about(number: int, given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "data": {**given["data"], "citizen": person(number)}}


def of_flow(events: list[dict[str, Any]], flow: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"].split(".")[2] == flow]


def reported(number: int, answered_after: int | None) -> list[dict[str, Any]]:
    """A notice on Monday 7 September 2026, due Monday 14; a contact so many days later."""
    raised = notice("2026-09-07T10:00:00+02:00", study_start_on="2026-08-24")
    events = [about(number, raised)]
    if answered_after is not None:
        on = NOW.replace(month=9, day=7) + timedelta(days=answered_after)
        contact = {"citizen": person(number), "notice_id": raised["id"], "event": "CONTACTED"}
        contact["on"] = f"{on:%Y-%m-%d}"
        events.append(event("follow-up", "/municipality/751", on.isoformat(), contact))
    return events


@pytest.fixture
def ledger_url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of 18 notices 12 were answered after 2 days, 6 after 10."""
    settings_of_a_ledger(monkeypatch, tmp_path, database_url)
    events = [e for n in range(18) for e in reported(100 + n, 2 if n < 12 else 10)]
    known = [about(100 + n, status("751", "2026-08-01")) for n in range(18)]
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), known)
        for flow in ("dropout-risk", "follow-up"):
            take(ledger, Partition(flow), of_flow(events, flow))
    return database_url


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run(["report", *arguments, "--year", "2026", "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def test_contact_is_counted_by_municipality_and_month(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = report(capsys, "contact")
    assert [(row["recipient"], row["period"]) for row in rows] == [
        ("all", "2026"),
        ("/municipality/751", "2026"),
        ("/municipality/751", "2026-09"),
    ]
    for row in rows:
        assert (row["total"], row["done"], row["in_time"], row["late"], row["overdue"]) == (18, 18, 12, 6, 0)
        assert (row["days_median"], row["days_p90"], row["share_in_time"]) == (2.0, 10.0, 0.6667)


def test_a_small_group_is_hidden_with_its_share_and_days(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger_on(ledger_url) as ledger:
        take(ledger, Partition("dropout-risk", 1), reported(150, None) + reported(151, None))
    for row in report(capsys, "contact"):
        assert (row["total"], row["done"]) == (20, None)
        hidden = ("in_time", "late", "overdue", "share_in_time", "days_median", "days_p90")
        assert {row[name] for name in hidden} == {None}


def test_a_filter_shows_fewer_rows_and_tells_nothing_else(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = report(capsys, "tasks")
    chosen = report(capsys, "tasks", "--municipality", "751")
    assert chosen == [row for row in everything if row["recipient"] == "/municipality/751"]
    assert report(capsys, "tasks", "--municipality", "101") == []


def answered(number: int, school: str, *, acknowledged: bool) -> list[dict[str, Any]]:
    """Admitted at one school of two that use the same enrolment id; the municipality sends a contact."""
    admitted = {
        "citizen": person(number),
        "enrolment_id": "E-1",
        "event": "ADMITTED",
        "education": {"code": "5001", "qualifies": "STUDY"},
        "admitted_on": "2026-09-07",
    }
    sent = {
        "citizen": person(number),
        "enrolment_id": "E-1",
        "institution": school.rsplit("/", 1)[1],
        "contact": {"name": "Example desk", "email": "desk@example.org"},
    }
    told = event("contact-details", "/municipality/751", "2026-09-08T10:00:00+02:00", sent)
    events = [event("enrolment", school, "2026-09-07T10:00:00+02:00", admitted), told]
    if acknowledged:
        answer = {**sent, "acknowledges": told["id"]}
        events.append(event("contact-details", school, "2026-09-09T10:00:00+02:00", answer))
    return events


def test_an_answer_of_another_school_is_not_an_answer(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger_on(ledger_url) as ledger:
        for n in range(6):
            events = answered(200 + n, SCHOOLS[0], acknowledged=True)
            events += answered(200 + n, SCHOOLS[1], acknowledged=False)
            for flow in ("enrolment", "contact-details"):
                take(ledger, Partition(flow), of_flow(events, flow))
    for row in report(capsys, "exchange"):
        assert (row["total"], row["done"], row["answered"], row["unanswered"]) == (12, 12, 6, 6)


@pytest.mark.parametrize("name", REPORTS)
def test_no_report_holds_an_identifier_in_any_form(
    ledger_url: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for form in ("--csv", "--json", None):
        assert run(["report", name, "--year", "2026", *([form] if form else [])]) == 0
        out = capsys.readouterr().out
        assert "7405034" not in out
        if form == "--csv":
            rows = list(csv.DictReader(io.StringIO(out)))
            # Every task is done, and nobody has a mentor.
            assert bool(rows) == (name in ("contact", "tasks", "uniformity"))


def test_an_unknown_report_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "all"]) == 2
    assert "choose contact, tasks" in capsys.readouterr().err
