"""`overgang whatif` over a file: what it counts, how it groups, what it refuses, what it leaves behind."""

import csv
import json
import os
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.whatif.lines import Stretch, line_numbers, lines_at, lines_in, stretches

OVERGANG = str(Path(sys.executable).with_name("overgang"))
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "rules" / "no-mentor-right"
AS_OF = "2026-12-01T12:00:00+01:00"
FIRST = datetime(2026, 6, 22, 8, tzinfo=UTC)
Event = dict[str, Any]


def person(number: int) -> str:
    """A replacement number: day + 60; no person has one."""
    return f"{61 + number % 28}0503{4100 + number:04d}"


def event(flow: str, number: int, data: Event, *, step: int, source: str = "/institution/280051") -> Event:
    return {
        "specversion": "1.0",
        "id": str(UUID(int=random.Random(f"{flow}{number}{step}{source}").getrandbits(128), version=4)),
        "source": source,
        "type": f"dk.overgang.{flow}.v1",
        "time": (FIRST + timedelta(hours=step)).isoformat(),
        "data": {"citizen": {"cpr": person(number), "residence_municipality": "751"}, **data}
        if flow != "correction"
        else data,
    }


def admission(number: int, step: int = 0) -> Event:
    education = {"code": "3017", "qualifies": "VOCATIONAL"}
    return event(
        "enrolment",
        number,
        {"enrolment_id": f"E{number}", "event": "ADMITTED", "education": education},
        step=step,
    )


def request(number: int, step: int = 24) -> Event:
    data = {"event": "REQUESTED", "on": "2026-06-23", "enrolment_id": f"E{number}"}
    return event("mentor", number, data, step=step, source="/municipality/751")


def retraction(of: Event, step: int = 48) -> Event:
    return event(
        "correction", 0, {"retracts": of["id"], "reason": "wrong person"}, step=step, source=of["source"]
    )


def merge(old: int, new: int, step: int = 72) -> Event:
    merges = {"citizen": {"cpr": person(old)}, "into": {"cpr": person(new)}}
    return event("correction", old, {"merges": merges, "reason": "one citizen"}, step=step, source="/gateway")


