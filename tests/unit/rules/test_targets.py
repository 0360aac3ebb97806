"""Service targets that municipalities agreed for themselves: which one counts, and what is refused."""

from datetime import date
from pathlib import Path

import pytest
from eu_story import EuStory
from own_lists import merged
from own_targets import SHIPPED, book_of
from rule_story import AARHUS, ODENSE, SCHOOL, Story, instant

from connectors.rules_page import page
from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.model import Task
from streams.rules.rule_files import read_rule_book, shipped
from streams.rules.ruleset import RuleBook, RuleSetError

ODENSE_ONE_DAY = "461,contact-exchange,1,2024-01-01,2024-06-10,agreement 1"


def send_contact(book: RuleBook, story: Story, as_of: str = "2024-06-20") -> Task:
    decision = decide(story.facts, book, shipped_lists(), instant(as_of))
    [task] = [task for task in decision.tasks if task.kind == "SEND_CONTACT"]
    return task


def admitted(on: str, municipality: str = ODENSE) -> Story:
    story = Story()
    story.status("2024-06-01", source=municipality)
    story.enrolment(on)
    return story


def test_a_municipalitys_own_target_counts_and_the_task_says_so(tmp_path: Path) -> None:
    task = send_contact(book_of(tmp_path, ODENSE_ONE_DAY), admitted("2024-06-10"), "2024-06-10")
    # Monday 10 June and one working day.
    assert task.due_on == date(2024, 6, 11)
    assert task.explanation.endswith("due by 2024-06-11 by municipality 461's own target (working days: 1).")


def test_a_target_counts_on_its_days_only(tmp_path: Path) -> None:
    book = book_of(tmp_path, ODENSE_ONE_DAY, "461,contact-exchange,2,2024-06-12,,agreement 2")
    # 5 working days after Tuesday 11 June; 2 after Wednesday 12 June.
    assert send_contact(book, admitted("2024-06-11")).due_on == date(2024, 6, 18)
    assert send_contact(book, admitted("2024-06-12")).due_on == date(2024, 6, 14)


def test_a_target_is_of_one_rule_and_one_municipality(tmp_path: Path) -> None:
    book = book_of(tmp_path, ODENSE_ONE_DAY)
    assert send_contact(book, admitted("2024-06-10", AARHUS)).due_on == date(2024, 6, 17)
    decision = decide(admitted("2024-06-10").facts, book, shipped_lists(), instant("2024-06-20"))
    [guide] = [task for task in decision.tasks if task.kind == "GUIDE_MENTOR_RIGHT"]
    assert guide.due_on == date(2024, 6, 24)


def test_a_due_date_stays_when_the_citizen_moves(tmp_path: Path) -> None:
    story = admitted("2024-06-10")
    story.status("2024-06-12", source=AARHUS)
    task = send_contact(book_of(tmp_path, ODENSE_ONE_DAY), story, "2024-06-13")
    assert (task.recipient, task.due_on) == (AARHUS, date(2024, 6, 11))


def test_the_answer_of_a_school_is_due_by_the_target_of_whoever_sent_the_contact(tmp_path: Path) -> None:
    rows = ("461,contact-acknowledgement,1,2024-01-01,,a", "751,contact-acknowledgement,3,2024-01-01,,b")
    story = admitted("2024-06-10", AARHUS)
    story.contact("2024-06-10", ODENSE)
    decision = decide(story.facts, book_of(tmp_path, *rows), shipped_lists(), instant("2024-06-10"))
    [task] = [task for task in decision.tasks if task.kind == "ACKNOWLEDGE_CONTACT"]
    # Aarhus is responsible, and Odense asked: one working day after Monday 10 June.
    assert (task.recipient, task.due_on) == (SCHOOL, date(2024, 6, 11))
    assert "by municipality 461's own target" in task.explanation


