"""`GUIDE_MENTOR_RIGHT`: who is guided, until when, and what ends it."""

from datetime import date

import pytest
from rule_story import OTHER_SCHOOL, Story

KIND = "GUIDE_MENTOR_RIGHT"


def admitted(*, readiness: str | None = "EDUCATION_READY", **enrolment: str) -> Story:
    story = Story()
    story.status("2026-06-01", readiness=readiness)
    story.enrolment("2026-06-22", admitted_on="2026-06-22", study_start_on="2026-08-10", **enrolment)
    return story


def test_an_admission_opens_it_for_ten_working_days() -> None:
    task = admitted().task(KIND, "2026-06-23")
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 6, 22), date(2026, 7, 6), "OPEN")
    assert (task.recipient, task.mandatory, task.legal_basis) == (
        "/municipality/751",
        True,
        "LAB § 167, stk. 3",
    )
    assert (task.caused_by, task.warnings, task.enrolment_id) == (("m02",), (), "E1")


def test_it_is_open_on_the_last_day_and_overdue_from_midnight_in_copenhagen() -> None:
    story = admitted()
    assert story.task(KIND, "2026-07-06T21:59:59+00:00").state == "OPEN"
    assert story.task(KIND, "2026-07-06T22:00:00+00:00").state == "OVERDUE"


@pytest.mark.parametrize("event", ["GUIDED", "REQUESTED", "DECLINED", "ASSIGNED"])
def test_whoever_is_guided_asks_declines_or_gets_a_mentor_has_been_guided(event: str) -> None:
    story = admitted()
    mentor = story.mentor("2026-07-01", event)
    task = story.task(KIND, "2026-07-02")
    assert (task.state, task.closed_by) == ("DONE", mentor)


@pytest.mark.parametrize("event", ["EXTENDED", "ENDED"])
def test_other_mentor_events_do_not_close_it(event: str) -> None:
    story = admitted()
    story.mentor("2026-07-01", event)
    assert story.task(KIND, "2026-07-02").state == "OPEN"


def test_guidance_before_the_admission_does_not_count_on_its_day_it_does() -> None:
    story = admitted()
    story.mentor("2026-06-23", "GUIDED", enrolment_id="E1", on="2026-06-21")
    assert story.task(KIND, "2026-06-24").state == "OPEN"
    story.mentor("2026-06-24", "GUIDED", enrolment_id="E1", on="2026-06-22")
    assert story.task(KIND, "2026-06-25").state == "DONE"


def test_a_message_about_another_enrolment_never_closes_it() -> None:
    story = admitted()
    story.mentor("2026-06-24", "GUIDED", enrolment_id="E2")
    story.mentor("2026-06-25", "GUIDED", enrolment_id="E1", institution="101582")
    assert story.task(KIND, "2026-06-26").state == "OPEN"


def test_a_message_without_enrolment_means_the_latest_qualifying_one_admitted_by_then() -> None:
    story = admitted()
    story.enrolment("2026-07-01", source=OTHER_SCHOOL, enrolment_id="F1", admitted_on="2026-07-01")
    story.enrolment("2026-07-02", enrolment_id="P1", qualifies="PREPARATORY", admitted_on="2026-07-02")
    story.mentor("2026-07-03", "GUIDED")
    states = {task.enrolment_id: task.state for task in story.tasks(KIND, "2026-07-04")}
    assert states == {"E1": "OPEN", "F1": "DONE"}


@pytest.mark.parametrize("event", ["CANCELLED", "DROPPED_OUT", "COMPLETED"])
def test_the_end_of_the_enrolment_cancels_it(event: str) -> None:
    story = admitted()
    ended = story.enrolment("2026-07-01", event)
    task = story.task(KIND, "2026-07-02")
    assert (task.state, task.closed_by) == ("CANCELLED", ended)


