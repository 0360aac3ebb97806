"""`REVIEW_MENTOR_END`: one task a period, and how periods follow one another."""

from datetime import date

import pytest
from rule_story import AARHUS, Story, instant

from streams.rules.model import MessageRef

KIND = "REVIEW_MENTOR_END"
TOO_LONG = "MENTOR_PERIOD_TOO_LONG"


def assigned(time: str = "2026-09-01", **period: str | None) -> Story:
    story = Story()
    story.mentor(time, "ASSIGNED", enrolment_id="E1", **period)
    return story


def dates(story: Story, as_of: str) -> list[tuple[str, str, str]]:
    """(opens_on, due_on, state) of each period."""
    return [(f"{t.opens_on}", f"{t.due_on}", t.state.value) for t in story.tasks(KIND, as_of)]


def test_a_period_of_six_months_is_reviewed_in_its_last_thirty_days() -> None:
    story = assigned(used_from="2026-09-01")
    task = story.task(KIND, "2026-09-02")
    assert (task.opens_on, task.due_on, task.state) == (date(2027, 1, 30), date(2027, 3, 1), "PLANNED")
    assert (task.recipient, task.mandatory, task.legal_basis) == (AARHUS, True, "LAB § 167, stk. 1")
    assert (task.enrolment_id, task.warnings, task.caused_by) == ("E1", (), ("m01",))


def test_its_states_change_at_midnight_in_copenhagen_and_the_next_change_says_when() -> None:
    story = assigned(used_from="2026-09-01", in_min_plan=True)
    assert story.task(KIND, "2027-01-29T22:59:59+00:00").state == "PLANNED"
    assert story.at("2026-09-02").next_change == instant("2027-01-30T00:00:00+01:00")
    assert story.task(KIND, "2027-01-29T23:00:00+00:00").state == "OPEN"
    assert story.at("2027-01-30").next_change == instant("2027-03-02T00:00:00+01:00")
    assert story.task(KIND, "2027-03-01T23:00:00+00:00").state == "OVERDUE"
    assert story.at("2027-03-02").next_change is None


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ({"on": "2026-09-03"}, ("2027-02-01", "2027-03-03")),
        ({"on": "2026-09-03", "used_from": "2026-10-01"}, ("2027-03-02", "2027-04-01")),
        ({"planned_end": "2026-12-01"}, ("2026-11-01", "2026-12-01")),
        ({"planned_end": "2026-09-20"}, ("2026-09-01", "2026-09-20")),
        ({"used_from": "2026-08-31"}, ("2027-01-29", "2027-02-28")),
        ({"used_from": "2027-08-31"}, ("2028-01-30", "2028-02-29")),
    ],
)
def test_start_and_end_of_a_period(period: dict[str, str], expected: tuple[str, str]) -> None:
    assert dates(assigned(**period), "2026-09-02") == [
        (*expected, dates(assigned(**period), "2026-09-02")[0][2])
    ]


def test_a_period_told_after_its_end_is_overdue_at_once() -> None:
    story = assigned(used_from="2026-03-01", planned_end="2026-08-20")
    assert dates(story, "2026-09-01") == [("2026-09-01", "2026-08-20", "OVERDUE")]


def test_an_end_later_than_six_months_after_the_start_is_warned_about_on_task_and_message() -> None:
    for planned_end, warned in (("2027-03-01", False), ("2027-03-02", True)):
        story = assigned(used_from="2026-09-01", planned_end=planned_end)
        decision = story.at("2026-09-02")
        task = story.task(KIND, "2026-09-02")
        assert (TOO_LONG in task.warnings) is warned
        assert (decision.warnings == {MessageRef(AARHUS, "m01"): (TOO_LONG,)}) is warned
        assert f"{task.due_on}" == planned_end


