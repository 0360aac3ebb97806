"""`SEND_U010` and `GIVE_PD_U3`: told abroad and to the person within two working days."""

from datetime import date

import pytest
from eu_story import EuStory, registered
from rule_story import AARHUS

TELL, GIVE = "SEND_U010", "GIVE_PD_U3"
BOTH = ((TELL, "U010"), (GIVE, "PD_U3"))


@pytest.mark.parametrize("event", ["CIRCUMSTANCE", "TOOK_WORK", "DEREGISTERED"])
@pytest.mark.parametrize(("kind", "sed"), BOTH)
def test_what_may_affect_the_benefit_is_told_in_two_working_days(event: str, kind: str, sed: str) -> None:
    story = registered()
    message = story.event("2026-04-01", event)
    task = story.task(kind, "2026-04-01")
    # Maundy Thursday, Good Friday and Easter Monday lie between: Tuesday 7 and Wednesday 8 April.
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 4, 1), date(2026, 4, 8), "OPEN")
    assert (task.recipient, task.mandatory, task.caused_by) == (AARHUS, True, (message,))
    assert task.legal_basis == "forordning (EF) nr. 987/2009 art. 55, stk. 4"
    sent = story.sent("2026-04-02", sed)
    done = story.task(kind, "2026-04-03")
    assert (done.state, done.closed_by) == ("DONE", sent)


@pytest.mark.parametrize("event", ["RETURNED", "DIED"])
def test_who_returns_or_dies_is_not_told_of_this_way(event: str) -> None:
    story = registered()
    story.event("2026-04-01", event)
    assert not story.tasks(TELL, "2026-04-02")
    assert not story.tasks(GIVE, "2026-04-02")


@pytest.mark.parametrize("event", ["CIRCUMSTANCE", "TOOK_WORK", "DEREGISTERED"])
@pytest.mark.parametrize(
    ("on", "opens"), [("2026-05-31", True), ("2026-06-01", False), ("2026-06-02", False)]
)
def test_only_what_happened_before_the_end_is_told(event: str, on: str, opens: bool) -> None:
    story = registered()
    story.event("2026-06-03", event, on=on)
    assert bool(story.tasks(TELL, "2026-06-04")) is opens
    assert bool(story.tasks(GIVE, "2026-06-04")) is opens


def test_each_document_closes_its_own_task_and_not_one_sent_before() -> None:
    story = registered()
    story.sent("2026-03-31", "U010")
    story.event("2026-04-01", "CIRCUMSTANCE")
    assert story.task(TELL, "2026-04-02").state == "OPEN"
    story.sent("2026-04-02", "U010")
    assert story.task(TELL, "2026-04-03").state == "DONE"
    assert story.task(GIVE, "2026-04-03").state == "OPEN"


def test_a_further_circumstance_joins_until_it_was_told_and_changes_nothing_after_that() -> None:
    story = registered()
    first = story.event("2026-04-01", "CIRCUMSTANCE")
    second = story.event("2026-04-07", "CIRCUMSTANCE")
    joined = story.task(TELL, "2026-04-07")
    assert (joined.caused_by, joined.due_on) == ((first, second), date(2026, 4, 8))
    sent = story.sent("2026-04-08", "U010")
    third = story.event("2026-04-09", "CIRCUMSTANCE")
    # One task of each kind a case: only the one that is unfinished still grows.
    told, given = story.task(TELL, "2026-04-10"), story.task(GIVE, "2026-04-10")
    assert (told.state, told.closed_by, told.caused_by) == ("DONE", sent, (first, second))
    assert (given.state, given.caused_by, given.due_on) == (
        "OVERDUE",
        (first, second, third),
        date(2026, 4, 8),
    )


def test_what_waited_for_the_registration_is_read_in_its_own_order() -> None:
    story = EuStory()
    first = story.event("2026-03-03", "CIRCUMSTANCE")
    second = story.event("2026-03-04", "CIRCUMSTANCE")
    sent = story.sent("2026-03-05", "U010")
    third = story.event("2026-03-06", "CIRCUMSTANCE")
    story.registration("2026-03-09", until="2026-06-01")
    told, given = story.task(TELL, "2026-03-09"), story.task(GIVE, "2026-03-09")
    assert (told.state, told.caused_by, told.closed_by) == ("DONE", (first, second), sent)
    assert (given.state, given.caused_by, given.due_on) == (
        "OVERDUE",
        (first, second, third),
        date(2026, 3, 5),
    )


def test_a_circumstance_that_matters_opens_a_cancelled_task_again_and_counts_anew() -> None:
    story = registered()
    first = story.event("2026-05-20", "CIRCUMSTANCE")
    story.registration("2026-05-21", registered_on="2026-03-06", until="2026-05-15")
    # Sent while nothing was to be told: it tells nothing of what comes later.
    story.sent("2026-05-22", "U010")
    second = story.event("2026-05-26", "CIRCUMSTANCE", on="2026-05-12")
    task = story.task(TELL, "2026-05-26")
    assert (task.state, task.caused_by) == ("OPEN", (first, second))
    assert (task.opens_on, task.due_on) == (date(2026, 5, 26), date(2026, 5, 28))
    sent = story.sent("2026-05-27", "U010")
    assert story.task(TELL, "2026-05-27").closed_by == sent


def test_after_the_first_ending_event_later_ones_change_nothing() -> None:
    story = registered()
    story.event("2026-04-10", "RETURNED")
    story.event("2026-04-13", "TOOK_WORK", on="2026-04-09")
    story.event("2026-04-14", "CIRCUMSTANCE", on="2026-04-10")
    assert not story.tasks(TELL, "2026-04-15")
    earlier = story.event("2026-04-15", "CIRCUMSTANCE", on="2026-04-09")
    assert story.task(TELL, "2026-04-16").caused_by == (earlier,)


def test_an_end_that_turns_out_to_be_earlier_cancels_and_a_later_one_opens_again() -> None:
    story = registered()
    story.event("2026-05-20", "CIRCUMSTANCE")
    shorter = story.registration("2026-05-21", registered_on="2026-03-06", until="2026-05-15")
    task = story.task(TELL, "2026-05-21")
    assert (task.state, task.closed_by) == ("CANCELLED", shorter)
    story.registration("2026-05-22", registered_on="2026-03-06", until="2026-06-15")
    again = story.task(TELL, "2026-05-22")
    assert (again.state, again.task_id, again.closed_by) == ("OPEN", task.task_id, None)


def test_an_extension_makes_an_event_after_the_old_end_matter() -> None:
    story = registered()
    late = story.event("2026-06-10", "CIRCUMSTANCE")
    assert not story.tasks(TELL, "2026-06-11")
    story.registration("2026-06-12", registered_on="2026-03-06", until="2026-09-01")
    task = story.task(TELL, "2026-06-12")
    assert (task.caused_by, task.opens_on, task.due_on) == ((late,), date(2026, 6, 10), date(2026, 6, 12))
