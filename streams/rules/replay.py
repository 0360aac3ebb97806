"""Tasks in the making: each rule keeps a desk of drafts while the facts of a case are read in order.

A draft that is DONE or EXPIRED stays so. CANCELLED by a message stays too (`cancel`); a ground that fell
away (`fall`) may come to hold again, and then the same task is open again (`hold`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from schemas.identifiers import EnrolmentId, EuCaseId, InstitutionNumber
from streams.rules.facts import Fact
from streams.rules.model import MessageRef, TaskState
from streams.rules.ruleset import Rule, RuleSet

_ONE_DAY = timedelta(days=1)


@dataclass(slots=True, eq=False)
class Draft:
    """A task before it is known who gets it and what the day is.

    `rule` and `rule_set`: in force on the date of the opening message. `anchor` names the task within its
    family and case. `group` is what a further opening message must share to join it. `explain` gives one
    sentence; it is called once, when everything has been read. `due_on` None: the rule's working days after
    `counts_from`. After `expires_on` it is EXPIRED unless finished before. `institution`: it gets the task,
    or who acts for it, whoever is responsible.
    """

    rule: Rule
    rule_set: RuleSet
    anchor: str
    caused_by: list[Fact]
    opens_on: date
    counts_from: date
    due_on: date | None = None
    group: object = None
    expires_on: date | None = None
    warnings: tuple[str, ...] = ()
    explain: Callable[[], str] = str
    enrolment_id: EnrolmentId | None = None
    eu_case_id: EuCaseId | None = None
    institution: InstitutionNumber | None = None
    outcome: TaskState | None = None
    closed_by: Fact | None = None
    closed_on: date | None = None
    final: bool = False

    @property
    def first(self) -> Fact:
        return self.caused_by[0]

    @property
    def unfinished(self) -> bool:
        return self.outcome is None

    def join(self, fact: Fact) -> None:
        if fact not in self.caused_by:
            self.caused_by.append(fact)

    def done(self, fact: Fact) -> None:
        self._close(TaskState.DONE, fact, final=True)

    def cancel(self, fact: Fact) -> None:
        self._close(TaskState.CANCELLED, fact, final=True)

    def fall(self, fact: Fact) -> None:
        """The ground fell away with this fact; where it had fallen before, nothing changes."""
        if self.outcome is None:
            self._close(TaskState.CANCELLED, fact, final=False)

    def hold(self) -> None:
        """The ground holds (again)."""
        self.outcome = self.closed_by = self.closed_on = None
        self.final = False

    def expire_before(self, day: date) -> None:
        """Settle what ran out before the day that is about to be read."""
        if self.outcome is None and self.expires_on is not None and self.expires_on < day:
            self.outcome, self.closed_on, self.final = TaskState.EXPIRED, self.expires_on + _ONE_DAY, True

    def _close(self, outcome: TaskState, fact: Fact, *, final: bool) -> None:
        # What was done before it was asked for is done on the day of asking.
        self.closed_on = max(fact.day, self.first.day)
        self.outcome, self.closed_by, self.final = outcome, fact, final


@dataclass(slots=True)
class Desk:
    """The drafts of one rule function, by anchor, in the order of their opening.

    `warnings` collects what the rule has to say about a message itself.
    """

    drafts: dict[str, Draft] = field(default_factory=dict)
    warnings: dict[MessageRef, tuple[str, ...]] = field(default_factory=dict)

    def open(self, rule: Rule, rule_set: RuleSet, anchor: str, fact: Fact) -> Draft:
        """A new draft that opens and counts from the date of the fact."""
        draft = Draft(rule, rule_set, anchor, [fact], opens_on=fact.day, counts_from=fact.day)
        self.drafts[anchor] = draft
        return draft

    def open_in(self, group: object) -> Draft | None:
        """The unfinished draft that a further opening message of the group joins."""
        return next((d for d in self.drafts.values() if d.unfinished and d.group == group), None)

    def unsettled(self) -> Iterator[Draft]:
        """Drafts that the next fact may still change."""
        return (draft for draft in tuple(self.drafts.values()) if not draft.final)


def message_anchor(fact: Fact) -> str:
    """Anchor of a task that is opened by a message of its own."""
    return f"{fact.source} {fact.id}"


def enrolment_anchor(institution: str, enrolment_id: str, opening: int) -> str:
    """Anchor of an enrolment's task: its n-th opening, whichever message opened it."""
    return f"{institution} {enrolment_id} #{opening}"
