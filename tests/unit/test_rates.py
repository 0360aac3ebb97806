"""Token buckets: what is taken, when there is more, and that one key's use is nobody else's."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.limits.rates import Rate, Rates


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def rates(per_second: int = 10, burst: int = 20) -> tuple[Rates[str], Clock]:
    clock = Clock()
    return Rates(Rate(per_second, burst), clock), clock


def test_a_burst_is_taken_at_once_and_then_only_what_grows_again() -> None:
    limit, clock = rates()
    assert limit.take("a", 15) == 15
    assert limit.take("a", 15) == 5
    assert limit.take("a") == 0
    clock.now += 0.5
    assert limit.take("a", 100) == 5


def test_a_pause_gives_no_more_than_a_burst() -> None:
    limit, clock = rates()
    clock.now += 3_600
    assert limit.take("a", 1_000) == 20


def test_who_has_used_up_its_own_takes_nothing_from_others() -> None:
    limit, _ = rates()
    assert limit.take("a", 1_000) == 20
    assert limit.take("b", 1_000) == 20


def test_after_the_seconds_that_are_told_as_many_are_there() -> None:
    limit, clock = rates()
    limit.take("a", 20)
    assert limit.seconds_until("a", 1) == 1
    assert limit.seconds_until("a", 15) == 2
    assert limit.seconds_until("a", 500) == 2
    clock.now += 2
    assert limit.take("a", 15) == 15


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=40))
def test_never_more_than_a_burst_and_the_rate_over_any_time(asked: list[tuple[float, int]]) -> None:
    limit, clock = rates()
    began, taken = clock.now, 0
    for pause, wanted in asked:
        clock.now += pause
        taken += limit.take("a", wanted)
        assert taken <= 20 + 10 * (clock.now - began) + 1e-6
