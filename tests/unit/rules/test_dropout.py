"""Notices of dropout: the duty to make contact, the review outside it, and the follow-up of a dropout."""

from datetime import date

import pytest
from rule_story import AARHUS, OTHER_SCHOOL, Story

CONTACT, REVIEW, FOLLOW_UP = "CONTACT_YOUNG_PERSON", "REVIEW_DROPOUT_NOTICE", "FOLLOW_UP_DROPOUT"


def student(study_start_on: str = "2026-08-10") -> Story:
    story = Story()
    story.enrolment("2026-06-22", admitted_on="2026-06-22", study_start_on=study_start_on)
    return story


def test_a_notice_within_six_months_must_be_acted_on() -> None:
    story = student()
    notice = story.notice("2026-10-01")
    task = story.task(CONTACT, "2026-10-02")
    assert (task.recipient, task.state, task.due_on) == (AARHUS, "OPEN", date(2026, 10, 8))
    assert (task.mandatory, task.warnings, task.caused_by) == (True, (), (notice,))
    assert (task.rule, task.legal_basis) == ("dropout-contact", "LAB § 30, stk. 9")
    assert not story.tasks(REVIEW, "2026-10-02")


@pytest.mark.parametrize(
    ("start", "notice", "kind"),
    [
        ("2023-08-31", "2024-02-29", CONTACT),
        ("2023-08-31", "2024-03-01", REVIEW),
        ("2022-08-31", "2023-02-28", CONTACT),
        ("2022-08-31", "2023-03-01", REVIEW),
        ("2026-08-10", "2027-02-10T23:59:59+01:00", CONTACT),
        ("2026-08-10", "2027-02-10T23:00:00+00:00", REVIEW),
        ("2026-08-10", "2026-07-01", CONTACT),
    ],
)
def test_the_last_day_of_the_window_is_inside_it(start: str, notice: str, kind: str) -> None:
    story = student(start)
    story.facts.clear()
    story.enrolment("2022-06-22", study_start_on=start)
    story.notice(notice)
    kinds = {task.kind for task in story.at("2027-06-01").tasks}
    assert kinds & {CONTACT, REVIEW} == {kind}


def test_a_later_notice_informs() -> None:
    story = student()
    story.notice("2027-03-01")
    task = story.task(REVIEW, "2027-03-02")
    assert (task.mandatory, task.warnings, task.legal_basis) == (False, ("OUTSIDE_DUTY_WINDOW",), None)
    assert (task.due_on, task.state) == (date(2027, 3, 15), "OPEN")


def test_an_unknown_study_start_assumes_the_duty() -> None:
    story = Story()
    story.notice("2026-10-01")
    assert story.task(CONTACT, "2026-10-02").warnings == ("STUDY_START_UNKNOWN",)


def test_the_notice_tells_study_start_where_the_enrolment_does_not() -> None:
    story = Story()
    story.notice("2027-03-01", study_start_on="2026-08-10")
    assert story.task(REVIEW, "2027-03-02").state == "OPEN"
    story.enrolment("2027-03-02", "CHANGED", study_start_on="2026-10-01")
    assert story.task(CONTACT, "2027-03-03").state == "OPEN"


def test_a_late_enrolment_makes_an_earlier_notice_mandatory() -> None:
    story = student()
    notice = story.notice("2027-03-01")
    before = story.task(REVIEW, "2027-03-02")
    story.enrolment("2027-03-02", "CHANGED", study_start_on="2026-09-15")
    after = story.task(CONTACT, "2027-03-03")
    assert (after.task_id, after.caused_by) == (before.task_id, (notice,))
    assert (after.mandatory, after.due_on, after.warnings) == (True, date(2027, 3, 8), ())
    assert not story.tasks(REVIEW, "2027-03-03")


