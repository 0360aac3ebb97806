"""`SEND_CONTACT` and `ACKNOWLEDGE_CONTACT`."""

from datetime import date

import pytest
from rule_story import AARHUS, ODENSE, OTHER_SCHOOL, SCHOOL, Story

SEND, ACKNOWLEDGE = "SEND_CONTACT", "ACKNOWLEDGE_CONTACT"


def admitted() -> Story:
    story = Story()
    story.enrolment("2026-06-22", admitted_on="2026-06-22")
    return story


def test_an_admission_asks_the_municipality_for_a_contact_within_five_working_days() -> None:
    task = admitted().task(SEND, "2026-06-23")
    assert (task.recipient, task.due_on, task.state) == (AARHUS, date(2026, 6, 29), "OPEN")
    assert (task.mandatory, task.legal_basis) == (True, "LAB § 30, stk. 7-8")


def test_preparation_asks_for_none_and_a_change_to_it_cancels() -> None:
    story = Story()
    story.enrolment("2026-06-22", qualifies="PREPARATORY")
    assert not story.tasks(SEND, "2026-06-23")
    changed = admitted()
    change = changed.enrolment("2026-06-24", "CHANGED", qualifies="PREPARATORY")
    task = changed.task(SEND, "2026-06-25")
    assert (task.state, task.closed_by) == ("CANCELLED", change)


def test_contact_details_of_any_municipality_for_the_same_enrolment_close_it() -> None:
    story = admitted()
    story.contact("2026-06-23", AARHUS, enrolment_id="E2")
    story.contact("2026-06-23", AARHUS, institution="101582")
    story.contact("2026-06-23", SCHOOL)
    assert story.task(SEND, "2026-06-24").state == "OPEN"
    sent = story.contact("2026-06-24", ODENSE)
    task = story.task(SEND, "2026-06-25")
    assert (task.state, task.closed_by) == ("DONE", sent)


def test_an_order_of_this_education_at_this_institution_closes_it_also_an_earlier_one() -> None:
    story = Story()
    story.order("2026-05-01", code="3018")
    story.order("2026-05-01", institution="101582")
    story.enrolment("2026-06-22")
    assert story.task(SEND, "2026-06-23").state == "OPEN"
    story = Story()
    order = story.order("2026-05-01")
    story.enrolment("2026-06-22")
    task = story.task(SEND, "2026-06-23")
    assert (task.state, task.closed_by) == ("DONE", order)


def test_what_was_sent_before_it_was_asked_for_is_done_on_the_day_of_asking() -> None:
    story = Story(residence=None)
    story.order("2026-05-01")
    story.status("2026-06-01", source=ODENSE)
    story.enrolment("2026-06-22")
    story.status("2026-06-23", source=AARHUS)
    task = story.task(SEND, "2026-06-24")
    assert (task.state, task.recipient) == ("DONE", ODENSE)


@pytest.mark.parametrize("event", ["CANCELLED", "DROPPED_OUT", "COMPLETED"])
def test_the_end_of_the_enrolment_cancels_it(event: str) -> None:
    story = admitted()
    story.enrolment("2026-06-24", event)
    assert story.task(SEND, "2026-06-25").state == "CANCELLED"


def test_a_new_start_asks_anew_and_what_was_sent_before_does_not_count() -> None:
    story = admitted()
    story.contact("2026-06-23", AARHUS)
    story.enrolment("2026-06-24", "DROPPED_OUT")
    story.enrolment("2026-07-01", "STARTED")
    assert [task.state for task in story.tasks(SEND, "2026-07-02")] == ["DONE", "OPEN"]


def test_contact_details_of_a_municipality_are_to_be_acknowledged_by_the_institution() -> None:
    story = admitted()
    sent = story.contact("2026-06-24", AARHUS)
    task = story.task(ACKNOWLEDGE, "2026-06-25")
    assert (task.recipient, task.state, task.due_on) == (SCHOOL, "OPEN", date(2026, 7, 1))
    assert (task.mandatory, task.legal_basis, task.caused_by) == (True, None, (sent,))


def test_contact_details_of_an_institution_ask_nobody_for_an_acknowledgement() -> None:
    story = admitted()
    story.contact("2026-06-24", SCHOOL)
    assert not story.tasks(ACKNOWLEDGE, "2026-06-25")


def test_naming_the_message_acknowledges_it() -> None:
    story = Story()
    sent = story.contact("2026-06-24", AARHUS)
    answer = story.contact("2026-06-25", SCHOOL, enrolment_id="ANOTHER", acknowledges=sent)
    task = story.task(ACKNOWLEDGE, "2026-06-26")
    assert (task.state, task.closed_by) == ("DONE", answer)


def test_the_institutions_own_later_contact_for_the_enrolment_acknowledges_it_an_earlier_does_not() -> None:
    story = Story()
    story.contact("2026-06-23", SCHOOL)
    story.contact("2026-06-24", AARHUS)
    story.contact("2026-06-25", SCHOOL, enrolment_id="E2")
    story.contact("2026-06-25", OTHER_SCHOOL, institution="280051")
    assert story.task(ACKNOWLEDGE, "2026-06-26").state == "OPEN"
    story.contact("2026-06-26", SCHOOL)
    assert story.task(ACKNOWLEDGE, "2026-06-27").state == "DONE"


def test_a_second_message_joins_while_the_first_waits_and_asks_anew_after_that() -> None:
    story = Story()
    first = story.contact("2026-06-24", AARHUS)
    second = story.contact("2026-06-26", AARHUS)
    task = story.task(ACKNOWLEDGE, "2026-06-27")
    assert (task.caused_by, task.due_on) == ((first, second), date(2026, 7, 1))
    story.contact("2026-06-28", SCHOOL)
    third = story.contact("2026-06-29", AARHUS)
    done, waiting = story.tasks(ACKNOWLEDGE, "2026-06-30")
    assert (done.state, waiting.state, waiting.caused_by) == ("DONE", "OPEN", (third,))
