"""`overgang decide` as a user runs it: what it prints, what it refuses, and what it never shows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OVERGANG = str(Path(sys.executable).with_name("overgang"))
ADMISSION = "9169d312-143f-5249-b5f4-9ceb412dfca0"
NOTICE = "99824523-c29d-5533-852c-21fb133fab16"
CPR = "7405034123"
FIELDS = [
    *(
        "task_id",
        "kind",
        "recipient",
        "subject",
        "state",
        "mandatory",
        "opens_on",
        "due_on",
        "rule",
        "rule_set",
    ),
    *("legal_basis", "warnings", "caused_by", "closed_by", "explanation", "enrolment_id", "eu_case_id"),
]


def event(
    flow: str, id_: str, time: str, data: dict[str, Any], source: str = "/institution/280051"
) -> dict[str, Any]:
    citizen = {"cpr": CPR, "family_name": "Testesen", "forename": "Alma", "residence_municipality": "751"}
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": f"dk.overgang.{flow}.v1",
        "time": time,
        "data": {"citizen": citizen, **data},
    }


def admission(time: str = "2026-06-22T10:00:00+02:00", enrolment_id: str = "E1") -> dict[str, Any]:
    education = {"code": "3017", "qualifies": "VOCATIONAL"}
    data = {"enrolment_id": enrolment_id, "event": "ADMITTED", "education": education}
    return event("enrolment", ADMISSION, time, data)


def notice(time: str = "2026-10-01T10:00:00+02:00") -> dict[str, Any]:
    data = {"enrolment_id": "E1", "event": "RAISED", "observed_on": "2026-10-01", "reasons": ["ABSENCE"]}
    return event("dropout-risk", NOTICE, time, data)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def decide(events: list[Any], *options: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "messages.jsonl"
        file.write_text("".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events))
        environment = {**os.environ, "OVERGANG_DATA_DIRECTORY": str(tmp_path / "data")}
        command = [OVERGANG, "decide", *options, str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return decide


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_task_has_these_fields_in_this_order_and_tasks_are_sorted(run: Any) -> None:
    tasks = rows(run([notice(), admission()], "--as-of", "2026-10-02T12:00:00+02:00"))
    assert [task["kind"] for task in tasks] == ["GUIDE_MENTOR_RIGHT", "SEND_CONTACT", "CONTACT_YOUNG_PERSON"]
    assert list(tasks[2].items())[1:3] == [
        ("kind", "CONTACT_YOUNG_PERSON"),
        ("recipient", "/municipality/751"),
    ]
    assert list(tasks[2]) == FIELDS


def test_messages_after_as_of_are_not_seen_however_far_ahead_they_are(run: Any) -> None:
    assert rows(run([notice("2040-01-01T00:00:00Z")], "--as-of", "2026-10-02T12:00:00+02:00")) == []


def test_the_same_content_twice_counts_once(run: Any) -> None:
    again = admission("2026-06-22T08:00:00Z")
    lines = rows(run([admission(), again], "--as-of", "2026-06-23T12:00:00+02:00", "--warnings"))
    assert [line["kind"] for line in lines if "kind" in line] == ["GUIDE_MENTOR_RIGHT", "SEND_CONTACT"]
    assert [line["warnings"] for line in lines if "message_id" in line] == [["REPLACEMENT_CPR"]]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (admission("2026-06-22T09:59:59+02:00", "E2"), "E2"),
        (admission("2026-06-22T10:00:01+02:00", "E2"), "E1"),
        (admission(enrolment_id="E0"), "E0"),
        (admission(enrolment_id="E2"), "E1"),
    ],
)
def test_of_two_contents_under_one_id_the_smaller_counts_with_a_warning(
    run: Any, other: dict[str, Any], expected: str, reverse: bool
) -> None:
    events = [other, admission()] if reverse else [admission(), other]
    lines = rows(run(events, "--as-of", "2026-06-23T12:00:00+02:00", "--warnings"))
    assert {line["enrolment_id"] for line in lines if "kind" in line} == {expected}
    (warned,) = (line for line in lines if "message_id" in line)
    assert warned == {"message_id": ADMISSION, "warnings": ["ID_REUSED", "REPLACEMENT_CPR"]}


def test_a_reused_id_counts_the_same_where_the_messages_come_through_a_pipe(tmp_path: Path) -> None:
    events = [admission(enrolment_id="E2"), admission(enrolment_id="E1")]
    command = [OVERGANG, "decide", "--as-of", "2026-06-23T12:00:00+02:00", "--warnings", "/dev/stdin"]
    done = subprocess.run(
        command,
        input="\n".join(map(json.dumps, events)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OVERGANG_DATA_DIRECTORY": str(tmp_path / "data")},
    )
    lines = rows(done)
    assert {line["enrolment_id"] for line in lines if "kind" in line} == {"E1"}
    assert lines[-1] == {"message_id": ADMISSION, "warnings": ["ID_REUSED", "REPLACEMENT_CPR"]}


def test_an_invalid_line_is_named_with_field_and_mend_and_nothing_is_printed(run: Any) -> None:
    broken = admission()
    broken["data"]["admited_on"] = "2026-06-22"
    done = run([notice(), "", broken, "{"])
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert "line 3" in first
    assert "data.admited_on" in first
    assert "line 4" in second


@pytest.mark.parametrize(
    "options",
    [("--rules", "2024-01-01"), ("--as-of", "2026-10-02"), ("--as-of", "2026-10-02T12:00:00"), ("--no",)],
)
def test_wrong_usage_exits_with_2(run: Any, options: tuple[str, ...]) -> None:
    done = run([admission()], *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_another_rule_set_judges_every_message(run: Any) -> None:
    options = ("--as-of", "2026-10-02T12:00:00+02:00", "--rules", "2022-01-01")
    assert {task["rule_set"] for task in rows(run([notice(), admission()], *options))} == {"2022-01-01"}


def test_nothing_personal_is_printed_and_the_subject_is_the_same_each_time(run: Any) -> None:
    options = ("--as-of", "2026-10-02T12:00:00+02:00", "--warnings")
    first, second = (run([notice(), admission()], *options) for _ in range(2))
    assert first.stdout == second.stdout
    for secret in (CPR, CPR[:6], "Testesen", "Alma", "2003-05-14"):
        assert secret not in first.stdout + first.stderr


def test_deciding_loads_no_broker_database_or_web_framework() -> None:
    forbidden = ("faust", "confluent_kafka", "fastapi", "psycopg", "sqlalchemy", "streams.ledger")
    probe = f"import sys, connectors.cli.decide; print([m for m in {forbidden!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