def test_what_is_done_stays_done_when_the_enrolment_ends() -> None:
    story = admitted()
    story.mentor("2026-07-01", "GUIDED")
    story.enrolment("2026-07-02", "CANCELLED")
    assert story.task(KIND, "2026-07-03").state == "DONE"


def test_a_new_admission_after_the_end_opens_a_new_one() -> None:
    story = admitted()
    story.enrolment("2026-07-01", "CANCELLED")
    again = story.enrolment("2026-07-08", admitted_on="2026-07-08")
    first, second = story.tasks(KIND, "2026-07-09")
    assert (first.state, second.state) == ("CANCELLED", "OPEN")
    assert first.task_id != second.task_id
    assert (second.caused_by, second.due_on) == ((again,), date(2026, 7, 22))


def test_an_admission_after_completion_opens_none() -> None:
    story = admitted()
    story.enrolment("2026-07-01", "COMPLETED")
    story.enrolment("2026-07-08", "STARTED")
    (only,) = story.tasks(KIND, "2026-07-09")
    assert only.state == "CANCELLED"


def test_the_start_of_studies_joins_the_task_of_the_admission() -> None:
    story = admitted()
    started = story.enrolment("2026-07-01", "STARTED")
    task = story.task(KIND, "2026-07-02")
    assert (task.caused_by, task.due_on) == (("m02", started), date(2026, 7, 6))


@pytest.mark.parametrize(
    ("born", "opens"),
    [("1996-08-15", False), ("1996-08-16", True), ("1996-08-14", False)],
)
def test_the_age_on_the_day_of_admission_decides(born: str, opens: bool) -> None:
    story = Story(born=born)
    story.status("2026-06-01")
    story.enrolment("2026-08-15", admitted_on="2026-08-15")
    assert bool(story.tasks(KIND, "2026-08-16")) is opens


def test_who_is_born_on_a_leap_day_is_29_on_28_february() -> None:
    story = Story(born="1996-02-29")
    story.status("2026-01-01")
    story.enrolment("2026-02-28", admitted_on="2026-02-28")
    story.enrolment("2026-03-01", enrolment_id="E2", admitted_on="2026-03-01")
    assert [task.enrolment_id for task in story.tasks(KIND, "2026-03-02")] == ["E1"]


@pytest.mark.parametrize("readiness", ["OBVIOUSLY_EDUCATION_READY", "EDUCATION_READY", "ACTIVITY_READY"])
def test_these_assessments_give_the_right(readiness: str) -> None:
    assert admitted(readiness=readiness).task(KIND, "2026-06-23").warnings == ()


def test_job_ready_or_a_vocational_qualification_gives_no_right_and_no_task() -> None:
    assert not admitted(readiness="JOB_READY").tasks(KIND, "2026-06-23")
    story = Story()
    story.status("2026-06-01", vocational=True)
    story.enrolment("2026-06-22")
    assert not story.tasks(KIND, "2026-06-23")


def test_one_known_obstacle_outweighs_what_is_not_known() -> None:
    story = Story(born=None)
    story.status("2026-06-01", readiness=None, vocational=True)
    story.enrolment("2026-06-22")
    assert not story.tasks(KIND, "2026-06-23")


@pytest.mark.parametrize("qualifies", ["STUDY", "VOCATIONAL"])
def test_both_kinds_of_education_qualify(qualifies: str) -> None:
    assert admitted(qualifies=qualifies).task(KIND, "2026-06-23").state == "OPEN"


def test_preparation_does_not_qualify() -> None:
    assert not admitted(qualifies="PREPARATORY").tasks(KIND, "2026-06-23")


def test_what_is_not_known_is_to_be_verified() -> None:
    story = Story(born=None)
    story.enrolment("2026-06-22")
    task = story.task(KIND, "2026-06-23")
    assert (task.state, task.warnings) == ("OPEN", ("VERIFY_MENTOR_RIGHT",))


