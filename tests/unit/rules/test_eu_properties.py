"""What holds for every set of facts of EU cases: order is nothing, and the next change is exact."""

import random
from dataclasses import replace
from datetime import timedelta

from eu_story import EuStory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_targets import BOOKS, Book
from rule_story import AARHUS, ODENSE, Story, instant

from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.facts import Fact
from streams.rules.rule_files import shipped as shipped_rules

_SOME = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
_DAYS = ["2026-03-06", "2026-03-28", "2026-03-29", "2026-04-30", "2026-05-18", "2026-06-01", "2026-06-02"]
_MOMENTS = [f"{day}T{clock}+00:00" for day in _DAYS for clock in ("00:00:00", "12:00:00", "22:00:00")]
_EVENTS = ["SED_SENT", "SED_RECEIVED", "CIRCUMSTANCE", "DEREGISTERED", "RETURNED", "TOOK_WORK", "DIED"]
_SEDS = ["U007", "U008", "U009", "U010", "U012", "U013", "U014", "PD_U3", "X999"]
_MAYBE_DAY = st.none() | st.sampled_from(_DAYS)
_SOURCES = st.sampled_from([AARHUS, ODENSE, "/municipality/615"])


@st.composite
def stories(draw: st.DrawFn) -> list[Fact]:
    """Up to ten messages about two EU cases, and about a citizen with a mentor."""
    story = EuStory()
    for _ in range(draw(st.integers(1, 10))):
        time = draw(st.sampled_from(_MOMENTS))
        story.case_key, story.eu_case_id = draw(
            st.sampled_from([("eu-case-a", "EU-1"), ("eu-case-b", "EU-2")])
        )
        story.residence = draw(st.sampled_from([None, "615", "147", "999"]))
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2:
                until = draw(_MAYBE_DAY)
                story.registration(
                    time,
                    source=draw(_SOURCES),
                    registered_on=draw(_MAYBE_DAY),
                    document_presented=draw(st.booleans()),
                    country=draw(st.sampled_from(["DE", "UK"])),
                    until=until,
                    max_days=None if until else draw(st.none() | st.integers(1, 100)),
                    register_by=draw(_MAYBE_DAY),
                )
            case 3 | 4 | 5 | 6 | 7:
                event = draw(st.sampled_from(_EVENTS))
                sed = draw(st.sampled_from(_SEDS)) if event.startswith("SED") else None
                month = draw(st.sampled_from([None, "2026-02", "2026-04", "2026-05"]))
                story.event(time, event, sed, source=draw(_SOURCES), on=draw(_MAYBE_DAY), month=month)
            case 8:
                events = ["REQUESTED", "ASSIGNED", "EXTENDED", "ENDED"]
                story.mentor(time, draw(st.sampled_from(events)), planned_end=draw(_MAYBE_DAY))
            case _:
                _correct(draw, story, time)
    return story.facts


def _correct(draw: st.DrawFn, story: Story, time: str) -> None:
    if draw(st.booleans()):
        story.correction(time, assigned="eu-case-a", municipality="461")
    else:
        said = [fact.id for fact in story.facts] or ["none"]
        story.correction(time, retracts=(AARHUS, draw(st.sampled_from(said))))


as_ofs = st.sampled_from([*_MOMENTS, "2026-01-01", "2027-01-01"])


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
        assert decide(facts, rules, lists, start + timedelta(days=4_000)) == now
        return
    assert now.next_change > start
    between = start + (now.next_change - timedelta(seconds=1) - start) * share
    for before in (between, now.next_change - timedelta(seconds=1)):
        if before > start:
            assert decide(facts, rules, lists, before) == now
    then = decide(facts, rules, lists, now.next_change)
    assert replace(then, next_change=None) != replace(now, next_change=None)


@_SOME
@given(stories(), as_ofs)
def test_a_case_has_one_task_of_each_kind_but_for_months_and_circumstances(
    facts: list[Fact], as_of: str
) -> None:
    tasks = decide(facts, shipped_rules(), shipped_lists(), instant(as_of)).tasks
    assert len({task.task_id for task in tasks}) == len(tasks)
    registered = {getattr(fact, "eu_case_id", None) for fact in facts if fact.flow == "eu-registration"}
    for case in ("EU-1", "EU-2"):
        of_case = [task for task in tasks if task.eu_case_id == case]
        assert case in registered or not of_case
        for kind in ("SEND_U009", "SEND_U007", "REMIND_RETURN", "SEND_U014"):
            assert sum(task.kind == kind for task in of_case) <= 1
        months = [task.opens_on for task in of_case if task.kind == "SEND_U013"]
        assert len(set(months)) == len(months)
        for kind in ("SEND_U010", "GIVE_PD_U3"):
            running = [task for task in of_case if task.kind == kind and not task.state.finished]
            assert len(running) <= 1
    assert all(task.subject and task.explanation.endswith(".") for task in tasks)
    seen = {fact.id for fact in facts if fact.time <= instant(as_of)}
    assert all(seen.issuperset(task.caused_by) for task in tasks)
