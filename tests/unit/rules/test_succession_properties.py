"""Where parties merge amid a story its next change stays exact, and order still does not matter."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_lists import merged
from own_targets import BOOKS, Book
from rule_story import instant
from test_decision_properties import as_ofs, stories
from test_eu_properties import stories as eu_stories

from schemas.code_lists import CodeLists
from streams.rules.decide import decide
from streams.rules.facts import Fact

_SOME = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
_ENDS = [
    ({"751": ("2026-06-30", "461")}, [("280051", "2026-10-01", "101582")]),
    ({"461": ("2026-06-10", "751"), "751": ("2026-10-15", "101")}, [("101582", "2026-06-14", "280051")]),
    ({"461": ("2026-06-10", ""), "615": ("2026-05-17", "147")}, [("280051", "2026-06-14", "")]),
]


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Sequence[CodeLists]:
    return [
        merged(tmp_path_factory.mktemp("lists"), municipalities=towns, institutions=schools)
        for towns, schools in _ENDS
    ]


@_SOME
@given(
    stories() | eu_stories(),
    as_ofs | st.just("2026-04-01"),
    st.floats(0, 1),
    st.sampled_from(range(len(_ENDS))),
    BOOKS,
)
def test_the_next_change_is_exact_also_where_parties_merge(
    variants: Sequence[CodeLists], facts: list[Fact], as_of: str, share: float, chosen: int, book: Book
) -> None:
    rules, lists, start = book(), variants[chosen], instant(as_of)
    now = decide(facts, rules, lists, start)
    if now.next_change is None:
        assert decide(facts, rules, lists, start + timedelta(days=4_000)) == now
        return
    assert now.next_change > start
    last = now.next_change - timedelta(seconds=1)
    for before in (start + (last - start) * share, last):
        if before > start:
            assert decide(facts, rules, lists, before) == now
    then = decide(facts, rules, lists, now.next_change)
    assert replace(then, next_change=None) != replace(now, next_change=None)


@_SOME
@given(stories(), as_ofs, st.randoms(use_true_random=False), st.sampled_from(range(len(_ENDS))), BOOKS)
def test_order_and_repetition_change_nothing_where_parties_merge(
    variants: Sequence[CodeLists],
    facts: list[Fact],
    as_of: str,
    chance: random.Random,
    chosen: int,
    book: Book,
) -> None:
    rules, lists, at = book(), variants[chosen], instant(as_of)
    again = facts + chance.choices(facts, k=3)
    chance.shuffle(again)
    assert decide(again, rules, lists, at) == decide(facts, rules, lists, at)
