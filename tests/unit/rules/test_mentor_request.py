"""`ASSIGN_MENTOR` and `ASSESS_MENTOR`: which of them a request opens, and what ends it."""

from datetime import date

import pytest
from rule_story import AARHUS, ODENSE, OTHER_SCHOOL, Story

ASSIGN, ASSESS = "ASSIGN_MENTOR", "ASSESS_MENTOR"


def admitted(*, readiness: str | None = "EDUCATION_READY", exempt: bool | None = None) -> Story:
    """Admitted to E1 on 22 June 2026 with the right to a mentor."""
    story = Story()
    story.status("2026-06-01", readiness=readiness, exempt=exempt)
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    return story


def requested(**about: str) -> tuple[Story, str]:
    story = admitted()
    return story, story.mentor("2026-08-12", "REQUESTED", **(about or {"enrolment_id": "E1"}))


def test_a_request_within_six_months_of_admission_must_be_met_in_five_working_days() -> None:
    story, request = requested()
    task = story.task(ASSIGN, "2026-08-13")
    # Wednesday 12 August: 13, 14, 17, 18, 19.
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 8, 12), date(2026, 8, 19), "OPEN")
    assert (task.recipient, task.mandatory, task.legal_basis) == (AARHUS, True, "LAB § 167, stk. 3")
    assert (task.caused_by, task.warnings, task.enrolment_id) == ((request,), (), "E1")
    assert not story.tasks(ASSESS, "2026-08-13")


@pytest.mark.parametrize(
    ("time", "kind"),
    [
        ("2026-12-22T23:59:59+01:00", ASSIGN),
        ("2026-12-22T22:59:59+00:00", ASSIGN),
        ("2026-12-22T23:00:00+00:00", ASSESS),
        ("2026-12-23T00:00:00+01:00", ASSESS),
    ],
)
def test_the_last_day_of_the_six_months_is_inside_by_copenhagens_calendar(time: str, kind: str) -> None:
    story = admitted()
    story.mentor(time, "REQUESTED", enrolment_id="E1", on="2026-12-01")
    assert [task.kind for task in story.at("2026-12-24").tasks if "MENTOR" in task.kind][1:] == [kind]


@pytest.mark.parametrize(("day", "kind"), [("2024-02-29", ASSIGN), ("2024-03-01", ASSESS)])
def test_six_months_after_31_august_end_on_the_leap_day(day: str, kind: str) -> None:
    story = Story()
    story.status("2023-06-01")
    story.enrolment("2023-08-31", admitted_on="2023-08-31")
    story.mentor(day, "REQUESTED")
    assert story.task(kind, "2024-03-02").caused_by == ("m03",)


def test_a_later_request_is_assessed_in_ten_working_days_and_is_no_duty() -> None:
    story = admitted()
    story.mentor("2027-01-04", "REQUESTED", enrolment_id="E1")
    task = story.task(ASSESS, "2027-01-05")
    assert (task.due_on, task.mandatory, task.legal_basis) == (date(2027, 1, 18), False, "LAB § 167, stk. 1")
    assert not story.tasks(ASSIGN, "2027-01-05")


def test_without_the_right_a_request_is_assessed() -> None:
    story = admitted(readiness="JOB_READY")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    task = story.task(ASSESS, "2026-08-13")
    assert (task.due_on, task.warnings) == (date(2026, 8, 26), ())
    assert "readiness for education" in task.explanation


def test_preparation_gives_no_right_even_where_the_admission_is_not_dated() -> None:
    story = Story()
    story.enrolment("2026-06-22", "CHANGED", qualifies="PREPARATORY")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    assert story.task(ASSESS, "2026-08-13").mandatory is False


def test_a_right_to_be_verified_and_an_exemption_are_warned_about() -> None:
    story = admitted(readiness=None, exempt=True)
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    assert story.task(ASSIGN, "2026-08-13").warnings == ("VERIFY_MENTOR_RIGHT", "MENTOR_EXEMPT")


def test_an_exemption_is_warned_about_where_no_enrolment_is_known() -> None:
    story = Story()
    story.status("2026-06-01", exempt=True)
    story.mentor("2026-08-12", "REQUESTED")
    assert story.task(ASSIGN, "2026-08-13").warnings == ("VERIFY_MENTOR_RIGHT", "MENTOR_EXEMPT")


