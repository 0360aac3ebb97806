"""Dated rule sets: which rules there are, on what legal basis, and with which parameters (`sets/*.toml`).

A lawyer changes a deadline or a citation in a TOML file, never in a function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.problems import OvergangError
from streams.rules.targets import FILE, Target

Count = Annotated[int, Field(ge=0, le=3_660)]
Closes = Annotated[str, Field(pattern=r"^Done by .+\.$", max_length=400)]


class RuleSetError(OvergangError):
    """A rule set cannot be used; the text names file, line, field and mend."""


class _Dated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rule(_Dated):
    """One rule: what kind of task it opens, whether the law demands it, and where that stands.

    Rules of one `family` make the same task (its id stays when the kind changes). `legal_basis` is a Danish
    citation; None where the task follows from the agreement about the exchange, not from a paragraph.
    `closes` tells a caseworker which messages finish the task and what cancels it. A rule that is not
    `enabled` gives no task; what it says about a message itself stays.
    """

    id: str
    enabled: bool = True
    kind: Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]+$")]
    family: str
    closes: Closes
    mandatory: bool
    legal_basis: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the rule counts with, by name: working days, months, and whether that is a service target."""
        return self.model_dump(exclude={*Rule.model_fields, "targets"})


class WorkingDaysRule(Rule):
    """Due a number of working days after the message that opened the task, or another date of the case.

    `service_target`: the number is the gateway's promise and not law; then `targets` (of `targets.csv`, never
    from TOML) may hold another number for a municipality.
    """

    working_days: Count
    service_target: bool
    targets: tuple[Target, ...] = ()

    @field_validator("targets", mode="before")
    @classmethod
    def _not_in_toml(cls, _: object) -> tuple[Target, ...]:
        raise ValueError(f"stands in {FILE} beside this file; move it there")

    def target_of(self, municipality: str | None, day: date) -> Target | None:
        """The municipality's own target on the day that a task counts from; None where it has none."""
        return next((t for t in self.targets if t.municipality == municipality and t.holds(day)), None)


class DropoutContactRule(WorkingDaysRule):
    window_months: Count
    """The duty holds for notices up to this long after study start."""


class DropoutReviewRule(WorkingDaysRule):
    expires_after_months: Count


class MentorAssignmentRule(WorkingDaysRule):
    window_months: Count
    """The right is asked for within this time of admission."""


class MentorReviewRule(Rule):
    period_months: Count
    """Longest period, and the one assumed where no planned end is given."""
    opens_days_before: Count


class EuMonthlyRule(WorkingDaysRule):
    longest_months: Count
    """So many months at most are asked for at once, whatever end a registration gives."""


class EuReturnRule(Rule):
    opens_days_before: Count


class MentorRightRule(_Dated):
    """Where it is not `enabled`, nobody has the right: whoever asks for a mentor is assessed."""

    enabled: bool = True
    age_below: Count
    qualifies: frozenset[str]
    readiness: frozenset[str]

    @field_validator("qualifies", "readiness", mode="before")
    @classmethod
    def _as_set(cls, given: Any) -> Any:
        return frozenset(given) if isinstance(given, list) else given


class EuPeriodRule(_Dated):
    register_within_days: Count
    assumed_months: Count


class ConversationFormRule(_Dated):
    choice_after_months: Count
    forbidden_forms: frozenset[str]

    @field_validator("forbidden_forms", mode="before")
    @classmethod
    def _as_set(cls, given: Any) -> Any:
        return frozenset(given) if isinstance(given, list) else given


class Rules(_Dated):
    """The rules by id (`mentor-guidance` is `mentor_guidance` here)."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    mentor_guidance: WorkingDaysRule
    contact_exchange: WorkingDaysRule
    contact_acknowledgement: WorkingDaysRule
    dropout_contact: DropoutContactRule
    dropout_review: DropoutReviewRule
    dropout_follow_up: WorkingDaysRule
    mentor_assignment: MentorAssignmentRule
    mentor_assessment: WorkingDaysRule
    mentor_plan: WorkingDaysRule
    mentor_review: MentorReviewRule
    eu_registration_notice: WorkingDaysRule
    eu_document_request: WorkingDaysRule
    eu_circumstance: WorkingDaysRule
    eu_person_notice: WorkingDaysRule
    eu_monthly: EuMonthlyRule
    eu_return: EuReturnRule
    eu_final: WorkingDaysRule

    def with_target(self) -> list[WorkingDaysRule]:
        """Those whose working days are a service target."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return [rule for rule in found if isinstance(rule, WorkingDaysRule) and rule.service_target]

    def with_targets(self, targets: Mapping[str, tuple[Target, ...]]) -> "Rules":
        """These rules with what municipalities agreed, by rule."""
        changed = {
            rule.id.replace("-", "_"): rule.model_copy(update={"targets": targets[rule.id]})
            for rule in self.with_target()
            if rule.id in targets
        }
        return self.model_copy(update=changed)

    def find(self, rule_id: str) -> Rule | None:
        """The rule of this id; None where there is none."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return next((rule for rule in found if rule.id == rule_id), None)


class RuleSet(_Dated):
    """The rules in force from a day on, until the next set."""

    id: str
    valid_from: date
    source: str
    rules: Rules
    mentor_right: MentorRightRule
    eu_period: EuPeriodRule
    conversation_form: ConversationFormRule


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rule sets in the order of their first day. `digest` (SHA-256, hex) changes with any rule."""

    sets: tuple[RuleSet, ...]
    digest: str

    def at(self, day: date) -> RuleSet | None:
        """The set in force on a day; None before the first."""
        for rule_set in reversed(self.sets):
            if rule_set.valid_from <= day:
                return rule_set
        return None

    def rule(self, rule_set_id: str, rule_id: str) -> Rule | None:
        """A rule of a set, both by their ids; None where this book does not have it."""
        known = {rule_set.id: rule_set for rule_set in self.sets}
        return known[rule_set_id].rules.find(rule_id) if rule_set_id in known else None

    def kinds(self) -> frozenset[str]:
        """The kinds of task that any of the sets can open."""
        return frozenset(
            getattr(rule_set.rules, name).kind
            for rule_set in self.sets
            for name in type(rule_set.rules).model_fields
        )

    def only(self, rule_set_id: str) -> "RuleBook":
        """A book that judges every message by one set, from the first day that any set was in force.

        Raises RuleSetError where there is no such set.
        """
        for rule_set in self.sets:
            if rule_set.id == rule_set_id:
                digest = sha256(f"{self.digest} only {rule_set_id}".encode()).hexdigest()
                return RuleBook((rule_set,), digest).holding_from(self.sets[0].valid_from)
        known = ", ".join(rule_set.id for rule_set in self.sets)
        raise RuleSetError(f"rules: there is no rule set {rule_set_id!r}; choose one of {known}")

    def holding_from(self, day: date) -> "RuleBook":
        """This book with its first set in force from `day` on already: a reform tried on what lies behind."""
        first, *others = self.sets
        earlier = first.model_copy(update={"valid_from": min(day, first.valid_from)})
        return RuleBook((earlier, *others), sha256(f"{self.digest} from {day}".encode()).hexdigest())
