"""`overgang replay` and `overgang whatif ledger` on a real database: what they find; they only read it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.cli.main import run
from connectors.settings import Settings
from tests.integration.ledger_room import (
    ALMA,
    NOW,
    Partition,
    admission,
    contacted,
    contents,
    event,
    ledger_on,
    notice,
    rows,
    settings_of_a_ledger,
    status,
    take,
)

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "rules" / "no-mentor-right"


def citizen(number: int, given: dict[str, Any]) -> dict[str, Any]:
    """The same message about another person; replacement numbers (day + 60)."""
    data = {**given["data"], "citizen": {"cpr": f"7405034{number:03d}", "residence_municipality": "751"}}
    return {**given, "data": data}


@pytest.fixture
def ledger_url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger of four citizens: with a merge, a retraction, withdrawn tasks, and time gone by."""
    settings_of_a_ledger(monkeypatch, tmp_path, database_url)
    wrong = citizen(200, notice(study_start_on="2026-09-28"))
    back = event(
        "correction",
        "/institution/280051",
        "2026-10-02T11:00:00+02:00",
        {"retracts": wrong["id"], "reason": "wrong person"},
    )
    old, new = {"cpr": "7405034201"}, {"cpr": "7405034202"}
    merge = event(
        "correction",
        "/gateway",
        "2026-10-02T11:00:00+02:00",
        {"merges": {"citizen": old, "into": new}, "reason": "one citizen"},
    )
    with ledger_on(database_url) as ledger:
        enrolments = [citizen(number, admission()) for number in (200, 201, 202, 203)]
        take(ledger, Partition("enrolment"), [admission(), *enrolments])
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28"), wrong])
        take(ledger, Partition("follow-up"), [contacted()])
        take(ledger, Partition("correction"), [back, merge])
        ledger.decide_due(NOW + timedelta(days=30), 100)
    return database_url


