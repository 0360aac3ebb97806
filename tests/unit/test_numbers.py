"""Follow-up numbers: small groups stay hidden, medians and intervals are those of the books."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.numbers.counting import Cell, Counted, Observation, Row
from streams.numbers.definitions import REPORTS
from streams.numbers.hiding import FEWEST, hidden_parts
from streams.numbers.measures import median_interval, percentile, share_interval
from streams.numbers.telling import compared, told

AARHUS = "/municipality/751"
OCTOBER = Row(AARHUS, "2026-10")


def cell(people: int) -> Cell:
    found = Cell()
    for person in range(people):
        found.add(f"p{person}", None)
    return found


@given(st.lists(st.integers(0, 12), min_size=2, max_size=6).filter(lambda sizes: sum(sizes) >= FEWEST))
def test_no_number_under_five_can_be_worked_out_of_a_row_and_its_total(sizes: list[int]) -> None:
    names = [f"part{n}" for n in range(len(sizes))]
    cells = dict(zip(names, map(cell, sizes), strict=True))
    # Everybody stands in one part only.
    for number, name in enumerate(names):
        cells[name].people = {f"{number}-{person}" for person in range(min(sizes[number], 10))}
    hidden = hidden_parts(cells, names)
    shown = {name: cells[name].count for name in names if name not in hidden}
    assert not any(0 < count < FEWEST for count in shown.values())
    if hidden:
        rest = sum(sizes) - sum(shown.values())
        assert rest >= FEWEST
        assert len(hidden) >= 2


def test_people_are_counted_and_not_their_tasks() -> None:
    many = Cell()
    for _ in range(20):
        many.add("the same", None)
    assert hidden_parts({"done": many, "open": cell(9)}, ("done", "open")) == {"done", "open"}


def filled(*sizes: tuple[str, int, int | None], report: str = "contact", row: Row = OCTOBER) -> Counted:
    counted = Counted()
    for part, people, days in sizes:
        counted.add(Observation(report, row, part, f"{part}-{n}", days) for n in range(people))
    return counted


def numbers(counted: Counted, report: str = "contact") -> dict[str, float | int | None]:
    [row] = told(REPORTS[report], counted)
    return dict(row.numbers)


def test_a_row_of_five_people_or_more_is_told() -> None:
    found = numbers(filled(("in_time", 12, 2), ("late", 5, 9), ("overdue", 8, None)))
    assert found == {
        "total": 25,
        "in_time": 12,
        "late": 5,
        "overdue": 8,
        "open": 0,
        "days_median": 2.0,
        "days_p90": 9.0,
        "share_in_time": 0.48,
    }


def test_a_row_of_four_people_tells_nothing() -> None:
    assert set(numbers(filled(("in_time", 4, 2))).values()) == {None}


def test_a_small_part_takes_the_next_smallest_with_it_and_the_share() -> None:
    found = numbers(filled(("in_time", 12, 2), ("late", 2, 9), ("overdue", 8, None)))
    assert (found["total"], found["in_time"]) == (22, 12)
    assert (found["late"], found["overdue"], found["share_in_time"]) == (None, None, None)


def test_a_tail_is_told_of_ten_people() -> None:
    assert numbers(filled(("in_time", 9, 2)))["days_p90"] is None
    assert numbers(filled(("in_time", 10, 2)))["days_p90"] == 2


def test_numbers_that_do_not_add_up_are_hidden_one_by_one() -> None:
    found = numbers(filled(("guided", 7, None), ("asked", 4, None), report="mentor"), "mentor")
    assert found == {"guided": 7, "asked": None, "assigned": 0, "extended": 0}


def registered(in_time: dict[str, int], late: dict[str, int]) -> Counted:
    counted = Counted()
    for part, months in (("registered_in_time", in_time), ("registered_late", late)):
        for month, people in months.items():
            row = Row(AARHUS, month)
            for n in range(people):
                person = f"{part}-{month}-{n}"
                counted.add(
                    [Observation("eu", row, part, person), Observation("eu", row, "u009_sent", person, 1)]
                )
    return counted


def test_a_year_is_told_with_its_sample_and_interval() -> None:
    [row] = compared(
        registered({"2026-01": 40, "2026-02": 41}, {"2026-01": 10, "2026-02": 9}), 2026, [AARHUS]
    )
    assert (row.registered, row.share_in_time, row.u009_sent, row.days_to_u009_median) == (
        100,
        0.81,
        100,
        1.0,
    )
    # Wilson, 81 of 100: (0.81 + 1.9208/100 -+ 1.96 * sqrt(0.81*0.19/100 + 0.9604/10000)) / 1.038415
    assert (row.share_low, row.share_high) == (0.7222, 0.8749)


def test_a_year_is_hidden_where_it_would_tell_the_month_that_is_hidden() -> None:
    late = {"2026-01": 10, "2026-02": 2}
    [row] = compared(registered({"2026-01": 40, "2026-02": 40}, late), 2026, [AARHUS])
    assert (row.registered, row.share_in_time, row.share_low) == (None, None, None)


def test_a_year_of_several_hidden_months_is_told() -> None:
    late = {"2026-01": 3, "2026-02": 2, "2026-03": 4}
    in_time = dict.fromkeys(late, 30)
    [row] = compared(registered(in_time, late), 2026, [AARHUS])
    assert (row.registered, row.share_in_time) == (99, 0.9091)


def test_another_year_and_another_municipality_do_not_count() -> None:
    [row] = compared(registered({"2025-12": 40}, {}), 2026, [AARHUS])
    assert row.registered == 0
    assert list(compared(registered({"2026-01": 40}, {}), 2026, [])) == []


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([1], 0.5, 1.0),
        ([1, 2], 0.5, 1.5),
        ([3, 1, 2], 0.5, 2.0),
        ([1, 2, 3, 10], 0.5, 2.5),
        (range(1, 11), 0.9, 9.0),
        (range(1, 12), 0.9, 10.0),
        ([], 0.5, None),
    ],
)
def test_percentiles_are_of_the_nearest_rank(values: list[int], share: float, wanted: float | None) -> None:
    assert percentile(Counter(values), share) == wanted


@pytest.mark.parametrize(
    ("n", "low", "high"),
    # Tables of the two-sided sign test at 5 %: how many values may lie on one side.
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15)],
)
def test_the_interval_of_a_median_is_that_of_the_tables(n: int, low: int, high: int) -> None:
    assert median_interval(Counter(range(1, n + 1))) == (low, high)
    assert median_interval(Counter(range(5))) is None


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(found: int, of: int, low: float, high: float) -> None:
    assert share_interval(found, of) == pytest.approx((low, high), abs=0.00005)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_in_its_interval(found: int, of: int) -> None:
    found = min(found, of)
    low, high = share_interval(found, of)
    assert 0 <= low <= found / of + 1e-12
    assert found / of - 1e-12 <= high <= 1
