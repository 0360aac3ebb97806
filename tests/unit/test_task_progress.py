"""What a sender hears of the tasks that it opened, and of which it hears nothing."""

import pytest

from schemas.identifiers import PartyAddress
from streams.rules import rule_files
from streams.rules.model import TaskState
from streams.task_progress import TOLD, Progress, is_told, progress_of

SCHOOL = PartyAddress("/institution/280051")
AARHUS = PartyAddress("/municipality/751")


def test_every_rule_of_which_a_sender_hears_exists() -> None:
    book = rule_files.shipped()
    assert all(book.rule(rules.id, rule) for rules in book.sets for rule in TOLD)


@pytest.mark.parametrize("rule", ["mentor-guidance", "mentor-assignment", "dropout-follow-up"])
def test_a_school_cannot_read_a_citizens_status_or_another_enrolment_from_a_task(rule: str) -> None:
    assert not is_told(rule, AARHUS, "enrolment", SCHOOL)


def test_a_sender_hears_of_what_its_own_flow_opened_at_somebody_else() -> None:
    assert is_told("dropout-contact", AARHUS, "dropout-risk", SCHOOL)
    assert is_told("dropout-contact", None, "dropout-risk", SCHOOL)
    assert is_told("contact-acknowledgement", SCHOOL, "contact-details", AARHUS)
    assert not is_told("dropout-contact", AARHUS, "enrolment", SCHOOL)
    assert not is_told("eu-registration-notice", AARHUS, "eu-registration", AARHUS)


def test_why_a_task_ended_is_not_told() -> None:
    ended = {progress_of(state) for state in (TaskState.CANCELLED, TaskState.EXPIRED, "WITHDRAWN")}
    assert ended == {Progress.ENDED}
    assert {progress_of(state) for state in (TaskState.PLANNED, TaskState.OPEN)} == {Progress.OPEN}
