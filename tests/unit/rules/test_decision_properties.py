"""What holds for every set of facts: order and repetition do not matter, and the next change is exact."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_targets import BOOKS, Book
from rule_story import AARHUS, ODENSE, OTHER_SCHOOL, SCHOOL, Story, instant

from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.facts import Fact
from streams.rules.rule_files import shipped as shipped_rules

_SOME = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
_DAYS = [f"2026-{month:02}-{day:02}" for month in (6, 7, 10, 12) for day in (1, 2, 15)]
_MOMENTS = [f"{day}T{clock}+02:00" for day in _DAYS for clock in ("00:00:00", "10:00:00", "23:59:59")]
_SCHOOLS = st.sampled_from([SCHOOL, OTHER_SCHOOL])
_TOWNS = st.sampled_from([AARHUS, ODENSE])
_MAYBE_DAY = st.none() | st.sampled_from([*_DAYS, "2025-12-15", "2027-02-01"])
_MAYBE_ENROLMENT = st.sampled_from([None, "E1", "E2"])


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    """Up to nine messages about two citizens, of every flow that has a citizen."""
    story = Story()
    for _ in range(draw(st.integers(1, 9))):
        story.subject = draw(st.sampled_from(["citizen-a", "citizen-b"]))
        story.residence = draw(st.sampled_from([None, "751", "461"]))
        story.born = draw(st.sampled_from([None, story.born]))
        time = draw(st.sampled_from(_MOMENTS))
        said = [fact.id for fact in story.facts] or ["none"]
        match draw(st.integers(0, 8)):
            case 0:
                readiness = draw(st.sampled_from([None, "EDUCATION_READY", "JOB_READY"]))
                story.status(
                    time,
                    source=draw(_TOWNS),
                    responsible=draw(st.booleans()),
                    readiness=readiness,
                    valid_from=draw(_MAYBE_DAY),
                )
            case 1 | 2:
                events = ["ADMITTED", "STARTED", "CHANGED", "CANCELLED", "DROPPED_OUT", "COMPLETED"]
                story.enrolment(
                    time,
                    draw(st.sampled_from(events)),
                    source=draw(_SCHOOLS),
                    qualifies=draw(st.sampled_from(["VOCATIONAL", "PREPARATORY"])),
                    admitted_on=draw(_MAYBE_DAY),
                    study_start_on=draw(_MAYBE_DAY),
                )
            case 3:
                withdraws = draw(st.none() | st.sampled_from(said))
                story.notice(
                    time, source=draw(_SCHOOLS), study_start_on=draw(_MAYBE_DAY), withdraws=withdraws
                )
            case 4:
                story.contact(time, draw(st.sampled_from([AARHUS, SCHOOL])))
            case 5:
                story.order(time)
            case 6:
                events = ["GUIDED", "REQUESTED", "DECLINED", "ASSIGNED", "EXTENDED", "ENDED"]
                story.mentor(
                    time,
                    draw(st.sampled_from(events)),
                    enrolment_id=draw(_MAYBE_ENROLMENT),
                    on=draw(_MAYBE_DAY),
                    used_from=draw(_MAYBE_DAY),
                    planned_end=draw(_MAYBE_DAY),
                    in_min_plan=draw(st.booleans()),
                )
            case 7:
                story.follow_up(
                    time,
                    draw(st.sampled_from(["ATTEMPTED", "CONTACTED", "DECIDED"])),
                    on=draw(_MAYBE_DAY),
                    enrolment_id=draw(_MAYBE_ENROLMENT),
                )
            case _:
                _correct(draw, story, time, said)
    return story.facts


def _correct(draw: st.DrawFn, story: Story, time: str, said: list[str]) -> None:
    match draw(st.integers(0, 2)):
        case 0:
            source = draw(st.sampled_from([AARHUS, SCHOOL]))
            story.correction(time, source=source, retracts=(source, draw(st.sampled_from(said))))
        case 1:
            story.correction(time, assigned="citizen-a", municipality="461")
        case _:
            story.correction(time, merged=("citizen-a", "citizen-b"))


as_ofs = st.sampled_from([*_MOMENTS, "2026-05-01", "2027-06-01"])


@_SOME
@given(stories(), as_ofs, st.randoms(use_true_random=False), BOOKS)
def test_order_and_repetition_change_nothing(
    facts: list[Fact], as_of: str, chance: random.Random, book: Book
) -> None:
    rules, lists = book(), shipped_lists()
    again = facts + chance.choices(facts, k=3)
    chance.shuffle(again)
    assert decide(again, rules, lists, instant(as_of)) == decide(facts, rules, lists, instant(as_of))


@_SOME
@given(stories(), as_ofs, st.floats(0, 1), BOOKS)
def test_the_next_change_is_the_first_instant_that_decides_otherwise(
    facts: list[Fact], as_of: str, share: float, book: Book
) -> None:
    rules, lists, start = book(), shipped_lists(), instant(as_of)
    now = decide(facts, rules, lists, start)
    if now.next_change is None:
        never = decide(facts, rules, lists, start + timedelta(days=4_000))
        assert never == now
        return
    assert now.next_change > start
    between = start + (now.next_change - timedelta(seconds=1) - start) * share
    for instant_before in (between, now.next_change - timedelta(seconds=1)):
        if instant_before > start:
            assert decide(facts, rules, lists, instant_before) == now
    then = decide(facts, rules, lists, now.next_change)
    assert replace(then, next_change=None) != replace(now, next_change=None)


@_SOME
@given(stories(), as_ofs)
def test_what_opened_and_closed_a_task_exists_and_each_task_stands_alone(
    facts: list[Fact], as_of: str
) -> None:
    decision = decide(facts, shipped_rules(), shipped_lists(), instant(as_of))
    seen = {fact.id for fact in facts if fact.time <= instant(as_of)}
    for task in decision.tasks:
        assert task.caused_by
        assert seen.issuperset(task.caused_by)
        assert task.closed_by is None or task.closed_by in seen
        assert task.explanation.endswith(".")
    assert len({task.task_id for task in decision.tasks}) == len(decision.tasks)


@_SOME
@given(stories(), as_ofs)
def test_one_citizens_facts_never_touch_anothers(facts: list[Fact], as_of: str) -> None:
    book, lists = shipped_rules(), shipped_lists()
    mine = [fact for fact in facts if fact.subject == "citizen-a"]
    others = [fact for fact in facts if fact.subject == "citizen-b"]
    together = decide(mine + others, book, lists, instant(as_of)).tasks
    apart = (
        *decide(mine, book, lists, instant(as_of)).tasks,
        *decide(others, book, lists, instant(as_of)).tasks,
    )
    assert sorted(together, key=lambda task: task.task_id) == sorted(apart, key=lambda task: task.task_id)
