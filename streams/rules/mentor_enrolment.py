"""Which enrolment a mentor message is about, and whether two messages may be about the same one."""

from typing import NamedTuple

from schemas.identifiers import EnrolmentId, InstitutionNumber
from streams.rules.facts import MentorFact
from streams.rules.history import History
from streams.rules.replay import Draft


class About(NamedTuple):
    """What a message says or means; None where it leaves that open."""

    institution: InstitutionNumber | None
    enrolment_id: EnrolmentId | None

    def may_be(self, other: "About") -> bool:
        """Neither names another enrolment: a message that leaves it open may be about any."""
        return _agree(self.institution, other.institution) and _agree(self.enrolment_id, other.enrolment_id)

    def is_same(self, other: "About") -> bool:
        return _agree(self.institution, other.institution) and self.enrolment_id == other.enrolment_id


def about(fact: MentorFact, history: History) -> About:
    """By name, without one the latest qualifying enrolment admitted by then, if any is known yet.

    An id alone that enrolments at two institutions bear may be about either.
    """
    if fact.institution is not None and fact.enrolment_id is not None:
        return About(*history.key_of(fact.institution, fact.enrolment_id, fact.day))
    if fact.enrolment_id is None:
        enrolment = history.enrolment_of(fact)
        return About(*enrolment.key) if enrolment else About(fact.institution, None)
    named = [
        enrolment.key for enrolment in history.enrolments.values() if history.is_named_by(fact, enrolment)
    ]
    return About(*named[0]) if len(named) == 1 else About(None, fact.enrolment_id)


def about_draft(draft: Draft, history: History) -> About:
    """What the message that opened a task is about, with what is known by now."""
    assert isinstance(draft.first, MentorFact)
    return about(draft.first, history)


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other
