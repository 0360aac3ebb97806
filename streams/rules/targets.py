"""Service targets that a municipality agreed for itself: dated rows beside the rule sets, `targets.csv`.

A rule set says how many working days a task has where that is a promise of the gateway and not law
(`service_target = true`). A row here says another number for the tasks of one municipality that count from a
day in its span. Columns: municipality, rule, working_days, valid_from, valid_to (last day, may be empty),
source (where it was agreed).
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from io import StringIO
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from schemas.code_lists import shipped as shipped_lists

FILE: Final = "targets.csv"


class TargetFault(ValueError):
    """A row that cannot be used; the text names line, column and mend."""


class Target(BaseModel):
    """One row. `valid_to` is its last day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    municipality: Annotated[str, Field(pattern="^[0-9]{3}$")]
    rule: str
    working_days: Annotated[int, Field(ge=1, le=3_660)]
    valid_from: date
    valid_to: date | None = None
    source: Annotated[str, Field(min_length=1)]

    @field_validator("valid_to", mode="before")
    @classmethod
    def _may_be_empty(cls, given: object) -> object:
        return given or None

    def holds(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def read_targets(text: str, rules: Collection[str]) -> Mapping[str, tuple[Target, ...]]:
    """The rows by rule; `rules` are those whose days are a service target. Raises TargetFault."""
    found: dict[str, list[Target]] = defaultdict(list)
    for line, target in _rows(text):
        if target.rule not in rules:
            known = ", ".join(sorted(rules))
            raise TargetFault(f"line {line}: rule: is none with a service target; write one of {known}")
        if not shipped_lists().is_municipality(target.municipality, target.valid_from):
            raise TargetFault(f"line {line}: municipality: is no municipality then; write its code")
        if target.valid_to is not None and target.valid_to < target.valid_from:
            raise TargetFault(f"line {line}: valid_to: is before valid_from; write its last day")
        if any(_overlap(target, other) for other in found[target.rule]):
            raise TargetFault(f"line {line}: valid_from: lies in the span of a row above; end that one first")
        found[target.rule].append(target)
    return {rule: tuple(targets) for rule, targets in found.items()}


def _rows(text: str) -> Iterator[tuple[int, Target]]:
    reader = csv.DictReader(StringIO(text), strict=True)
    wanted = list(Target.model_fields)
    if reader.fieldnames != wanted:
        raise TargetFault(f"line 1: columns: are not {','.join(wanted)}; write exactly these")
    try:
        for row in reader:
            if None in row or None in row.values():
                count = len(wanted)
                raise TargetFault(f"line {reader.line_num}: columns: are not {count}; write each, if empty")
            yield reader.line_num, Target.model_validate(row)
    except ValidationError as fault:
        first = fault.errors()[0]
        raise TargetFault(
            f"line {reader.line_num}: {first['loc'][0]}: {first['msg']}; mend this field"
        ) from None
    except csv.Error:
        raise TargetFault(f"line {reader.line_num + 1}: quotes: do not close; mend the line") from None


def _overlap(one: Target, other: Target) -> bool:
    first, second = sorted((one, other), key=lambda target: target.valid_from)
    same = first.municipality == second.municipality
    return same and (first.valid_to is None or second.valid_from <= first.valid_to)
