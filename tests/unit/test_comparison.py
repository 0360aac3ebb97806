"""Tasks of two rule sets side by side: what is added, gone, moved, and in which rows it is counted."""

from collections import Counter
from dataclasses import replace
from datetime import date

from schemas.identifiers import MessageId, PartyAddress, TaskId
from streams.comparison import Period, Tally, compare, place_of
from streams.rules.model import Task, TaskState

ALWAYS = Period()
TASK = Task(
    task_id=TaskId("one"),
    kind="ASSIGN_MENTOR",
    recipient=PartyAddress("/municipality/751"),
    subject=None,
    state=TaskState.OPEN,
    mandatory=True,
    opens_on=date(2026, 10, 1),
    due_on=date(2026, 10, 8),
    rule="mentor-assignment",
    rule_set="2025-07-01",
    legal_basis="LAB § 167, stk. 3",
    warnings=(),
    caused_by=(MessageId("m"),),
    closed_by=None,
    explanation="Asked for.",
    enrolment_id=None,
    eu_case_id=None,
)


def counted(before: list[Task], after: list[Task], period: Period = ALWAYS) -> tuple[list[str], Tally]:
    tally: Tally = Counter()
    return [change.what for change in compare(before, after, period, tally)], tally


def test_a_task_with_another_kind_and_date_has_moved_and_is_counted_where_it_was() -> None:
    other = replace(TASK, kind="ASSESS_MENTOR", due_on=date(2026, 10, 15), mandatory=False)
    found, tally = counted([TASK], [other])
    assert found == ["moved"]
    assert tally == {
        ("ASSIGN_MENTOR", "751", "before"): 1,
        ("ASSESS_MENTOR", "751", "after"): 1,
        ("ASSIGN_MENTOR", "751", "moved"): 1,
        ("ASSIGN_MENTOR", "751", "due_on_changed"): 1,
        ("ASSIGN_MENTOR", "751", "kind_changed"): 1,
    }


def test_a_task_of_one_side_only_is_added_or_gone() -> None:
    assert counted([TASK], [])[0] == ["gone"]
    assert counted([], [TASK])[0] == ["added"]


def test_another_recipient_moves_a_task_and_another_duty_does_not() -> None:
    assert counted([TASK], [replace(TASK, recipient=None)])[0] == ["moved"]
    found, tally = counted([TASK], [replace(TASK, mandatory=False)])
    assert found == ["other"]
    assert tally["ASSIGN_MENTOR", "751", "moved"] == 0


def test_the_name_of_the_rule_set_and_the_wording_are_no_difference() -> None:
    reworded = replace(TASK, rule_set="2027-01-01", rule="other", explanation="Asked.")
    found, tally = counted([TASK], [reworded])
    assert found == []
    assert sum(tally.values()) == 2


def test_a_task_that_opens_in_the_period_on_one_side_is_looked_at_on_both() -> None:
    november = Period(date(2026, 11, 1), date(2026, 11, 30))
    late = replace(TASK, opens_on=date(2026, 11, 30))
    assert counted([TASK], [late], november)[0] == ["other"]
    assert counted([TASK], [], november) == ([], Counter())
    assert counted([TASK], [], Period(date(2026, 10, 1), date(2026, 10, 1)))[0] == ["gone"]
    assert counted([TASK], [], Period(None, date(2026, 9, 30)))[0] == []


def test_schools_are_one_place_and_tasks_without_recipient_another() -> None:
    assert place_of(TASK) == "751"
    assert place_of(replace(TASK, recipient=PartyAddress("/institution/280051"))) == "institutions"
    assert place_of(replace(TASK, recipient=None)) == "unrouted"
