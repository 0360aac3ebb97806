"""Rule sets are data: dated, checked when loaded, and found by the day of a message."""

import json
import re
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from rule_story import Story, instant

from schemas.code_lists import shipped as shipped_lists
from schemas.flows import FLOWS
from streams.rules.decide import decide
from streams.rules.rule_files import read_rule_book, shipped
from streams.rules.ruleset import RuleBook, Rules, RuleSet, RuleSetError

SHIPPED = files("streams.rules") / "sets"
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "rules" / "no-mentor-right"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2021, 12, 31), None),
        (date(2022, 1, 1), "2022-01-01"),
        (date(2025, 6, 30), "2022-01-01"),
        (date(2025, 7, 1), "2025-07-01"),
        (date(2040, 1, 1), "2025-07-01"),
    ],
)
def test_the_set_in_force_on_a_day(day: date, expected: str | None) -> None:
    found = shipped().at(day)
    assert (found.id if found else None) == expected


def test_one_set_alone_holds_from_the_first_day_of_all_and_has_another_digest() -> None:
    only = shipped().only("2025-07-01")
    assert only.at(date(2021, 12, 31)) is None
    first = only.at(date(2022, 1, 1))
    assert first is not None
    assert first.id == "2025-07-01"
    assert only.digest != shipped().digest


def test_an_unknown_set_is_refused_with_those_there_are() -> None:
    with pytest.raises(RuleSetError, match="2022-01-01, 2025-07-01"):
        shipped().only("2024-01-01")


@pytest.mark.parametrize("rule_set", shipped().sets, ids=lambda rule_set: rule_set.id)
def test_what_closes_a_task_is_told_in_the_words_of_the_contracts(rule_set: RuleSet) -> None:
    contracts = "".join(json.dumps(contract.model.model_json_schema()) for contract in FLOWS.values())
    for rule in (getattr(rule_set.rules, name) for name in Rules.model_fields):
        words = set(re.findall(r"[a-z-]+", rule.closes))
        assert words & FLOWS.keys(), rule.id
        events = [w for w in re.findall(r"\b[A-Z_]{3,}\b", rule.closes) if f'"{w}"' not in contracts]
        assert events == [], rule.id


def test_a_rule_is_found_by_its_set_and_its_id_with_what_it_counts_with() -> None:
    found = shipped().rule("2022-01-01", "dropout-review")
    assert found is not None
    assert found.kind == "REVIEW_DROPOUT_NOTICE"
    assert found.parameters == {"working_days": 10, "service_target": True, "expires_after_months": 3}
    assert shipped().rule("2022-01-01", "dropout-revue") is None
    assert shipped().rule("2022-01-02", "dropout-review") is None


def book_with(directory: Path, old: str, new: str) -> RuleBook:
    text = (SHIPPED / "2022-01-01.toml").read_text(encoding="utf-8")
    assert old in text
    (directory / "2022-01-01.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return read_rule_book(directory)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("age_below = 30", 'age_below = "thirty"', "mentor-?_?right.age_below"),
        ("age_below = 30", "", "mentor_right.age_below"),
        ("window_months = 6", "window_month = 6", "rules.dropout-contact.window"),
        ("working_days = 10", "working_days = -1", "rules.mentor-guidance.working_days"),
        ("[rules.eu-final]", "[rules.eu-finale]", "rules.eu-final"),
        ('id = "2022-01-01"', 'id = "2022"', "name the file 2022.toml"),
        ("[rules.eu-final]", "[rules.eu-final", "is not TOML"),
        ('closes = "Done by an eu-event SED_SENT U014', 'closed = "', "rules.eu-final.closes"),
        ('closes = "Done by an eu-event SED_SENT U014. Nothing cancels it."', 'closes = ""', "final.closes"),
        ("working_days = 10\n", "working_days = 10\ntargets = []\n", "targets.csv"),
    ],
)
def test_a_fault_is_told_with_file_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(RuleSetError, match=rf"2022-01-01\.toml: .*{told}"):
        book_with(tmp_path, old, new)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("\nvalid_from = 2022-01-01", "\nvalid_from = 2022", "valid_from = 2022"),
        ("age_below = 30", 'age_below = "thirty"', 'age_below = "thirty"'),
        ("window_months = 6", "window_month = 6", "[rules.dropout-contact]"),
    ],
)
def test_a_fault_is_told_with_its_line_or_that_of_the_table_it_is_missing_from(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    with pytest.raises(RuleSetError) as refused:
        book_with(tmp_path, old, new)
    lines = (tmp_path / "2022-01-01.toml").read_text(encoding="utf-8").splitlines()
    assert f"line {lines.index(line) + 1}: " in str(refused.value)


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(RuleSetError) as refused:
        book_with(tmp_path, "[rules.eu-final]", "[rules.eu-final")
    lines = (tmp_path / "2022-01-01.toml").read_text(encoding="utf-8").splitlines()
    assert f"at line {lines.index('[rules.eu-final') + 1}," in str(refused.value)


def test_a_rule_that_is_not_enabled_gives_no_task_and_leaves_the_others(tmp_path: Path) -> None:
    story = Story()
    story.enrolment("2024-06-03")
    off = book_with(tmp_path, "[rules.contact-exchange]", "[rules.contact-exchange]\nenabled = false")
    shown, left = (
        {t.kind for t in decide(story.facts, book, shipped_lists(), instant("2024-06-04")).tasks}
        for book in (shipped(), off)
    )
    assert shown == {"GUIDE_MENTOR_RIGHT", "SEND_CONTACT"}
    assert left == {"GUIDE_MENTOR_RIGHT"}


def test_without_the_mentor_right_a_request_is_assessed_under_the_same_task_id() -> None:
    reform = read_rule_book(EXAMPLE).holding_from(date(2022, 1, 1))
    story = Story()
    story.enrolment("2024-06-03")
    story.mentor("2024-06-05", "REQUESTED")
    before, after = (
        {t.kind: t.task_id for t in decide(story.facts, book, shipped_lists(), instant("2024-06-06")).tasks}
        for book in (shipped(), reform)
    )
    assert before.keys() == {"GUIDE_MENTOR_RIGHT", "SEND_CONTACT", "ASSIGN_MENTOR"}
    assert after == {
        "SEND_CONTACT": before["SEND_CONTACT"],
        "ASSESS_MENTOR": before["ASSIGN_MENTOR"],
    }


def test_a_book_of_ones_own_may_hold_from_an_earlier_day_and_then_is_another() -> None:
    reform = read_rule_book(EXAMPLE)
    assert reform.at(date(2026, 12, 31)) is None
    earlier = reform.holding_from(date(2022, 1, 1))
    assert earlier.at(date(2021, 12, 31)) is None
    found = earlier.at(date(2022, 1, 1))
    assert found is not None
    assert found.id == "no-mentor-right"
    assert earlier.digest != reform.digest


def test_a_changed_parameter_changes_the_tasks_and_the_digest(tmp_path: Path) -> None:
    book = book_with(tmp_path, "working_days = 10", "working_days = 3")
    story = Story()
    story.enrolment("2024-06-03")
    decision = decide(story.facts, book, shipped_lists(), instant("2024-06-04"))
    due = {task.kind: task.due_on for task in decision.tasks}
    # 3 June 2024 is a Monday; Wednesday 5 June is Constitution Day.
    assert due["GUIDE_MENTOR_RIGHT"] == date(2024, 6, 7)
    assert book.digest != shipped().digest
