"""`SEND_U009` and `SEND_U007`: what a registration opens, what it warns of, and what an update moves."""

from datetime import date

import pytest
from eu_story import EuStory, registered
from rule_story import AARHUS, instant

from streams.rules.model import MessageRef

TELL, ASK = "SEND_U009", "SEND_U007"


def test_a_registration_is_told_abroad_within_two_working_days_of_registering() -> None:
    task = registered().task(TELL, "2026-03-09")
    # Friday 6 March: Monday 9, Tuesday 10.
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 3, 6), date(2026, 3, 10), "OPEN")
    assert (task.recipient, task.mandatory, task.eu_case_id) == (AARHUS, True, "EU-1")
    assert task.legal_basis == "forordning (EF) nr. 987/2009 art. 55, stk. 4"
    assert (task.caused_by, task.warnings, task.enrolment_id) == (("m01",), (), None)


def test_it_counts_from_the_day_of_registering_and_not_of_the_message() -> None:
    story = EuStory()
    story.registration("2026-03-10", registered_on="2026-03-06", until="2026-06-01")
    task = story.task(TELL, "2026-03-10")
    assert (task.opens_on, task.due_on) == (date(2026, 3, 10), date(2026, 3, 10))
    assert story.task(TELL, "2026-03-10T23:00:00+00:00").state == "OVERDUE"


@pytest.mark.parametrize(
    ("registered_on", "register_by", "late"),
    [
        ("2026-03-09", None, False),
        ("2026-03-10", None, True),
        ("2026-03-20", "2026-03-20", False),
        ("2026-03-21", "2026-03-20", True),
        ("2026-03-05", "2026-03-04", True),
    ],
)
def test_who_registers_in_time_keeps_the_benefit_who_is_late_gets_it_from_then(
    registered_on: str, register_by: str | None, late: bool
) -> None:
    story = EuStory()
    message = story.registration(
        "2026-03-23", registered_on=registered_on, register_by=register_by, until="2026-06-01"
    )
    task = story.task(TELL, "2026-03-23")
    expected = ("REGISTERED_LATE",) if late else ()
    assert task.warnings == expected
    assert story.at("2026-03-23").warnings.get(MessageRef(AARHUS, message), ()) == expected
    counts_from = registered_on if late else "2026-03-02"
    assert f"the benefit counts from {counts_from}" in task.explanation
    assert ("late" in task.explanation) is late
    assert ("in time" in task.explanation) is not late


def test_an_unknown_period_is_assumed_and_said() -> None:
    assert registered(None).task(TELL, "2026-03-09").warnings == ("PERIOD_ASSUMED",)
    assert registered(None, max_days=90).task(TELL, "2026-03-09").warnings == ()


@pytest.mark.parametrize(
    ("country", "legal_basis", "warned"),
    [
        ("UK", "ART_64", True),
        ("UK", "WITHDRAWAL_AGREEMENT", False),
        ("DE", "ART_64", False),
        ("DE", "WITHDRAWAL_AGREEMENT", False),
    ],
)
def test_the_united_kingdom_needs_the_withdrawal_agreement(
    country: str, legal_basis: str, warned: bool
) -> None:
    story = registered(country=country, legal_basis=legal_basis)
    said = ("UK_NEEDS_WITHDRAWAL_AGREEMENT",) if warned else ()
    assert story.task(TELL, "2026-03-09").warnings == said
    assert story.at("2026-03-09").warnings == ({MessageRef(AARHUS, "m01"): said} if warned else {})


def test_sending_the_document_does_it_other_documents_do_not() -> None:
    story = registered()
    story.sent("2026-03-09", "U007")
    story.received("2026-03-09", "U009")
    assert story.task(TELL, "2026-03-09T11:00:00+01:00").state == "OPEN"
    sent = story.sent("2026-03-10", "U009")
    task = story.task(TELL, "2026-03-11")
    assert (task.state, task.closed_by) == ("DONE", sent)


def test_an_unknown_document_is_carried_through_and_changes_no_task() -> None:
    story = registered()
    message = story.sent("2026-03-09", "X999")
    decision = story.at("2026-03-09T11:00:00+01:00")
    assert {task.kind for task in decision.tasks} == {TELL, "REMIND_RETURN", "SEND_U014"}
    assert message not in {forward.message.id for forward in decision.forwards}
    story.event("2026-03-09", "SED_SENT", "X999", source="/municipality/615")
    forwards = {(f.message.id, f.recipient) for f in story.at("2026-03-10").forwards}
    assert ("m03", AARHUS) in forwards


def test_events_that_come_before_their_registration_wait_for_it() -> None:
    story = EuStory()
    sent = story.sent("2026-03-05", "U009")
    assert story.at("2026-03-05").tasks == ()
    assert [ref.id for ref in story.at("2026-03-05").unrouted] == [sent]
    story.registration("2026-03-06", until="2026-06-01")
    task = story.task(TELL, "2026-03-06")
    assert (task.state, task.closed_by, task.recipient) == ("DONE", sent, AARHUS)
    assert story.at("2026-03-06").unrouted == ()


