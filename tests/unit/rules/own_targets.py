"""Rule books of one's own: the shipped sets with service targets that tests make up."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from streams.rules.rule_files import read_rule_book, shipped
from streams.rules.ruleset import RuleBook

HEAD = "municipality,rule,working_days,valid_from,valid_to,source"
SHIPPED = Path(__file__).parents[3] / "streams" / "rules" / "sets"


def book_of(directory: Path, *rows: str) -> RuleBook:
    """`rows` as they stand in `targets.csv`."""
    for file in SHIPPED.glob("*.toml"):
        copy(file, directory)
    (directory / "targets.csv").write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    return read_rule_book(directory)


@cache
def changing_book() -> RuleBook:
    """Every rule with a target has other ones in three municipalities; two of these change in 2026."""
    with TemporaryDirectory() as directory:
        rules = sorted(rule.id for rule in book_of(Path(directory)).sets[0].rules.with_target())
        return book_of(
            Path(directory), *(row for number, rule in enumerate(rules) for row in _rows(rule, number))
        )


def _rows(rule: str, number: int) -> Iterator[str]:
    few, many = 1 + number % 3, 9 + number % 3
    for town, last, first in (("751", "2026-06-01", "2026-06-15"), ("461", "2026-05-17", "2026-05-18")):
        yield f"{town},{rule},{few},2022-01-01,{last},agreement 1"
        yield f"{town},{rule},{many},{first},,agreement 2"
    yield f"101,{rule},{few + many},2022-01-01,,agreement 3"


Book = Callable[[], RuleBook]
BOOKS: st.SearchStrategy[Book] = st.sampled_from([shipped, changing_book])
"""To be called: a rule book is too long to be shown with a failure."""