def test_a_sound_ledger_replays_to_its_own_tasks_and_is_only_read(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(ledger_url)
    # The retracted notice, and what the two numbers of one citizen were asked twice for one enrolment.
    withdrawn = rows(ledger_url, "SELECT kind FROM tasks WHERE state = 'WITHDRAWN' ORDER BY kind")
    assert withdrawn == [("CONTACT_YOUNG_PERSON",), ("GUIDE_MENTOR_RIGHT",), ("SEND_CONTACT",)]
    assert run(["replay", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    # Alma, 200, 203, and 201 merged into 202.
    assert (found["cases"], found["different"], found["first"]) == (4, 0, None)
    stored = rows(ledger_url, "SELECT count(*) FROM tasks WHERE state <> 'WITHDRAWN'")
    assert stored == [(found["tasks"],)]
    assert contents(ledger_url) == before
    # Other tests of the run make databases of the server, too.
    copies = "SELECT datname FROM pg_database WHERE datname ^@ 'overgang_replay_'"
    assert rows(ledger_url, copies) == []


@pytest.mark.parametrize(
    ("change", "field", "stored", "rebuilt"),
    [
        ("UPDATE tasks SET due_on = '2026-12-24' WHERE kind = 'CONTACT_YOUNG_PERSON' AND state = 'DONE'",
         "due_on", "2026-12-24", "2026-10-08"),
        ("DELETE FROM tasks WHERE kind = 'CONTACT_YOUNG_PERSON' AND state = 'DONE'", None, None, "DONE"),
        ("UPDATE tasks SET state = 'OPEN' WHERE kind = 'CONTACT_YOUNG_PERSON' AND state = 'WITHDRAWN'",
         None, "OPEN", None),
    ],
)  # fmt: skip
def test_the_first_difference_is_named_and_the_status_is_1(
    ledger_url: str,
    capsys: pytest.CaptureFixture[str],
    change: str,
    field: str | None,
    stored: str | None,
    rebuilt: str | None,
) -> None:
    [(case, task)] = rows(
        ledger_url,
        "SELECT case_key, task_id FROM tasks WHERE kind = 'CONTACT_YOUNG_PERSON' AND state = %s",
        "WITHDRAWN" if "WITHDRAWN" in change else "DONE",
    )
    with psycopg.connect(ledger_url) as connection:
        assert connection.execute(change.encode()).rowcount == 1
    assert run(["replay", "--json"]) == 1
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert (found["different"], found["first"]) == (
        1,
        {
            "case": case,
            "task_id": task,
            "kind": "CONTACT_YOUNG_PERSON",
            "field": field,
            "stored": stored,
            "rebuilt": rebuilt,
        },
    )
    assert f"1 of 4 cases differ; first case {case}, task {task}" in output.err


def test_a_copy_of_ones_own_must_be_empty_and_keeps_the_rebuilt_tasks(
    ledger_url: str, other_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", "--into", other_database_url]) == 0
    query = "SELECT task_id, state FROM tasks WHERE state <> 'WITHDRAWN' ORDER BY task_id"
    assert rows(other_database_url, query) == rows(ledger_url, query)
    assert rows(other_database_url, "SELECT count(*) FROM facts") == [(0,)]
    assert run(["replay", "--into", other_database_url]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert run(["replay", "--into", ledger_url]) == 1


def test_stuck_cases_and_erased_ones_are_counted_and_not_compared(
    ledger_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [(alma,)] = rows(
        ledger_url, "SELECT case_key FROM tasks WHERE kind = 'CONTACT_YOUNG_PERSON' AND state = 'DONE'"
    )
    with psycopg.connect(ledger_url) as connection:
        connection.execute("UPDATE cases SET stuck_at = now() WHERE key = %s", (alma,))
        other = connection.execute(
            "SELECT min(key) FROM cases WHERE key <> %s AND merged_into IS NULL", (alma,)
        ).fetchone()
        assert other is not None
        connection.execute("UPDATE keyring.case_keys SET wrapped = NULL WHERE case_key = %s", other)
        connection.execute(
            "UPDATE tasks SET due_on = '2026-12-24' WHERE case_key = ANY(%s)", ([alma, *other],)
        )
    assert run(["replay", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cases"], found["stuck"], found["erased"]) == (2, 1, 1)


def test_a_clock_that_goes_back_does_not_take_the_decision_back(ledger_url: str) -> None:
    with ledger_on(ledger_url) as ledger:
        last = rows(ledger_url, "SELECT max(decided_at) FROM cases")
        [(due,)] = rows(ledger_url, "SELECT max(due_on) FROM tasks WHERE state = 'OVERDUE'")
        assert last[0][0].date() > due
        take(ledger, Partition("citizen-status"), [citizen(203, status("751", "2026-09-01"))], NOW)
    assert rows(ledger_url, "SELECT max(decided_at) FROM cases") == last
    assert run(["replay"]) == 0


def test_whatif_over_the_ledger_counts_its_tasks_and_names_no_one(
    ledger_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(ledger_url)
    csv = tmp_path / "rows.csv"
    as_of = (NOW + timedelta(days=30)).isoformat()
    books = ["--rules", "2025-07-01", "--rules", str(EXAMPLE), "--as-of", as_of]
    assert run(["whatif", *books, "--json", "--csv", str(csv), "ledger"]) == 0
    output = capsys.readouterr().out
    found = json.loads(output)
    stored = dict(
        rows(ledger_url, "SELECT kind, count(*) FROM tasks WHERE state <> 'WITHDRAWN' GROUP BY kind")
    )
    assert {row["kind"]: row["before"] for row in found["by_kind"]} == stored
    gone = {row["kind"]: row["gone"] for row in found["by_kind"] if row["gone"]}
    assert gone == {"GUIDE_MENTOR_RIGHT": stored["GUIDE_MENTOR_RIGHT"]}
    assert rows(ledger_url, "SELECT count(*) FROM facts") == [(found["messages"],)]
    for told in (output, csv.read_text()):
        assert "7405034" not in told
        assert ALMA["family_name"] not in told
    assert contents(ledger_url) == before


def test_without_the_wrapping_key_nothing_is_read_and_no_new_key_is_made(
    ledger_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = Settings().wrapping_key_file
    key.rename(tmp_path / "away")
    for command in (["replay"], ["whatif", "--rules", "2022-01-01", "--rules", "2025-07-01", "ledger"]):
        assert run(command) == 1
        assert "wrapping.key is missing" in capsys.readouterr().err
    assert not key.exists()