def test_after_a_merger_the_target_of_who_acts_now_counts(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    lists = merged(tmp_path / "lists", municipalities={"751": ("2024-06-10", "461")})
    rows = [
        f"{code},{rule},{days},2022-01-01,,a"
        for rule in ("contact-exchange", "contact-acknowledgement")
        for code, days in (("461", 1), ("751", 3))
    ]
    book = book_of(tmp_path, *rows)
    for day, due in (("2024-06-10", date(2024, 6, 13)), ("2024-06-11", date(2024, 6, 12))):
        story = Story()
        story.status("2024-06-01", source=AARHUS)
        story.enrolment(day)
        story.contact(day, AARHUS)
        tasks = decide(story.facts, book, lists, instant(day)).tasks
        assert {task.kind: task.due_on for task in tasks if task.kind != "GUIDE_MENTOR_RIGHT"} == {
            "SEND_CONTACT": due,
            "ACKNOWLEDGE_CONTACT": due,
        }


def test_in_an_eu_case_the_target_of_who_handles_it_counts_on_the_day_counted_from(tmp_path: Path) -> None:
    story = EuStory()
    story.registration("2026-03-06", until="2026-06-01")
    book = book_of(
        tmp_path,
        "751,eu-registration-notice,1,2026-03-06,2026-03-06,a",
        "615,eu-registration-notice,9,2022-01-01,,a",
        "751,eu-final,4,2022-01-01,2026-06-01,a",
        "751,eu-final,1,2026-06-02,,b",
    )
    due = {t.kind: t.due_on for t in decide(story.facts, book, shipped_lists(), instant("2026-03-06")).tasks}
    # Horsens (615) lives by the route to Aarhus (751). One working day after Friday 6 March; the final
    # information is planned already and counts from Tuesday 2 June.
    assert (due["SEND_U009"], due["SEND_U014"]) == (date(2026, 3, 9), date(2026, 6, 3))


def test_a_directory_of_rules_of_ones_own_has_targets_of_its_own(tmp_path: Path) -> None:
    book = book_of(tmp_path, ODENSE_ONE_DAY)
    for chosen in (book.only("2025-07-01"), book.holding_from(date(2020, 1, 1))):
        assert send_contact(chosen, admitted("2024-06-10")).due_on == date(2024, 6, 11)
    (tmp_path / "targets.csv").unlink()
    assert send_contact(read_rule_book(tmp_path), admitted("2024-06-10")).due_on == date(2024, 6, 17)


def test_the_page_of_rules_in_force_shows_what_was_agreed(tmp_path: Path) -> None:
    told = page(book_of(tmp_path, ODENSE_ONE_DAY))
    assert "| 461 | `contact-exchange` | 1 | 2024-01-01 | 2024-06-10 | agreement 1 |" in told
    assert "None: the working days above hold for everyone." not in told


def test_a_row_changes_the_digest_so_that_open_cases_are_decided_again(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    assert book_of(tmp_path / "empty").digest == shipped().digest
    assert book_of(tmp_path / "one", ODENSE_ONE_DAY).digest != shipped().digest


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("999,contact-exchange,1,2024-01-01,,a", "line 2: municipality: is no municipality then"),
        ("46,contact-exchange,1,2024-01-01,,a", "line 2: municipality: "),
        ("461,mentor-review,1,2024-01-01,,a", "line 2: rule: is none with a service target"),
        ("461,contact-swap,1,2024-01-01,,a", "line 2: rule: is none with a service target"),
        ("461,contact-exchange,-1,2024-01-01,,a", "line 2: working_days: "),
        ("461,contact-exchange,1.5,2024-01-01,,a", "line 2: working_days: "),
        ("461,contact-exchange,0,2024-01-01,,a", "line 2: working_days: "),
        ("461,contact-exchange,one,2024-01-01,,a", "line 2: working_days: "),
        ("461,contact-exchange,1,01-01-2024,,a", "line 2: valid_from: "),
        ("461,contact-exchange,1,20240101,,a", "line 2: valid_from: "),
        ("461,contact-exchange,1,2024-01-02,2024-01-01,a", "line 2: valid_to: is before valid_from"),
        ("461,contact-exchange,1,2024-01-01,,", "line 2: source: "),
        ("461,contact-exchange,1,2024-01-01,,a,b", "line 2: columns: "),
        ("461,contact-exchange,1", "line 2: columns: "),
        ('461,"contact', "line 2: quotes: "),
        (f"{ODENSE_ONE_DAY}\n461,contact-exchange,2,2024-06-10,,b", "line 3: valid_from: lies in the span"),
        (f"{ODENSE_ONE_DAY}\n\n461,contact-exchange,2,2024-06-10,,b", "line 4: valid_from: lies in the span"),
        (f"461,contact-exchange,2,2024-06-10,,b\n{ODENSE_ONE_DAY}", "line 3: valid_from: lies in the span"),
    ],
)
def test_a_row_that_makes_no_sense_is_told_with_line_and_column(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(RuleSetError, match=f"targets.csv: {told}"):
        book_of(tmp_path, row)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "2025-07-01.toml").write_bytes((SHIPPED / "2025-07-01.toml").read_bytes())
    (tmp_path / "targets.csv").write_text("municipality;rule\n", encoding="utf-8")
    with pytest.raises(RuleSetError, match=r"targets\.csv: line 1: columns: are not municipality,rule,"):
        read_rule_book(tmp_path)
