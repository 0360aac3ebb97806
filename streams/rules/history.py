"""What has been read of a case so far: the state that every rule sees when it reads the next fact."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from schemas.code_lists import CodeLists
from schemas.identifiers import CaseKey, EnrolmentId, InstitutionNumber, MessageId
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
    _told: list[EnrolmentKey] = field(default_factory=list)
    """Enrolments in the order of being named; only where institutions may be renumbered."""

    def read(self, fact: Fact) -> None:
        self.birth_date = fact.birth_date or self.birth_date
        if self.lists.institutions:
            self._note_enrolment(fact)
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
                self.withdrawals.setdefault(self._withdrawn_by(fact, fact.notice_id), fact)
            case EuRegistrationFact():
                self.registrations.append(fact)
            case EuEventFact():
                self.eu_events.append(fact)

    def _enrolment(self, fact: EnrolmentFact) -> Enrolment:
        key = self.key_of(fact.sender, fact.enrolment_id, fact.day)
        if key not in self.enrolments:
            self.enrolments[key] = Enrolment(*key, fact.education_code, fact.qualifies)
        return self.enrolments[key]

    def key_of(self, institution: str, enrolment_id: EnrolmentId, on: date) -> EnrolmentKey:
        """The enrolment that is meant on the day: a successor's number stands for its predecessor's.

        It keeps the number under which it was first told.
        """
        key = InstitutionNumber(institution), enrolment_id
        if not self._told or key in self._told:
            return key
        older = (known for known in self._told if known[1] == enrolment_id)
        return next((known for known in older if self.is_at(institution, known[0], on)), key)

    def is_at(self, named: str | None, institution: str, on: date) -> bool:
        """Whether a message of that day that names an institution, or none, may be about this one."""
        return named in (None, institution) or self.lists.is_one_institution(named, institution, on)

    def is_named_by(self, fact: MentorFact | FollowUpFact, enrolment: Enrolment) -> bool:
        """A message that names no institution matches by the enrolment's id alone."""
        if fact.enrolment_id != enrolment.enrolment_id:
            return False
        if fact.institution in (None, enrolment.institution):
            return True
        return self.key_of(fact.institution, fact.enrolment_id, fact.day) == enrolment.key

    def _note_enrolment(self, fact: Fact) -> None:
        match fact:
            case EnrolmentFact() | DropoutRiskFact():
                number: str | None = fact.sender
            case ContactDetailsFact() | MentorFact() | FollowUpFact():
                number = fact.institution
            case _:
                return
        if number is None or fact.enrolment_id is None:
            return
        key = self.key_of(number, fact.enrolment_id, fact.day)
        if key not in self._told:
            self._told.append(key)

    def _withdrawn_by(self, fact: DropoutRiskFact, notice_id: MessageId) -> MessageRef:
        """The notice that the message names: the sender's own, else one of its predecessor's."""
        own = MessageRef(fact.source, notice_id)
        if own in self.notices or not self.lists.institutions:
            return own
        older = (notice for notice in self.notices.values() if notice.id == notice_id)
        return next((n.ref for n in older if self.is_at(fact.sender, n.sender, fact.day)), own)

    def touched_by(self, fact: Fact) -> list[Enrolment]:
        """The enrolment of an enrolment message; every one for a message of another flow."""
        if isinstance(fact, EnrolmentFact):
            return [self._enrolment(fact)]
        return list(self.enrolments.values())

    def is_about(self, fact: MentorFact, enrolment: Enrolment) -> bool:
        """Whether a mentor message is about the enrolment; an id alone may name one at two schools each."""
        if fact.enrolment_id is not None:
            return self.is_named_by(fact, enrolment)
        return self.enrolment_of(fact) is enrolment

    def enrolment_of(self, fact: MentorFact) -> Enrolment | None:
        """The enrolment that a mentor message is about; None where it is not known.

        The one that it names; without an enrolment id the latest qualifying one (at the institution, if that
        is named) that was admitted by the date of the message.
        """
        if fact.enrolment_id is not None:
            named = [e for e in self.enrolments.values() if self.is_named_by(fact, e)]
            # Two schools may have chosen the same id.
            return (self._latest_admitted(named, fact) or named[0]) if named else None
        here = [e for e in self.enrolments.values() if self.is_at(fact.institution, e.institution, fact.day)]
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