def test_contact_on_the_notices_day_or_later_closes_it() -> None:
    story = student()
    story.notice("2026-10-01")
    story.follow_up("2026-10-02", on="2026-09-30")
    assert story.task(CONTACT, "2026-10-03").state == "OPEN"
    contact = story.follow_up("2026-10-04", on="2026-10-01")
    task = story.task(CONTACT, "2026-10-05")
    assert (task.state, task.closed_by) == ("DONE", contact)


@pytest.mark.parametrize("event", ["ATTEMPTED", "DECIDED"])
def test_an_attempt_or_a_decision_only_adds_to_the_explanation(event: str) -> None:
    story = student()
    story.notice("2026-10-01")
    before = story.task(CONTACT, "2026-10-02").explanation
    story.follow_up("2026-10-05", event)
    task = story.task(CONTACT, "2026-10-06")
    assert task.state == "OPEN"
    assert before != task.explanation
    assert "2026-10-05" in task.explanation


def test_a_named_notice_decides_before_a_named_enrolment() -> None:
    story = student()
    story.enrolment("2026-06-22", source=OTHER_SCHOOL, enrolment_id="F1", study_start_on="2026-08-10")
    first = story.notice("2026-10-01")
    story.notice("2026-10-01", source=OTHER_SCHOOL, enrolment_id="F1")
    story.follow_up("2026-10-02", notice_id=first, enrolment_id="F1")
    states = {task.enrolment_id: task.state for task in story.tasks(CONTACT, "2026-10-03")}
    assert states == {"E1": "DONE", "F1": "OPEN"}


def test_a_named_enrolment_decides_where_no_notice_is_named() -> None:
    story = student()
    story.notice("2026-10-01")
    story.follow_up("2026-10-02", enrolment_id="E2")
    story.follow_up("2026-10-02", enrolment_id="E1", institution="101582")
    story.follow_up("2026-10-02", notice_id="unknown")
    assert story.task(CONTACT, "2026-10-03").state == "OPEN"
    story.follow_up("2026-10-03", enrolment_id="E1")
    assert story.task(CONTACT, "2026-10-04").state == "DONE"


def test_a_contact_that_names_nothing_closes_every_notice() -> None:
    story = student()
    story.notice("2026-10-01")
    story.notice("2026-10-01", source=OTHER_SCHOOL, enrolment_id="F1")
    story.follow_up("2026-10-02")
    assert [task.state for task in story.tasks(CONTACT, "2026-10-03")] == ["DONE", "DONE"]


def test_a_further_notice_joins_while_the_first_is_unfinished() -> None:
    story = student()
    first = story.notice("2026-10-01")
    second = story.notice("2026-10-05")
    task = story.task(CONTACT, "2026-10-06")
    assert (task.caused_by, task.due_on) == ((first, second), date(2026, 10, 8))
    story.follow_up("2026-10-06", notice_id=second)
    third = story.notice("2026-10-07")
    done, new = story.tasks(CONTACT, "2026-10-08")
    assert (done.state, new.state, new.caused_by) == ("DONE", "OPEN", (third,))


def test_only_the_withdrawal_of_all_its_notices_cancels_it() -> None:
    story = student()
    first, second = story.notice("2026-10-01"), story.notice("2026-10-05")
    story.notice("2026-10-06", withdraws=first)
    story.notice("2026-10-06", source=OTHER_SCHOOL, withdraws=second)
    assert story.task(CONTACT, "2026-10-07").state == "OPEN"
    last = story.notice("2026-10-07", withdraws=second)
    task = story.task(CONTACT, "2026-10-08")
    assert (task.state, task.closed_by) == ("CANCELLED", last)


def test_completion_cancels_the_duty_dropping_out_does_not() -> None:
    story = student()
    story.notice("2026-10-01")
    story.enrolment("2026-10-02", "DROPPED_OUT")
    assert story.task(CONTACT, "2026-10-03").state == "OPEN"
    story.enrolment("2026-10-04", "COMPLETED")
    assert story.task(CONTACT, "2026-10-05").state == "CANCELLED"


