"""Institution 280051 goes on as 101582 from 1 November 2026: its enrolments, notices and tasks go with it."""

from datetime import date
from pathlib import Path

import pytest
from own_lists import merged
from rule_story import AARHUS, OTHER_SCHOOL, SCHOOL, Story, instant

from schemas.code_lists import CodeLists

ACKNOWLEDGE, SEND, CONTACT = "ACKNOWLEDGE_CONTACT", "SEND_CONTACT", "CONTACT_YOUNG_PERSON"
EVE, MERGER = "2026-10-31T23:59:59+01:00", "2026-11-01T00:00:00+01:00"
THIRD = "/institution/751403"


@pytest.fixture
def lists(tmp_path: Path) -> CodeLists:
    return merged(tmp_path, institutions=[("280051", "2026-10-31", "101582")])


def admitted(lists: CodeLists, time: str = "2026-10-26") -> Story:
    """Admitted on Monday 26 October 2026 by the old number, studying from 2 November."""
    story = Story()
    story.lists = lists
    story.enrolment(time, admitted_on=time, study_start_on="2026-11-02")
    return story


def test_an_open_acknowledgement_moves_on_the_first_day_of_the_new_number(lists: CodeLists) -> None:
    story = admitted(lists)
    contact = story.contact("2026-10-28", AARHUS)
    assert story.task(ACKNOWLEDGE, EVE).recipient == SCHOOL
    assert story.task(ACKNOWLEDGE, MERGER).recipient == OTHER_SCHOOL
    assert story.at("2026-10-30").next_change == instant(MERGER)
    sent = {(f.message.id, f.recipient) for f in story.at(MERGER).forwards if f.message.id == contact}
    assert sent == {(contact, SCHOOL), (contact, OTHER_SCHOOL)}


def test_a_finished_acknowledgement_stays_where_it_was_done(lists: CodeLists) -> None:
    story = admitted(lists)
    story.contact("2026-10-28", AARHUS)
    story.contact("2026-10-29", SCHOOL)
    task = story.task(ACKNOWLEDGE, "2026-12-01")
    assert (task.state, task.recipient) == ("DONE", SCHOOL)


@pytest.mark.parametrize("institution", ["280051", "101582"])
@pytest.mark.parametrize("named", [True, False])
def test_the_successor_acknowledges_what_came_to_the_old_number(
    lists: CodeLists, institution: str, named: bool
) -> None:
    story = admitted(lists)
    sent = story.contact("2026-10-28", AARHUS)
    answer = story.contact(
        "2026-11-02", OTHER_SCHOOL, institution=institution, acknowledges=sent if named else None
    )
    task = story.task(ACKNOWLEDGE, "2026-11-03")
    assert (task.state, task.closed_by, task.recipient) == ("DONE", answer, OTHER_SCHOOL)


def test_before_the_day_and_from_another_number_an_answer_is_none(lists: CodeLists) -> None:
    for source, time in ((OTHER_SCHOOL, "2026-10-30"), (THIRD, "2026-11-02")):
        story = admitted(lists)
        sent = story.contact("2026-10-28", AARHUS)
        story.contact(time, source, institution=source[-6:], acknowledges=sent)
        assert story.task(ACKNOWLEDGE, "2026-11-03").state == "OPEN"


def test_the_same_enrolment_under_the_new_number_asks_for_nothing_anew(lists: CodeLists) -> None:
    story = admitted(lists)
    before = story.task(SEND, "2026-10-27")
    story.enrolment("2026-11-02", "STARTED", source=OTHER_SCHOOL)
    task = story.task(SEND, "2026-11-03")
    assert (task.task_id, task.due_on, task.state) == (before.task_id, date(2026, 11, 2), "OVERDUE")
    assert task.caused_by == ("m01", "m02")
    sent = story.contact("2026-11-03", AARHUS, institution="101582")
    assert story.task(SEND, "2026-11-04").closed_by == sent
    assert story.task(ACKNOWLEDGE, "2026-11-04").recipient == OTHER_SCHOOL


def test_an_enrolment_of_the_other_institution_is_another_one(lists: CodeLists) -> None:
    story = admitted(lists)
    story.enrolment("2026-10-27", source=OTHER_SCHOOL)
    assert len(story.tasks(SEND, "2026-10-28")) == 2
    story.enrolment("2026-11-02", "CANCELLED", source=OTHER_SCHOOL)
    states = {task.caused_by[0]: task.state for task in story.tasks(SEND, "2026-11-02")}
    assert states == {"m01": "OPEN", "m02": "CANCELLED"}


def test_an_order_to_the_old_number_counts_for_an_admission_by_the_new_one(lists: CodeLists) -> None:
    story = Story()
    story.lists = lists
    order = story.order("2026-10-20")
    story.enrolment("2026-11-03", source=OTHER_SCHOOL)
    assert story.task(SEND, "2026-11-04").closed_by == order


def test_notices_of_both_numbers_are_one_task_and_the_successor_withdraws_them(lists: CodeLists) -> None:
    story = admitted(lists)
    first = story.notice("2026-10-30")
    second = story.notice("2026-11-02", source=OTHER_SCHOOL)
    task = story.task(CONTACT, "2026-11-03")
    assert (task.caused_by, task.warnings) == ((first, second), ())
    story.notice("2026-11-03", source=OTHER_SCHOOL, withdraws=first)
    assert story.task(CONTACT, "2026-11-04").state == "OPEN"
    last = story.notice("2026-11-04", source=OTHER_SCHOOL, withdraws=second)
    task = story.task(CONTACT, "2026-11-05")
    assert (task.state, task.closed_by) == ("CANCELLED", last)


def test_an_end_under_the_new_number_ends_the_enrolment(lists: CodeLists) -> None:
    story = admitted(lists)
    story.notice("2026-10-30")
    completed = story.enrolment("2026-11-03", "COMPLETED", source=OTHER_SCHOOL)
    assert story.task(CONTACT, "2026-11-04").closed_by == completed


def test_a_follow_up_may_name_either_number(lists: CodeLists) -> None:
    for institution in ("280051", "101582"):
        story = admitted(lists)
        notice = story.notice("2026-10-30")
        answer = story.follow_up("2026-11-02", notice_id=notice, institution=institution)
        assert story.task(CONTACT, "2026-11-03").closed_by == answer
        sent = {f.recipient for f in story.at("2026-11-03").forwards if f.message.id == answer}
        assert sent == {OTHER_SCHOOL}


def test_a_mentor_message_may_name_either_number(lists: CodeLists) -> None:
    for institution in ("280051", "101582"):
        for enrolment_id in ("E1", None):
            story = admitted(lists)
            story.status("2026-10-26")
            guided = story.mentor("2026-11-02", "GUIDED", institution=institution, enrolment_id=enrolment_id)
            assert story.task("GUIDE_MENTOR_RIGHT", "2026-11-03").closed_by == guided


def test_one_that_closes_without_a_successor_leaves_its_task_to_the_operator(tmp_path: Path) -> None:
    story = admitted(merged(tmp_path, institutions=[("280051", "2026-10-31", "")]))
    story.contact("2026-10-28", AARHUS)
    assert story.task(ACKNOWLEDGE, EVE).recipient == SCHOOL
    assert story.task(ACKNOWLEDGE, MERGER).recipient is None
    late = story.contact("2026-11-02", AARHUS, enrolment_id="E2")
    assert late in {ref.id for ref in story.at("2026-11-03").unrouted}