def test_without_any_known_enrolment_the_right_is_to_be_verified() -> None:
    for about in ({}, {"enrolment_id": "E1"}):
        story = Story()
        story.status("2026-06-01")
        story.mentor("2026-08-12", "REQUESTED", **about)
        task = story.task(ASSIGN, "2026-08-13")
        assert (task.warnings, task.enrolment_id) == (("VERIFY_MENTOR_RIGHT",), about.get("enrolment_id"))


def test_a_status_that_denies_the_right_turns_the_same_task_into_an_assessment() -> None:
    story, _ = requested()
    before = story.task(ASSIGN, "2026-08-13")
    story.status("2026-08-14", readiness="JOB_READY", valid_from="2026-06-10")
    after = story.task(ASSESS, "2026-08-15")
    assert (after.task_id, after.due_on, after.state) == (before.task_id, date(2026, 8, 26), "OPEN")
    assert not story.tasks(ASSIGN, "2026-08-15")


def test_a_birth_date_that_becomes_known_by_any_message_decides() -> None:
    story = Story(born=None)
    story.status("2026-06-01")
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    assert story.task(ASSIGN, "2026-08-13").warnings == ("VERIFY_MENTOR_RIGHT",)
    story.born = date(1990, 1, 1)
    story.follow_up("2026-08-13", "ATTEMPTED")
    assert story.task(ASSESS, "2026-08-14").state == "OPEN"


def test_an_assignment_meets_it_and_a_refusal_or_an_end_cancels_it() -> None:
    for event, state in (("ASSIGNED", "DONE"), ("DECLINED", "CANCELLED"), ("ENDED", "CANCELLED")):
        story, _ = requested()
        closer = story.mentor("2026-08-14", event, enrolment_id="E1", in_min_plan=True)
        task = story.task(ASSIGN, "2026-08-15")
        assert (task.state, task.closed_by) == (state, closer), event


@pytest.mark.parametrize("event", ["GUIDED", "EXTENDED", "REQUESTED"])
def test_other_events_leave_it_open(event: str) -> None:
    story, _ = requested()
    story.mentor("2026-08-14", event, enrolment_id="E1")
    assert story.task(ASSIGN, "2026-08-15").state == "OPEN"


def test_an_assessment_is_done_by_assigning_or_refusing_and_outlives_an_end() -> None:
    for event, state in (("ASSIGNED", "DONE"), ("DECLINED", "DONE"), ("ENDED", "OPEN")):
        story = admitted(readiness="JOB_READY")
        story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
        story.mentor("2026-08-14", event, enrolment_id="E1")
        assert story.task(ASSESS, "2026-08-15").state == state, event


@pytest.mark.parametrize("event", ["ASSIGNED", "DECLINED", "ENDED"])
def test_what_was_sent_before_the_request_does_not_close_it(event: str) -> None:
    story = admitted()
    story.mentor("2026-08-11", event, enrolment_id="E1")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    assert story.task(ASSIGN, "2026-08-13").state == "OPEN"


def test_of_what_is_sent_in_the_same_instant_only_the_assignment_counts_whichever_id_is_first() -> None:
    for order in (("ASSIGNED", "REQUESTED"), ("REQUESTED", "ASSIGNED")):
        story = admitted()
        for event in order:
            story.mentor("2026-08-12", event, enrolment_id="E1")
        assert story.task(ASSIGN, "2026-08-13").state == "DONE", order
    for order in (("ENDED", "REQUESTED"), ("REQUESTED", "ENDED")):
        story = admitted()
        for event in order:
            story.mentor("2026-08-12", event, enrolment_id="E1")
        assert story.task(ASSIGN, "2026-08-13").state == "OPEN", order


def test_further_requests_join_while_it_is_unfinished_and_the_due_date_stays() -> None:
    story, first = requested()
    second = story.mentor("2026-08-14", "REQUESTED")
    third = story.mentor("2026-08-31", "REQUESTED", enrolment_id="E1", institution="280051")
    task = story.task(ASSIGN, "2026-09-01")
    assert (task.caused_by, task.due_on, task.state) == (
        (first, second, third),
        date(2026, 8, 19),
        "OVERDUE",
    )


