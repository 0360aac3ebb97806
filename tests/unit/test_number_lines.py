"""Every number that is not told could be another one: a table that shows the same is constructed."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.numbers.lines import FEWEST, Line, Path, levels_told, with_totals

OUTCOMES = ("done", "late", "open")
LEVELS = (
    [frozenset(OUTCOMES)],
    [frozenset({"done"}), frozenset({"late", "open"})],
    [frozenset({outcome}) for outcome in OUTCOMES],
)
Counts = tuple[int, ...]
Leaves = Mapping[Path, Counts]
Number = tuple[Path, frozenset[str]]
Moves = Mapping[tuple[Path, str], int]


def tree(leaves: Leaves) -> dict[Path, Line]:
    """Everybody stands for one."""
    lines: dict[Path, Line] = {}
    for path, counts in leaves.items():
        lines[path] = Line()
        for outcome, count in zip(OUTCOMES, counts, strict=True):
            for n in range(count):
                lines[path].add(outcome, f"{path}{outcome}{n}")
    return with_totals(lines)


def value(leaves: Leaves, path: Path, cell: frozenset[str]) -> int:
    return sum(
        count
        for leaf, counts in leaves.items()
        if leaf[: len(path)] == path
        for outcome, count in zip(OUTCOMES, counts, strict=True)
        if outcome in cell
    )


def assert_nothing_follows(leaves: Leaves) -> dict[Path, int]:
    """No told number is of one to four; each withheld one but 0 differs in a table that shows the same."""
    lines = tree(leaves)
    told = levels_told(lines, LEVELS)
    numbers = {(path, cell) for path in lines for partition in LEVELS for cell in partition}
    shown = {(path, cell) for path in lines for level in range(told[path]) for cell in LEVELS[level]}
    assert not [number for number in shown if 0 < value(leaves, *number) < FEWEST]
    secret = {number for number in numbers - shown if value(leaves, *number)}
    for moves in changes(leaves):
        if not secret:
            break
        if not any(moved(moves, number) for number in shown):
            secret -= {number for number in secret if moved(moves, number)}
    assert not secret
    return told


def changes(leaves: Leaves) -> Iterator[Moves]:
    """Other tables near this one: a few cells one up or down; a line that is there stays there."""
    cells = [(path, outcome) for path in leaves for outcome in OUTCOMES]
    for size in range(1, 5):
        for chosen in combinations(cells, size):
            for signs in product((1, -1), repeat=size):
                moves = dict(zip(chosen, signs, strict=True))
                changed = {
                    path: [n + moves.get((path, o), 0) for o, n in zip(OUTCOMES, leaves[path], strict=True)]
                    for path, _ in chosen
                }
                if all(min(counts) >= 0 and sum(counts) for counts in changed.values()):
                    yield moves


def moved(moves: Moves, number: Number) -> int:
    path, cell = number
    return sum(n for (leaf, outcome), n in moves.items() if leaf[: len(path)] == path and outcome in cell)


COUNT = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 9))
LEAF = st.tuples(COUNT, COUNT, COUNT).filter(any)
PATHS = st.tuples(st.just("2026"), st.sampled_from("ab"), st.sampled_from("12"))


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(PATHS, LEAF, min_size=1, max_size=4))
def test_no_withheld_number_follows_from_those_that_are_told(leaves: Leaves) -> None:
    assert_nothing_follows(leaves)


def test_no_number_of_any_two_small_months_follows() -> None:
    for a, b, c, d in product(range(0, 7, 2), range(0, 7, 3), range(0, 7, 2), range(0, 7, 3)):
        if a + b and c + d:
            assert_nothing_follows({("2026", "a", "1"): (a, b, 0), ("2026", "a", "2"): (c, d, 0)})


def test_five_months_of_one_tell_neither_month_nor_year() -> None:
    told = levels_told(tree({("2026", "a", str(month)): (1, 0, 0) for month in range(5)}), LEVELS)
    assert set(told.values()) == {0}


def test_large_groups_are_told_in_full() -> None:
    told = assert_nothing_follows(
        {("2026", "a", "1"): (20, 8, 0), ("2026", "a", "2"): (30, 6, 0), ("2026", "b", "1"): (9, 0, 0)}
    )
    assert set(told.values()) == {3}


def test_a_small_line_takes_the_next_smallest_with_it() -> None:
    leaves = {("2026", "a", "1"): (3, 0, 0), ("2026", "a", "2"): (9, 0, 0), ("2026", "a", "3"): (40, 0, 0)}
    told = assert_nothing_follows(leaves)
    assert [told[path] > 0 for path in sorted(leaves)] == [False, False, True]
    assert told[("2026", "a")] > 0


def test_people_count_and_not_how_often_they_come() -> None:
    line = Line()
    for _ in range(50):
        line.add("done", "the same person")
    assert levels_told(with_totals({("2026",): line}), LEVELS) == {("2026",): 0}