@pytest.mark.parametrize("event", ["DROPPED_OUT", "COMPLETED"])
def test_both_ends_cancel_the_review(event: str) -> None:
    story = student()
    story.notice("2027-03-01")
    ended = story.enrolment("2027-03-02", event)
    task = story.task(REVIEW, "2027-03-03")
    assert (task.state, task.closed_by) == ("CANCELLED", ended)


def test_the_review_expires_three_months_after_the_notice_for_good() -> None:
    story = student()
    story.notice("2027-03-01")
    assert story.task(REVIEW, "2027-06-01T23:59:59+02:00").state == "OVERDUE"
    assert story.task(REVIEW, "2027-06-02T00:00:00+02:00").state == "EXPIRED"
    story.follow_up("2027-06-02", on="2027-05-01")
    story.enrolment("2027-06-03", "CHANGED", study_start_on="2026-12-01")
    task = story.task(REVIEW, "2027-06-04")
    assert (task.state, task.closed_by) == ("EXPIRED", None)


def test_a_notice_after_the_review_expired_opens_a_new_one() -> None:
    story = student()
    story.notice("2027-03-01")
    late = story.notice("2027-06-02")
    expired, new = story.tasks(REVIEW, "2027-06-03")
    assert (expired.state, new.state, new.caused_by) == ("EXPIRED", "OPEN", (late,))


def test_a_dropout_is_followed_up_within_five_working_days() -> None:
    story = student()
    dropped = story.enrolment("2026-10-01", "DROPPED_OUT")
    task = story.task(FOLLOW_UP, "2026-10-02")
    assert (task.recipient, task.state, task.due_on) == (AARHUS, "OPEN", date(2026, 10, 8))
    assert (task.mandatory, task.caused_by) == (False, (dropped,))
    assert task.legal_basis == "lov om kommunal indsats for unge under 25 år § 12 c"


@pytest.mark.parametrize(
    ("event", "state"), [("CONTACTED", "DONE"), ("DECIDED", "DONE"), ("ATTEMPTED", "OPEN")]
)
def test_contact_or_a_decision_follows_it_up(event: str, state: str) -> None:
    story = student()
    story.enrolment("2026-10-01", "DROPPED_OUT")
    story.follow_up("2026-10-02", event, on="2026-09-30")
    story.follow_up("2026-10-02", event, enrolment_id="E2")
    assert story.task(FOLLOW_UP, "2026-10-03").state == "OPEN"
    story.follow_up("2026-10-03", event)
    assert story.task(FOLLOW_UP, "2026-10-04").state == state


def test_a_new_admission_anywhere_makes_the_follow_up_needless() -> None:
    story = student()
    story.enrolment("2026-10-01", "DROPPED_OUT")
    again = story.enrolment("2026-10-02", source=OTHER_SCHOOL, enrolment_id="F1", qualifies="PREPARATORY")
    task = story.task(FOLLOW_UP, "2026-10-03")
    assert (task.state, task.closed_by) == ("CANCELLED", again)


def test_a_study_start_that_restores_the_duty_opens_what_the_dropout_had_cancelled() -> None:
    story = student()
    story.notice("2027-03-01")
    story.enrolment("2027-03-02", "DROPPED_OUT")
    cancelled = story.task(REVIEW, "2027-03-03")
    story.enrolment("2027-03-04", "CHANGED", study_start_on="2026-10-01")
    restored = story.task(CONTACT, "2027-03-05")
    assert (cancelled.state, restored.state) == ("CANCELLED", "OPEN")
    assert restored.task_id == cancelled.task_id


def test_contact_on_the_very_day_of_the_dropout_follows_it_up() -> None:
    story = student()
    story.enrolment("2026-10-01", "DROPPED_OUT")
    story.follow_up("2026-10-02", on="2026-10-01")
    assert story.task(FOLLOW_UP, "2026-10-03").state == "DONE"
