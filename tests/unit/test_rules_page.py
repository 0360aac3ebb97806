"""docs/rules-in-force.md is what the rule sets say today."""

from datetime import date
from pathlib import Path

from connectors.rules_page import PAGE, page
from streams.rules.rule_files import read_rule_book, shipped
from streams.rules.ruleset import RuleBook, Rules

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "rules" / "no-mentor-right"


def rows(book: RuleBook, rule: str) -> list[list[str]]:
    """The cells of the rows of a rule, one a set."""
    return [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page(book).splitlines()
        if line.startswith(f"| `{rule}` ")
    ]


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(shipped()), "run: python -m connectors.rules_page"


def test_every_rule_of_every_set_has_one_row_with_kind_duty_basis_and_parameters() -> None:
    assert rows(shipped(), "dropout-contact") == [
        [
            "`dropout-contact`",
            "`CONTACT_YOUNG_PERSON`",
            "yes",
            "LAB § 30, stk. 9",
            "working days: 5, service target: yes, window months: 6",
            rule_set.rules.dropout_contact.closes,
        ]
        for rule_set in shipped().sets
    ]
    for field in Rules.model_fields.values():
        assert len(rows(shipped(), str(field.alias))) == len(shipped().sets)


def test_a_set_tells_until_when_it_holds() -> None:
    told = page(shipped())
    assert "From 2022-01-01, until the set of 2025-07-01: " in told
    assert "From 2025-07-01: " in told
    reform = read_rule_book(EXAMPLE).holding_from(date(2026, 1, 1))
    assert "From 2026-01-01: an example" in page(reform)


def test_a_rule_or_right_that_is_switched_off_is_told_as_such() -> None:
    reform = read_rule_book(EXAMPLE)
    assert rows(reform, "mentor-guidance")[0][1] == "`GUIDE_MENTOR_RIGHT` (switched off)"
    assert rows(reform, "contact-exchange")[0][1] == "`SEND_CONTACT`"
    assert "| Right to a mentor at admission | enabled: no, age below: 30" in page(reform)
