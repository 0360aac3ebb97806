"""A citizen's messages told as facts, for tests of the rules.

Days are ISO text and mean 10:00 in Copenhagen; a full timestamp means itself. Each teller returns the id of
its message: `m01`, `m02`, ... in the order of telling.
"""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.facts import (
    CitizenStatusFact,
    ContactDetailsFact,
    CorrectionFact,
    DropoutRiskFact,
    EducationOrderFact,
    EnrolmentFact,
    Fact,
    FollowUpFact,
    MentorFact,
    danish_day,
)
from streams.rules.model import Decision, MessageRef, Task
from streams.rules.rule_files import shipped as shipped_rules

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
SCHOOL = "/institution/280051"
OTHER_SCHOOL = "/institution/101582"
AARHUS = "/municipality/751"
ODENSE = "/municipality/461"


def instant(text: str) -> datetime:
    """`2026-10-02` is its 10:00 in Copenhagen."""
    if "T" in text:
        return datetime.fromisoformat(text).astimezone(UTC)
    return datetime.fromisoformat(f"{text}T10:00:00").replace(tzinfo=COPENHAGEN).astimezone(UTC)


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


class Story:
    """Facts of one citizen (or of several, by `subject`) in the order of telling."""

    def __init__(self, *, born: str | None = "2003-05-14", residence: str | None = "751") -> None:
        self.facts: list[Fact] = []
        self.subject = "citizen-a"
        self.born = day(born)
        self.residence = residence
        self.lists = shipped_lists()

    def _shared(self, source: str, time: str) -> tuple[Any, ...]:
        at = instant(time)
        told = f"m{len(self.facts) + 1:02}"
        return source, told, at, danish_day(at), self.subject, self.subject, self.residence, self.born

    def _tell(self, fact: Fact) -> str:
        self.facts.append(fact)
        return fact.id

    def status(
        self,
        time: str,
        *,
        source: str = AARHUS,
        responsible: bool = True,
        readiness: str | None = "EDUCATION_READY",
        vocational: bool | None = False,
        exempt: bool | None = None,
        contact_persons: tuple[str, ...] = (),
        valid_from: str | None = None,
    ) -> str:
        shared = self._shared(source, time)
        starts = day(valid_from) or shared[3]
        return self._tell(
            CitizenStatusFact(*shared, responsible, readiness, vocational, exempt, contact_persons, starts)
        )

    def enrolment(
        self,
        time: str,
        event: str = "ADMITTED",
        *,
        source: str = SCHOOL,
        enrolment_id: str = "E1",
        code: str = "3017",
        qualifies: str = "VOCATIONAL",
        admitted_on: str | None = None,
        study_start_on: str | None = None,
    ) -> str:
        shared = self._shared(source, time)
        return self._tell(
            EnrolmentFact(
                *shared, enrolment_id, event, code, qualifies, day(admitted_on), day(study_start_on)
            )
        )

    def notice(
        self,
        time: str,
        *,
        source: str = SCHOOL,
        enrolment_id: str = "E1",
        study_start_on: str | None = None,
        withdraws: str | None = None,
    ) -> str:
        event = "WITHDRAWN" if withdraws else "RAISED"
        shared = self._shared(source, time)
        return self._tell(DropoutRiskFact(*shared, enrolment_id, event, day(study_start_on), withdraws))

    def contact(
        self,
        time: str,
        source: str,
        *,
        institution: str = "280051",
        enrolment_id: str = "E1",
        acknowledges: str | None = None,
    ) -> str:
        return self._tell(
            ContactDetailsFact(*self._shared(source, time), enrolment_id, institution, acknowledges)
        )

    def order(self, time: str, *, institution: str = "280051", code: str = "3017") -> str:
        return self._tell(EducationOrderFact(*self._shared(AARHUS, time), institution, code))

    def mentor(
        self,
        time: str,
        event: str,
        *,
        source: str = AARHUS,
        enrolment_id: str | None = None,
        institution: str | None = None,
        on: str | None = None,
        used_from: str | None = None,
        planned_end: str | None = None,
        in_min_plan: bool = False,
    ) -> str:
        shared = self._shared(source, time)
        return self._tell(
            MentorFact(
                *shared,
                enrolment_id,
                institution,
                event,
                day(on) or shared[3],
                day(used_from),
                day(planned_end),
                in_min_plan,
            )
        )

    def follow_up(
        self,
        time: str,
        event: str = "CONTACTED",
        *,
        source: str = AARHUS,
        on: str | None = None,
        enrolment_id: str | None = None,
        institution: str | None = None,
        notice_id: str | None = None,
    ) -> str:
        shared = self._shared(source, time)
        return self._tell(
            FollowUpFact(*shared, enrolment_id, institution, notice_id, event, day(on) or shared[3])
        )

    def correction(
        self,
        time: str,
        *,
        source: str = "/gateway",
        retracts: tuple[str, str] | None = None,
        assigned: str | None = None,
        municipality: str | None = None,
        merged: tuple[str, str] | None = None,
    ) -> str:
        """`retracts` is (source, id)."""
        at = instant(time)
        told = f"m{len(self.facts) + 1:02}"
        nobody = (None, None, None, None)
        ref = MessageRef(*retracts) if retracts else None
        return self._tell(
            CorrectionFact(source, told, at, danish_day(at), *nobody, ref, assigned, municipality, merged)
        )

    def at(self, as_of: str, rules: str | None = None) -> Decision:
        book = shipped_rules().only(rules) if rules else shipped_rules()
        return decide(self.facts, book, self.lists, instant(as_of))

    def task(self, kind: str, as_of: str) -> Task:
        """The only task of this kind."""
        (task,) = self.tasks(kind, as_of)
        return task

    def tasks(self, kind: str, as_of: str) -> list[Task]:
        return [task for task in self.at(as_of).tasks if task.kind == kind]