def test_a_request_after_the_first_was_met_opens_another() -> None:
    story, first = requested()
    story.mentor("2026-08-14", "ASSIGNED", enrolment_id="E1")
    story.mentor("2026-09-14", "ENDED", enrolment_id="E1")
    second = story.mentor("2026-09-15", "REQUESTED", enrolment_id="E1")
    met, open_ = story.tasks(ASSIGN, "2026-09-16")
    assert (met.state, met.caused_by, open_.state, open_.caused_by) == ("DONE", (first,), "OPEN", (second,))
    assert met.task_id != open_.task_id


def test_a_message_that_names_another_enrolment_never_closes_it() -> None:
    story, _ = requested()
    story.mentor("2026-08-14", "ASSIGNED", enrolment_id="E2")
    story.mentor("2026-08-15", "ASSIGNED", enrolment_id="E1", institution="101582")
    assert story.task(ASSIGN, "2026-08-16").state == "OPEN"


def test_a_message_without_enrolment_means_the_latest_qualifying_one_admitted_by_then() -> None:
    story = admitted()
    story.mentor("2026-06-30", "REQUESTED")
    story.enrolment("2026-07-01", source=OTHER_SCHOOL, enrolment_id="F1", admitted_on="2026-07-01")
    story.enrolment("2026-07-02", source=OTHER_SCHOOL, enrolment_id="G1", admitted_on="2026-09-01")
    story.enrolment("2026-07-03", enrolment_id="P1", qualifies="PREPARATORY", admitted_on="2026-07-03")
    story.mentor("2026-07-05", "ASSIGNED")
    assert story.task(ASSIGN, "2026-07-06").state == "OPEN"
    story.mentor("2026-07-06", "REQUESTED")
    open_ = {task.enrolment_id: task.state for task in story.tasks(ASSIGN, "2026-07-07")}
    assert open_ == {"E1": "OPEN", "F1": "OPEN"}


def test_the_same_enrolment_id_at_two_schools_is_two_enrolments() -> None:
    story = admitted()
    story.enrolment("2026-06-22", source=OTHER_SCHOOL, enrolment_id="E1", qualifies="PREPARATORY")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1", institution="101582")
    assert story.task(ASSESS, "2026-08-13").enrolment_id == "E1"
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1", institution="280051")
    story.mentor("2026-08-13", "ASSIGNED", enrolment_id="E1", institution="280051")
    assert story.task(ASSIGN, "2026-08-14").state == "DONE"
    assert story.task(ASSESS, "2026-08-14").state == "OPEN"


def test_an_id_without_institution_that_two_schools_chose_means_the_one_that_qualifies() -> None:
    story = Story()
    story.status("2026-06-01")
    story.enrolment("2026-06-20", source=OTHER_SCHOOL, enrolment_id="E1", qualifies="PREPARATORY")
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
    assert story.task(ASSIGN, "2026-08-13").warnings == ()


def test_a_contact_person_for_people_under_25_is_suggested_as_mentor_aftercare_is_not() -> None:
    for persons, suggested in ((("UNDER_25",), True), (("AFTERCARE",), False), ((), False)):
        story = Story()
        story.status("2026-06-01", contact_persons=persons)
        story.status("2026-06-02")
        story.enrolment("2026-06-22", admitted_on="2026-06-22")
        story.mentor("2026-08-12", "REQUESTED", enrolment_id="E1")
        assert ("may be the mentor" in story.task(ASSIGN, "2026-08-13").explanation) is suggested, persons


def test_before_the_first_rule_set_a_request_opens_nothing() -> None:
    story = Story()
    story.mentor("2021-12-31", "REQUESTED")
    assert not story.at("2022-01-05").tasks


def test_it_follows_the_citizen_and_the_new_municipality_gets_the_request() -> None:
    story, request = requested()
    story.status("2026-08-14", source=ODENSE)
    decision = story.at("2026-08-15")
    assert story.task(ASSIGN, "2026-08-15").recipient == ODENSE
    assert [f.recipient for f in decision.forwards if f.message.id == request] == [ODENSE]
    assert decision.unrouted == ()


def test_the_latest_status_that_names_contact_persons_tells_who_they_are() -> None:
    story = Story()
    story.status("2026-06-01", contact_persons=("UNDER_25",))
    story.status("2026-06-02", contact_persons=("AFTERCARE",))
    story.status("2026-06-03", contact_persons=("UNDER_25",), valid_from="2026-05-01")
    story.mentor("2026-08-12", "REQUESTED")
    assert "may be the mentor" not in story.task(ASSIGN, "2026-08-13").explanation