def test_an_exemption_and_a_contact_person_leave_the_right() -> None:
    story = Story()
    story.status("2026-06-01", exempt=True, contact_persons=("UNDER_25", "AFTERCARE"))
    story.enrolment("2026-06-22")
    task = story.task(KIND, "2026-06-23")
    assert (task.state, task.warnings) == ("OPEN", ("MENTOR_EXEMPT",))


def test_a_right_that_turns_out_not_to_exist_cancels_and_one_restored_reopens() -> None:
    story = Story()
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    assert story.task(KIND, "2026-06-23").warnings == ("VERIFY_MENTOR_RIGHT",)
    denied = story.status("2026-06-24", readiness="JOB_READY", valid_from="2026-06-01")
    cancelled = story.task(KIND, "2026-06-25")
    assert (cancelled.state, cancelled.closed_by) == ("CANCELLED", denied)
    story.status("2026-06-26", readiness="ACTIVITY_READY", valid_from="2026-06-01")
    reopened = story.task(KIND, "2026-06-27")
    assert (reopened.state, reopened.task_id, reopened.closed_by) == ("OPEN", cancelled.task_id, None)


def test_a_status_of_a_later_day_counts_only_where_no_earlier_one_says_it() -> None:
    story = Story()
    story.status("2026-06-01", readiness=None, vocational=False)
    story.status("2026-07-01", readiness="EDUCATION_READY", vocational=True)
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    assert story.task(KIND, "2026-07-02").warnings == ()


def test_a_missing_admission_date_is_that_of_the_first_message() -> None:
    story = Story(born="1996-06-23")
    story.status("2026-06-01")
    story.enrolment("2026-06-22")
    story.enrolment("2026-08-10", "STARTED", study_start_on="2026-08-10")
    assert story.task(KIND, "2026-08-11").state == "OVERDUE"


def test_a_message_dated_before_the_first_rule_set_opens_nothing() -> None:
    story = Story()
    story.status("2021-12-01")
    story.enrolment("2021-12-31T23:59:59+01:00", enrolment_id="E1")
    story.enrolment("2021-12-31T23:00:00+00:00", enrolment_id="E2")
    tasks = story.tasks(KIND, "2022-01-10")
    assert [(task.enrolment_id, task.rule_set) for task in tasks] == [("E2", "2022-01-01")]


def test_the_rule_set_is_that_of_the_opening_message_or_the_one_asked_for() -> None:
    story = admitted()
    assert story.task(KIND, "2026-06-23").rule_set == "2025-07-01"
    (task,) = [t for t in story.at("2026-06-23", "2022-01-01").tasks if t.kind == KIND]
    assert task.rule_set == "2022-01-01"
    early = Story()
    early.enrolment("2025-06-30T23:30:00+02:00")
    assert early.task(KIND, "2025-07-02").rule_set == "2022-01-01"


def test_a_status_holds_on_its_first_day_and_one_sent_later_corrects_it() -> None:
    story = Story()
    story.status("2026-06-22T08:00:00+02:00", readiness="EDUCATION_READY", valid_from="2026-06-01")
    story.status("2026-06-22T09:00:00+02:00", readiness="JOB_READY", valid_from="2026-06-22")
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    assert not story.tasks(KIND, "2026-06-23")
    later = Story()
    later.status("2026-06-20", readiness="JOB_READY", valid_from="2026-07-01")
    later.status("2026-06-21", readiness="EDUCATION_READY", valid_from="2026-07-01")
    later.enrolment("2026-06-22", admitted_on="2026-06-22")
    assert later.task(KIND, "2026-06-23").warnings == ()


def test_a_new_stint_has_dates_of_its_own() -> None:
    story = Story(born="1996-06-30")
    story.status("2026-01-01")
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    story.enrolment("2026-06-25", "DROPPED_OUT")
    story.enrolment("2026-07-01", "STARTED")
    (first,) = story.tasks(KIND, "2026-07-02")
    assert (first.state, first.caused_by) == ("CANCELLED", ("m02",))
