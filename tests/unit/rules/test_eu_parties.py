"""Whose events count in an EU case, and what becomes of a stranger's."""

import random

import pytest
from eu_story import EuStory, registered
from rule_story import AARHUS, ODENSE, instant

from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.rule_files import shipped as shipped_rules

HORSENS, COPENHAGEN_CITY = "/municipality/615", "/municipality/101"
TELL = "SEND_U009"


def told(source: str, time: str = "2026-03-09") -> EuStory:
    """Registered by Horsens with its own residence, so Aarhus handles it; then somebody says U009 is sent."""
    story = registered(source=HORSENS)
    story.event(time, "SED_SENT", "U009", source=source)
    return story


@pytest.mark.parametrize("source", [HORSENS, AARHUS, "/gateway"])
def test_an_event_of_a_party_closes_the_task(source: str) -> None:
    story = told(source)
    assert story.task(TELL, "2026-03-10").state == "DONE"
    assert story.at("2026-03-10").warnings == {}


@pytest.mark.parametrize("source", [ODENSE, COPENHAGEN_CITY])
def test_an_event_of_a_stranger_is_warned_about_goes_to_nobody_and_changes_nothing(source: str) -> None:
    story = told(source)
    decision = story.at("2026-03-10")
    [stranger] = story.facts[1:]
    assert decision.warnings == {stranger.ref: ("NOT_PARTY_TO_CASE",)}
    assert stranger.ref not in {forward.message for forward in decision.forwards} | set(decision.unrouted)
    assert decision.tasks == registered(source=HORSENS).at("2026-03-10").tasks
    assert story.task(TELL, "2026-03-10").state == "OPEN"


def test_a_strangers_end_of_the_case_leaves_it_open() -> None:
    story = registered(source=HORSENS)
    story.event("2026-04-01", "DIED", source=ODENSE)
    assert story.task("SEND_U014", "2026-04-02").opens_on.isoformat() == "2026-06-02"


def test_an_event_before_the_first_registration_waits_and_counts_if_its_sender_turns_out_to_be_a_party() -> (
    None
):
    story = EuStory()
    story.event("2026-03-03", "SED_SENT", "U009", source=AARHUS)
    stranger = story.event("2026-03-03", "SED_SENT", "U009", source=ODENSE)
    assert story.at("2026-03-04").warnings == {}
    story.registration("2026-03-06", source=HORSENS, until="2026-06-01")
    decision = story.at("2026-03-09")
    assert {ref.id for ref in decision.warnings} == {stranger}
    assert story.task(TELL, "2026-03-09").closed_by == "m01"


def test_whom_the_operator_assigns_has_a_part_from_then_on_also_for_what_it_said_before() -> None:
    story = told(ODENSE)
    story.correction("2026-03-12", assigned="eu-case-a", municipality="461")
    assert story.task(TELL, "2026-03-11").state == "OVERDUE"
    assert story.task(TELL, "2026-03-12").state == "DONE"


def test_one_who_handled_the_case_keeps_its_part_after_the_citizen_moved() -> None:
    story = registered(source=HORSENS)
    story.residence = "147"
    story.registration("2026-03-09", source="/municipality/147", until="2026-06-01")
    assert story.task(TELL, "2026-03-10").recipient == COPENHAGEN_CITY
    story.event("2026-03-10", "SED_SENT", "U009", source=AARHUS)
    assert story.task(TELL, "2026-03-10").state == "DONE"


def test_a_future_registration_gives_nobody_a_part_yet() -> None:
    story = told(ODENSE)
    before = story.at("2026-03-20").tasks
    story.registration("2026-04-01", source=ODENSE, until="2026-06-01")
    assert story.at("2026-03-20").tasks == before
    assert story.at("2026-03-20").next_change == instant("2026-04-01")


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    story = told(ODENSE)
    story.event("2026-03-12", "CIRCUMSTANCE", source=COPENHAGEN_CITY)
    story.registration("2026-03-15", source=COPENHAGEN_CITY, until="2026-06-01")
    story.correction("2026-03-16", assigned="eu-case-a", municipality="461")
    shuffled = random.Random(seed).sample(story.facts, len(story.facts))
    found = decide(shuffled, shipped_rules(), shipped_lists(), instant("2026-03-17"))
    assert found == decide(story.facts, shipped_rules(), shipped_lists(), instant("2026-03-17"))