def test_an_extension_does_the_review_and_opens_the_next_from_the_day_after_the_old_end() -> None:
    story = assigned(used_from="2026-09-01", planned_end="2026-12-31")
    extended = story.mentor("2026-12-10", "EXTENDED", enrolment_id="E1")
    assert dates(story, "2026-12-11") == [
        ("2026-12-01", "2026-12-31", "DONE"),
        ("2027-06-01", "2027-07-01", "PLANNED"),
    ]
    done, planned = story.tasks(KIND, "2026-12-11")
    assert (done.closed_by, planned.caused_by) == (extended, (extended,))
    assert done.task_id != planned.task_id


def test_an_extension_may_say_itself_when_it_starts_and_ends() -> None:
    story = assigned(used_from="2026-09-01")
    story.mentor(
        "2027-02-10", "EXTENDED", enrolment_id="E1", used_from="2027-03-15", planned_end="2027-10-01"
    )
    assert dates(story, "2027-02-11")[1:] == [("2027-09-01", "2027-10-01", "PLANNED")]
    assert story.tasks(KIND, "2027-02-11")[1].warnings == (TOO_LONG,)


def test_extensions_follow_one_another() -> None:
    story = assigned(used_from="2026-01-01", planned_end="2026-03-31")
    story.mentor("2026-09-02", "EXTENDED", planned_end="2026-10-31")
    story.mentor("2026-10-20", "EXTENDED")
    # 1 November 2026 + 6 months.
    assert dates(story, "2026-10-21") == [
        ("2026-09-01", "2026-03-31", "DONE"),
        ("2026-10-01", "2026-10-31", "DONE"),
        ("2027-04-01", "2027-05-01", "PLANNED"),
    ]


def test_an_extension_of_nothing_known_starts_on_its_day() -> None:
    story = Story()
    story.mentor("2026-09-02", "EXTENDED", on="2026-09-01")
    assert dates(story, "2026-09-03") == [("2027-01-30", "2027-03-01", "PLANNED")]


def test_an_extension_of_a_period_from_before_the_first_rule_set_starts_after_it() -> None:
    story = assigned("2021-12-01", used_from="2021-12-01", planned_end="2022-02-28")
    assert dates(story, "2022-01-10") == []
    story.mentor("2022-02-20", "EXTENDED", enrolment_id="E1")
    assert dates(story, "2022-02-21") == [("2022-08-02", "2022-09-01", "PLANNED")]


def test_an_end_does_the_review_and_one_before_the_assignment_does_not() -> None:
    story = Story()
    story.mentor("2026-08-31", "ENDED", enrolment_id="E1")
    story.mentor("2026-09-01", "ASSIGNED", enrolment_id="E1")
    assert dates(story, "2026-09-02")[0][2] == "PLANNED"
    ended = story.mentor("2026-10-01", "ENDED", enrolment_id="E1")
    task = story.task(KIND, "2026-10-02")
    assert (task.state, task.closed_by) == ("DONE", ended)


def test_a_mentor_replaced_in_one_instant_is_reviewed_whichever_id_is_first() -> None:
    for order in (("ENDED", "ASSIGNED"), ("ASSIGNED", "ENDED")):
        story = assigned(used_from="2026-07-01")
        for event in order:
            story.mentor("2026-09-10", event, enrolment_id="E1", used_from="2026-09-11")
        assert [state for *_, state in dates(story, "2026-09-11")] == ["DONE", "PLANNED"], order


