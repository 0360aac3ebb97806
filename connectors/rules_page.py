"""`python -m connectors.rules_page` writes docs/rules-in-force.md: rule sets as tables."""

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from streams.rules.rule_files import shipped
from streams.rules.ruleset import Rule, RuleBook, Rules, RuleSet

PAGE: Final = Path(__file__).parents[1] / "docs" / "rules-in-force.md"
_GENERAL: Final = {
    "mentor_right": "Right to a mentor at admission",
    "eu_period": "Period of an EU/EEA registration",
    "conversation_form": "Form of the conversation",
}
_HEAD: Final = """# Rules in force

Written from `streams/rules/sets/` by `python -m connectors.rules_page`; do not edit it here. How each
rule decides stands in [rules.md](rules.md), who must do what in [domain.md](domain.md).
"""


def page(book: RuleBook) -> str:
    """Every rule of every set: kind, duty, legal basis, what it counts with, what ends its task."""
    return "\n".join([_HEAD, *(line for part in _parts(book) for line in part), *_agreements(book)])


def _parts(book: RuleBook) -> Iterator[Iterable[str]]:
    ends: list[RuleSet | None] = [*book.sets[1:], None]
    for rule_set, following in zip(book.sets, ends, strict=True):
        until = f", until the set of {following.valid_from}" if following else ""
        yield (f"## `{rule_set.id}`", "", f"From {rule_set.valid_from}{until}: {rule_set.source}.", "")
        yield _table(
            ("Rule", "Task", "Duty", "Legal basis", "Counts with", "Ends"),
            (_row(getattr(rule_set.rules, name)) for name in Rules.model_fields),
        )
        yield _table(
            ("What several rules read", "Values"),
            (
                (title, _values(getattr(rule_set, name).model_dump(exclude_defaults=True)))
                for name, title in _GENERAL.items()
            ),
        )


def _agreements(book: RuleBook) -> Iterator[str]:
    """What single municipalities agreed: rows that hold in every set, so those of the last one are all."""
    yield from ("## Service targets of single municipalities", "")
    agreed = [target for rule in book.sets[-1].rules.with_target() for target in rule.targets]
    if not agreed:
        yield from ("None: the working days above hold for everyone.", "")
        return
    yield from _table(
        ("Municipality", "Rule", "Working days", "From", "To", "Source"),
        (
            (
                t.municipality,
                f"`{t.rule}`",
                str(t.working_days),
                str(t.valid_from),
                str(t.valid_to or ""),
                t.source,
            )
            for t in sorted(agreed, key=attrgetter("municipality", "rule", "valid_from"))
        ),
    )


def _row(rule: Rule) -> tuple[str, ...]:
    return (
        f"`{rule.id}`",
        f"`{rule.kind}`" if rule.enabled else f"`{rule.kind}` (switched off)",
        "yes" if rule.mandatory else "no",
        rule.legal_basis or "agreement about the exchange",
        _values(rule.parameters),
        rule.closes,
    )


def _values(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {_value(value)}" for name, value in parameters.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key} = {of_key}" for key, of_key in sorted(value.items()))
    return " ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(shipped()), encoding="utf-8")