def test_an_update_joins_and_the_latest_wins_while_it_is_unfinished() -> None:
    story = registered(None)
    update = story.registration("2026-03-09", registered_on="2026-03-10", until="2026-06-01")
    task = story.task(TELL, "2026-03-09")
    assert (task.caused_by, task.due_on, task.opens_on) == (
        ("m01", update),
        date(2026, 3, 12),
        date(2026, 3, 6),
    )
    assert task.warnings == ("REGISTERED_LATE",)


def test_an_update_after_it_was_sent_opens_nothing_new() -> None:
    story = registered()
    story.sent("2026-03-09", "U009")
    story.registration("2026-03-20", registered_on="2026-03-20", until="2026-09-01")
    task = story.task(TELL, "2026-03-21")
    assert (task.state, task.caused_by, task.warnings) == ("DONE", ("m01",), ())


def test_without_the_document_it_is_asked_for_in_two_working_days() -> None:
    story = registered(document_presented=False)
    task = story.task(ASK, "2026-03-09")
    assert (task.due_on, task.state, task.mandatory) == (date(2026, 3, 10), "OPEN", True)
    assert task.legal_basis == "forordning (EF) nr. 987/2009 art. 55, stk. 2"
    assert not registered().tasks(ASK, "2026-03-09")


@pytest.mark.parametrize(("event", "sed"), [("SED_SENT", "U007"), ("SED_RECEIVED", "U008")])
def test_asking_does_it_and_so_does_the_document_itself(event: str, sed: str) -> None:
    story = registered(document_presented=False)
    closer = story.event("2026-03-09", event, sed)
    task = story.task(ASK, "2026-03-10")
    assert (task.state, task.closed_by) == ("DONE", closer)


@pytest.mark.parametrize(("event", "sed"), [("SED_RECEIVED", "U007"), ("SED_SENT", "U008")])
def test_the_documents_the_other_way_round_do_not(event: str, sed: str) -> None:
    story = registered(document_presented=False)
    story.event("2026-03-09", event, sed)
    assert story.task(ASK, "2026-03-10").state == "OPEN"


def test_an_update_with_the_document_cancels_and_one_without_it_opens_again() -> None:
    story = registered(document_presented=False)
    presented = story.registration("2026-03-09", registered_on="2026-03-06", until="2026-06-01")
    task = story.task(ASK, "2026-03-09")
    assert (task.state, task.closed_by) == ("CANCELLED", presented)
    story.registration("2026-03-10", registered_on="2026-03-06", document_presented=False)
    again = story.task(ASK, "2026-03-10")
    assert (again.state, again.task_id, again.caused_by) == ("OPEN", task.task_id, ("m01", "m03"))


def test_an_update_that_lacks_the_document_opens_the_question() -> None:
    story = registered()
    update = story.registration("2026-03-16", registered_on="2026-03-06", document_presented=False)
    task = story.task(ASK, "2026-03-16")
    assert (task.opens_on, task.due_on, task.caused_by) == (date(2026, 3, 16), date(2026, 3, 10), (update,))


def test_a_registration_dated_before_the_first_rule_set_opens_nothing_an_update_in_force_does() -> None:
    story = EuStory()
    story.registration("2021-12-31", ceased="2021-12-27", document_presented=False)
    decision = story.at("2022-01-10")
    assert (decision.tasks, decision.warnings) == ((), {})
    story.registration("2022-01-10", registered_on="2021-12-31", ceased="2021-12-27", until="2022-03-26")
    kinds = {task.kind: task.caused_by for task in story.at("2022-01-11").tasks}
    assert kinds == {TELL: ("m02",), "REMIND_RETURN": ("m02",), "SEND_U014": ("m02",)}


def test_a_retracted_registration_takes_its_tasks_along_and_the_events_wait_again() -> None:
    story = registered()
    event = story.event("2026-04-01", "CIRCUMSTANCE")
    story.correction("2026-04-02", source=AARHUS, retracts=(AARHUS, "m01"))
    assert len(story.at("2026-04-02T09:59:59+02:00").tasks) == 5
    after = story.at("2026-04-02")
    assert after.tasks == ()
    assert [ref.id for ref in after.unrouted] == [event]
    assert story.at("2026-04-01").next_change == instant("2026-04-02")


def test_each_case_is_decided_by_itself() -> None:
    story = registered()
    story.case_key, story.eu_case_id = "eu-case-b", "EU-2"
    story.registration("2026-03-06", until="2026-06-01")
    story.sent("2026-03-09", "U009")
    states = {task.eu_case_id: task.state for task in story.tasks(TELL, "2026-03-10")}
    assert states == {"EU-1": "OPEN", "EU-2": "DONE"}


def test_once_the_document_was_asked_for_an_update_without_it_asks_no_more() -> None:
    story = registered(document_presented=False)
    story.sent("2026-03-09", "U007")
    before = story.task(ASK, "2026-03-10")
    story.registration("2026-03-11", document_presented=False)
    assert story.task(ASK, "2026-03-12") == before