def test_an_assignment_with_the_same_start_updates_the_period() -> None:
    story = assigned(used_from="2026-09-01")
    update = story.mentor(
        "2026-09-20", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", planned_end="2027-01-15"
    )
    task = story.task(KIND, "2026-09-21")
    assert (task.opens_on, task.due_on, task.caused_by) == (
        date(2026, 12, 16),
        date(2027, 1, 15),
        ("m01", update),
    )
    story.mentor("2026-12-20", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", in_min_plan=True)
    assert dates(story, "2026-12-21") == [("2026-12-16", "2027-01-15", "OPEN")]


def test_an_update_that_brings_the_end_near_opens_the_review_with_its_message() -> None:
    story = assigned(used_from="2026-09-01")
    story.mentor(
        "2026-10-20", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", planned_end="2026-10-31"
    )
    assert dates(story, "2026-10-21") == [("2026-10-20", "2026-10-31", "OPEN")]


def test_an_update_may_make_a_period_too_long_and_short_again() -> None:
    story = assigned(used_from="2026-09-01")
    long = story.mentor(
        "2026-09-20", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", planned_end="2027-04-01"
    )
    assert story.task(KIND, "2026-09-21").warnings == (TOO_LONG,)
    story.mentor(
        "2026-09-22", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", planned_end="2027-03-01"
    )
    assert story.task(KIND, "2026-09-23").warnings == ()
    assert story.at("2026-09-23").warnings == {MessageRef(AARHUS, long): (TOO_LONG,)}


def test_an_assignment_with_another_start_is_another_period_and_one_end_does_both() -> None:
    story = assigned(used_from="2026-09-01")
    story.mentor("2026-09-20", "ASSIGNED", enrolment_id="E1", used_from="2026-09-15")
    assert [due for _, due, _ in dates(story, "2026-09-21")] == ["2027-03-01", "2027-03-15"]
    story.mentor("2026-10-01", "ENDED", enrolment_id="E1")
    assert [state for *_, state in dates(story, "2026-10-02")] == ["DONE", "DONE"]


def test_repeating_the_start_of_a_period_that_was_extended_opens_nothing() -> None:
    story = assigned(used_from="2026-09-01", planned_end="2026-12-31")
    story.mentor("2026-12-10", "EXTENDED", enrolment_id="E1")
    story.mentor("2026-12-12", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01", in_min_plan=True)
    assert [state for *_, state in dates(story, "2026-12-13")] == ["DONE", "PLANNED"]


def test_an_assignment_after_the_end_is_a_new_period_even_with_the_same_start() -> None:
    story = assigned(used_from="2026-09-01")
    story.mentor("2026-09-05", "ENDED", enrolment_id="E1")
    story.mentor("2026-09-06", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01")
    assert [state for *_, state in dates(story, "2026-09-07")] == ["DONE", "PLANNED"]


def test_mentors_of_two_enrolments_are_reviewed_apart() -> None:
    story = assigned(used_from="2026-09-01")
    story.mentor("2026-09-02", "ASSIGNED", enrolment_id="E2", used_from="2026-09-01")
    story.mentor("2026-09-10", "ENDED", enrolment_id="E2")
    states = {task.enrolment_id: task.state for task in story.tasks(KIND, "2026-09-11")}
    assert states == {"E1": "PLANNED", "E2": "DONE"}


def test_what_follows_a_replacement_in_one_instant_continues_the_new_period() -> None:
    story = assigned(used_from="2026-07-01")
    story.mentor(
        "2026-09-10", "ASSIGNED", enrolment_id="E1", used_from="2026-09-11", planned_end="2026-11-30"
    )
    story.mentor("2026-09-10", "ENDED", enrolment_id="E1")
    story.mentor("2026-11-20", "EXTENDED", enrolment_id="E1")
    # From 1 December; the period from 1 July would have ended on 1 January.
    assert dates(story, "2026-11-21")[-1] == ("2027-05-02", "2027-06-01", "PLANNED")


def test_after_the_end_of_an_extension_the_first_start_may_come_again() -> None:
    story = assigned(used_from="2026-09-01", planned_end="2026-12-31")
    story.mentor("2026-12-10", "EXTENDED", enrolment_id="E1")
    story.mentor("2026-12-11", "ENDED", enrolment_id="E1")
    story.mentor("2026-12-12", "ASSIGNED", enrolment_id="E1", used_from="2026-09-01")
    assert sorted(state for *_, state in dates(story, "2026-12-13")) == ["DONE", "DONE", "PLANNED"]
