"""What has been read of a case so far: the state that every rule sees when it reads the next fact."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, EnrolmentId, InstitutionNumber
from streams.rules.facts import (
    CitizenStatusFact,
    ContactDetailsFact,
    DropoutRiskFact,
    EducationOrderFact,
    EnrolmentFact,
    EuEventFact,
    EuRegistrationFact,
    Fact,
    FollowUpFact,
    MentorFact,
)
from streams.rules.model import MessageRef
from streams.rules.ruleset import RuleBook

ADMISSIONS = ("ADMITTED", "STARTED")
ENDINGS = ("CANCELLED", "DROPPED_OUT", "COMPLETED")

EnrolmentKey = tuple[InstitutionNumber, EnrolmentId]


@dataclass(slots=True)
class Enrolment:
    """An enrolment as its messages so far tell it.

    Each date comes from the latest message that gives it: a message about something else does not make a
    date unknown. An ADMITTED or STARTED after CANCELLED or DROPPED_OUT begins a new `stint`, with dates of
    its own; `ended_before` is the message that ended the one before.
    """

    institution: InstitutionNumber
    enrolment_id: EnrolmentId
    education_code: str
    qualifies: str
    facts: list[EnrolmentFact] = field(default_factory=list)
    stint: int = 0
    admissions: list[EnrolmentFact] = field(default_factory=list)
    """ADMITTED and STARTED of this stint."""
    ended_by: EnrolmentFact | None = None
    ended_before: EnrolmentFact | None = None
    study_start_on: date | None = None
    _admitted_on: date | None = None
    _reopens: EnrolmentFact | None = None

    @property
    def key(self) -> EnrolmentKey:
        return self.institution, self.enrolment_id

    @property
    def admitted_on(self) -> date | None:
        """As reported, else the date of the stint's first ADMITTED or STARTED."""
        if self._admitted_on is None and self.admissions:
            return self.admissions[0].day
        return self._admitted_on

    def read(self, fact: EnrolmentFact) -> None:
        if fact.event in ADMISSIONS:
            if not self.stint or self._reopens:
                self._begin()
            self.admissions.append(fact)
        elif fact.event in ENDINGS:
            self.ended_by = self.ended_by or fact
            if fact.event != "COMPLETED":
                self._reopens = fact
        self.facts.append(fact)
        self.education_code, self.qualifies = fact.education_code, fact.qualifies
        self._admitted_on = fact.admitted_on or self._admitted_on
        self.study_start_on = fact.study_start_on or self.study_start_on

    def _begin(self) -> None:
        if self.stint:
            self._admitted_on = self.study_start_on = None
        self.ended_before = self._reopens if self.stint else None
        self.stint += 1
        self.admissions = []
        self.ended_by = self._reopens = None

    def is_named_by(self, fact: MentorFact | FollowUpFact) -> bool:
        """A message that names no institution matches by the enrolment's id alone."""
        return fact.enrolment_id == self.enrolment_id and fact.institution in (None, self.institution)


@dataclass(slots=True)
class History:
    """The facts of one case that have been read, in the order of reading, by flow."""

    key: CaseKey
    book: RuleBook
    lists: CodeLists
    birth_date: date | None = None
    enrolments: dict[EnrolmentKey, Enrolment] = field(default_factory=dict)
    statuses: list[CitizenStatusFact] = field(default_factory=list)
    contacts: list[ContactDetailsFact] = field(default_factory=list)
    orders: list[EducationOrderFact] = field(default_factory=list)
    mentors: list[MentorFact] = field(default_factory=list)
    follow_ups: list[FollowUpFact] = field(default_factory=list)
    notices: dict[MessageRef, DropoutRiskFact] = field(default_factory=dict)
    withdrawals: dict[MessageRef, DropoutRiskFact] = field(default_factory=dict)
    """By the notice that each withdraws."""
    registrations: list[EuRegistrationFact] = field(default_factory=list)
    eu_events: list[EuEventFact] = field(default_factory=list)

    def read(self, fact: Fact) -> None:
        self.birth_date = fact.birth_date or self.birth_date
        match fact:
            case EnrolmentFact():
                self._enrolment(fact).read(fact)
            case CitizenStatusFact():
                self.statuses.append(fact)
            case ContactDetailsFact():
                self.contacts.append(fact)
            case EducationOrderFact():
                self.orders.append(fact)
            case MentorFact():
                self.mentors.append(fact)
            case FollowUpFact():
                self.follow_ups.append(fact)
            case DropoutRiskFact(event="RAISED"):
                self.notices[fact.ref] = fact
            case DropoutRiskFact() if fact.notice_id:
                self.withdrawals.setdefault(MessageRef(fact.source, fact.notice_id), fact)
            case EuRegistrationFact():
                self.registrations.append(fact)
            case EuEventFact():
                self.eu_events.append(fact)

    def _enrolment(self, fact: EnrolmentFact) -> Enrolment:
        key = InstitutionNumber(fact.sender), fact.enrolment_id
        if key not in self.enrolments:
            self.enrolments[key] = Enrolment(*key, fact.education_code, fact.qualifies)
        return self.enrolments[key]

    def touched_by(self, fact: Fact) -> list[Enrolment]:
        """The enrolment of an enrolment message; every one for a message of another flow."""
        if isinstance(fact, EnrolmentFact):
            return [self._enrolment(fact)]
        return list(self.enrolments.values())

    def is_about(self, fact: MentorFact, enrolment: Enrolment) -> bool:
        """Whether a mentor message is about the enrolment; an id alone may name one at two schools each."""
        if fact.enrolment_id is not None:
            return enrolment.is_named_by(fact)
        return self.enrolment_of(fact) is enrolment

    def enrolment_of(self, fact: MentorFact) -> Enrolment | None:
        """The enrolment that a mentor message is about; None where it is not known.

        The one that it names; without an enrolment id the latest qualifying one (at the institution, if that
        is named) that was admitted by the date of the message.
        """
        if fact.enrolment_id is not None:
            named = [e for e in self.enrolments.values() if e.is_named_by(fact)]
            # Two schools may have chosen the same id.
            return (self._latest_admitted(named, fact) or named[0]) if named else None
        here = [e for e in self.enrolments.values() if fact.institution in (None, e.institution)]
        return self._latest_admitted(here, fact)

    def _latest_admitted(self, enrolments: Sequence[Enrolment], fact: MentorFact) -> Enrolment | None:
        """The latest qualifying one that was admitted by the date of the message."""
        rules = self.book.at(fact.day) or self.book.sets[0]
        latest: tuple[date, Enrolment] | None = None
        for enrolment in enrolments:
            day = enrolment.admitted_on
            if day is None or day > fact.day or enrolment.qualifies not in rules.mentor_right.qualifies:
                continue
            if latest is None or day >= latest[0]:
                latest = day, enrolment
        return latest[1] if latest else None