class Room:
    """Runs `overgang` on a file of events."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "messages.jsonl"

    def run(self, command: str, events: list[Any], *options: str) -> "subprocess.CompletedProcess[str]":
        self.file.write_text("".join(f"{e if isinstance(e, str) else json.dumps(e)}\n" for e in events))
        temporary = self.directory / "temporary"
        temporary.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "OVERGANG_DATA_DIRECTORY": str(self.directory / "data"),
            "TMPDIR": str(temporary),
        }
        done = subprocess.run(
            [OVERGANG, command, *options, str(self.file)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert list(temporary.iterdir()) == []
        return done

    def whatif(self, events: list[Any], after: str, *options: str) -> dict[str, Any]:
        chosen = ("--rules", "2025-07-01", "--rules", after, "--as-of", AS_OF, "--json")
        done = self.run("whatif", events, *chosen, *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def decided(self, events: list[Any], rules: str) -> Counter[str]:
        done = self.run("decide", events, "--as-of", AS_OF, "--rules", rules)
        assert done.returncode == 0, done.stderr
        return Counter(json.loads(line)["kind"] for line in done.stdout.splitlines())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def by_kind(found: dict[str, Any], column: str) -> Counter[str]:
    return Counter({row["kind"]: row[column] for row in found["by_kind"] if row[column]})


def test_without_the_mentor_right_guidance_goes_and_assignment_becomes_assessment(room: Room) -> None:
    found = room.whatif([admission(1), request(1), admission(2)], str(EXAMPLE))
    assert (found["messages"], found["cases"]) == (3, 2)
    assert by_kind(found, "gone") == {"GUIDE_MENTOR_RIGHT": 2}
    assert by_kind(found, "moved") == by_kind(found, "kind_changed") == {"ASSIGN_MENTOR": 1}
    assert by_kind(found, "before") == {"GUIDE_MENTOR_RIGHT": 2, "SEND_CONTACT": 2, "ASSIGN_MENTOR": 1}
    assert by_kind(found, "after") == {"SEND_CONTACT": 2, "ASSESS_MENTOR": 1}
    assert {row["municipality"]: row["gone"] for row in found["by_municipality"]} == {"751": 2}


def test_a_longer_deadline_moves_tasks_to_a_later_day_in_one_row_each(room: Room, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    text = (EXAMPLE.parents[3] / "streams" / "rules" / "sets" / "2025-07-01.toml").read_text()
    head, contact = text.split("[rules.contact-exchange]")
    longer = head + "[rules.contact-exchange]" + contact.replace("working_days = 5", "working_days = 6", 1)
    (own / "2025-07-01.toml").write_text(longer)
    rows = tmp_path / "rows.csv"
    found = room.whatif([admission(1), admission(2)], str(own), "--csv", str(rows))
    assert by_kind(found, "due_on_changed") == {"SEND_CONTACT": 2}
    assert by_kind(found, "gone") == by_kind(found, "added") == {}
    with rows.open(newline="") as file:
        told = list(csv.DictReader(file))
    # 22 June 2026 is a Monday; the fifth and the sixth working day after it are the 29th and the 30th.
    assert [(row["change"], row["differs"], row["due_on_before"], row["due_on_after"]) for row in told] == [
        ("moved", "due_on", "2026-06-29", "2026-06-30")
    ] * 2


def test_the_same_rules_twice_differ_in_nothing_and_count_what_decide_gives(room: Room) -> None:
    events = [make(n) for n in range(40) for make in (request, admission)]
    events += [events[0], retraction(events[4]), merge(7, 8), retraction(merge(9, 10))]
    random.Random(7).shuffle(events)
    found = room.whatif(events, "2025-07-01")
    assert by_kind(found, "before") == by_kind(found, "after") == room.decided(events, "2025-07-01")
    assert all(found["total"][name] == 0 for name in ("added", "gone", "moved", "other"))


def test_of_two_contents_under_one_id_the_one_counts_that_decide_takes(room: Room) -> None:
    other = {**admission(2, step=1), "id": admission(1)["id"]}
    events = [other, admission(1), admission(3)]
    found = room.whatif(events, "2025-07-01")
    assert found["cases"] == 2
    assert by_kind(found, "before") == {"GUIDE_MENTOR_RIGHT": 2, "SEND_CONTACT": 2}


def test_tasks_that_open_outside_the_period_are_left_out(room: Room) -> None:
    found = room.whatif(
        [admission(1), admission(2, step=24)], str(EXAMPLE), "--from", "2026-06-23", "--to", "2026-06-23"
    )
    assert by_kind(found, "gone") == {"GUIDE_MENTOR_RIGHT": 1}


def test_an_invalid_line_is_named_with_field_and_mend_and_no_csv_is_left(room: Room, tmp_path: Path) -> None:
    broken = admission(2)
    broken["data"]["admited_on"] = "2026-06-22"
    done = room.run(
        "whatif",
        [admission(1), "", broken, "{"],
        *("--rules", "2025-07-01", "--rules", "2022-01-01", "--csv", str(tmp_path / "rows.csv")),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 3: data.admited_on" in done.stderr
    assert "line 4: " in done.stderr
    assert person(2) not in done.stderr
    assert list(tmp_path.glob("rows.csv*")) == []


def test_wrong_usage_is_status_2_and_a_wrong_rule_set_status_1_with_file_and_line(
    room: Room, tmp_path: Path
) -> None:
    one = room.run("whatif", [], "--rules", "2025-07-01")
    assert (one.returncode, "name two" in one.stderr) == (2, True)
    unknown = room.run("whatif", [], "--rules", "2025-07-01", "--rules", "2031-01-01")
    assert (unknown.returncode, "or name a directory" in unknown.stderr) == (2, True)
    own = tmp_path / "own"
    own.mkdir()
    text = (EXAMPLE / "no-mentor-right.toml").read_text()
    (own / "no-mentor-right.toml").write_text(text.replace("age_below = 30", "age_under = 30"))
    wrong = room.run("whatif", [], "--rules", "2025-07-01", "--rules", str(own))
    assert wrong.returncode == 1
    line = text.splitlines().index("[mentor_right]") + 1
    assert f"no-mentor-right.toml: line {line}: mentor_right.age_below: Field required" in wrong.stderr


def test_an_empty_file_gives_an_empty_report(room: Room) -> None:
    found = room.whatif([], str(EXAMPLE))
    assert (found["messages"], found["cases"], found["by_kind"]) == (0, 0, [])


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("content", [b"a\nbb\n\nccc\n", b"a\nbb\n \nccc", b"\n\n\n", b"", b"one"])
def test_stretches_of_any_length_give_every_line_once_with_its_place(
    tmp_path: Path, content: bytes, length: int
) -> None:
    file = tmp_path / "lines"
    file.write_bytes(content)
    cut = stretches(len(content), length)
    found = [line for stretch in cut for line in lines_in(file, stretch)]
    assert [line.content for line in found] == [line for line in content.split(b"\n") if line.strip()]
    assert list(lines_at(file, [line.offset for line in found])) == found
    numbers = line_numbers(file, [line.offset for line in found])
    assert [numbers[line.offset] for line in found] == [
        number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()
    ]
    assert list(lines_in(file, Stretch(0, len(content)))) == found
