"""`REGISTER_MIN_PLAN`: opened by an assignment without reference, done by any later message with one."""

from datetime import date

import pytest
from rule_story import AARHUS, Story

KIND = "REGISTER_MIN_PLAN"


def assigned(**about: str) -> tuple[Story, str]:
    story = Story()
    return story, story.mentor("2026-09-01", "ASSIGNED", **(about or {"enrolment_id": "E1"}))


def test_an_assignment_without_reference_is_to_be_registered_in_ten_working_days() -> None:
    story, message = assigned()
    task = story.task(KIND, "2026-09-02")
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 9, 1), date(2026, 9, 15), "OPEN")
    assert (task.recipient, task.mandatory, task.legal_basis) == (AARHUS, True, None)
    assert (task.caused_by, task.enrolment_id) == ((message,), "E1")


def test_an_assignment_with_a_reference_and_other_events_open_nothing() -> None:
    story = Story()
    story.mentor("2026-09-01", "ASSIGNED", in_min_plan=True)
    for event in ("GUIDED", "REQUESTED", "DECLINED", "EXTENDED", "ENDED"):
        story.mentor("2026-09-02", event)
    assert not story.tasks(KIND, "2026-09-03")


@pytest.mark.parametrize("event", ["GUIDED", "REQUESTED", "DECLINED", "ASSIGNED", "EXTENDED", "ENDED"])
def test_any_later_message_with_a_reference_does_it(event: str) -> None:
    story, _ = assigned()
    registered = story.mentor("2026-09-03", event, enrolment_id="E1", in_min_plan=True)
    task = story.task(KIND, "2026-09-04")
    assert (task.state, task.closed_by) == ("DONE", registered)


def test_the_end_cancels_it_and_an_end_before_or_at_the_same_instant_does_not() -> None:
    story, _ = assigned()
    ended = story.mentor("2026-09-03", "ENDED", enrolment_id="E1")
    task = story.task(KIND, "2026-09-04")
    assert (task.state, task.closed_by) == ("CANCELLED", ended)
    story = Story()
    story.mentor("2026-08-31", "ENDED", enrolment_id="E1")
    story.mentor("2026-09-01", "ASSIGNED", enrolment_id="E1")
    story.mentor("2026-09-01", "ENDED", enrolment_id="E1")
    assert story.task(KIND, "2026-09-04").state == "OPEN"


def test_another_enrolments_messages_leave_it_open_and_one_without_enrolment_does_not() -> None:
    story, _ = assigned()
    story.mentor("2026-09-03", "ENDED", enrolment_id="E2")
    story.mentor("2026-09-03", "EXTENDED", enrolment_id="E2", in_min_plan=True)
    assert story.task(KIND, "2026-09-04").state == "OPEN"
    story.mentor("2026-09-04", "EXTENDED", in_min_plan=True)
    assert story.task(KIND, "2026-09-05").state == "DONE"


def test_a_second_assignment_joins_while_it_is_unfinished_and_opens_anew_after_that() -> None:
    story, first = assigned()
    second = story.mentor("2026-09-10", "ASSIGNED", enrolment_id="E1")
    task = story.task(KIND, "2026-09-11")
    assert (task.caused_by, task.due_on) == ((first, second), date(2026, 9, 15))
    story.mentor("2026-09-12", "ENDED", enrolment_id="E1")
    third = story.mentor("2026-09-14", "ASSIGNED", enrolment_id="E1")
    states = [(task.state, task.caused_by) for task in story.tasks(KIND, "2026-09-15")]
    assert states == [("CANCELLED", (first, second)), ("OPEN", (third,))]
