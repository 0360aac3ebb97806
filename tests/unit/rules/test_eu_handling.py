"""Which ICS municipality handles an EU case, and who gets its messages."""

from dataclasses import replace
from datetime import date

import pytest
from eu_story import EuStory
from rule_story import AARHUS, ODENSE, instant

from schemas.code_list_files import DatedCode
from schemas.code_lists import shipped as shipped_lists
from streams.rules.decide import decide
from streams.rules.rule_files import shipped as shipped_rules

KIND = "SEND_U009"
HORSENS = "/municipality/615"


def case(residence: str | None, source: str = HORSENS) -> EuStory:
    story = EuStory()
    story.residence = residence
    story.registration("2026-03-06", source=source, until="2026-06-01")
    return story


@pytest.mark.parametrize(
    ("residence", "source", "recipient"),
    [
        ("615", HORSENS, AARHUS),
        ("615", ODENSE, AARHUS),
        ("147", HORSENS, "/municipality/101"),
        (None, ODENSE, ODENSE),
        ("999", ODENSE, ODENSE),
        (None, HORSENS, None),
        ("999", HORSENS, None),
    ],
)
def test_the_route_of_the_residence_decides_else_a_sender_that_is_one_itself(
    residence: str | None, source: str, recipient: str | None
) -> None:
    assert case(residence, source).task(KIND, "2026-03-09").recipient == recipient


def test_messages_go_to_the_one_that_handles_the_case_unless_it_sent_them() -> None:
    story = case("615")
    own = story.event("2026-03-09", "SED_SENT", "U009", source=AARHUS)
    other = story.event("2026-03-09", "CIRCUMSTANCE", source=HORSENS)
    decision = story.at("2026-03-10")
    assert {(f.message.id, f.recipient) for f in decision.forwards} == {("m01", AARHUS), (other, AARHUS)}
    assert own not in {ref.id for ref in decision.unrouted}


def test_an_assignment_holds_from_its_day_also_against_the_route() -> None:
    for residence in (None, "615"):
        story = case(residence)
        story.correction("2026-03-09", assigned="eu-case-a", municipality="461")
        before = story.task(KIND, "2026-03-09T09:59:59+01:00").recipient
        assert before == (AARHUS if residence else None)
        assert story.task(KIND, "2026-03-09").recipient == ODENSE


def test_what_was_finished_before_the_assignment_stays_with_who_had_it() -> None:
    story = case("615")
    story.sent("2026-03-08", "U009")
    story.correction("2026-03-09", assigned="eu-case-a", municipality="461")
    assert story.task(KIND, "2026-03-10").recipient == AARHUS
    assert story.task("SEND_U014", "2026-03-10").recipient == ODENSE


def test_a_later_registration_with_another_residence_moves_what_is_unfinished() -> None:
    story = case("615")
    story.sent("2026-03-09", "U009")
    story.residence = "147"
    story.registration("2026-03-20", source=HORSENS, registered_on="2026-03-06", until="2026-06-01")
    assert story.task(KIND, "2026-03-21").recipient == AARHUS
    assert story.task("REMIND_RETURN", "2026-03-21").recipient == "/municipality/101"


def test_a_new_route_takes_over_unfinished_tasks_on_its_first_day() -> None:
    story = case("615")
    story.sent("2026-03-09", "U009")
    lists = shipped_lists()
    (row,) = lists.ics_routes["615"]
    until, since = date(2026, 4, 30), date(2026, 5, 1)
    rows = (replace(row, valid_to=until), DatedCode("615", row.name, "461", since, None, row.line))
    agreed = replace(lists, ics_routes={**lists.ics_routes, "615": rows})

    def recipients(as_of: str) -> dict[str, str | None]:
        tasks = decide(story.facts, shipped_rules(), agreed, instant(as_of)).tasks
        return {task.kind: task.recipient for task in tasks}

    assert set(recipients("2026-04-30T23:59:59+02:00").values()) == {AARHUS}
    assert recipients("2026-05-01T00:00:00+02:00") == {
        KIND: AARHUS,
        "REMIND_RETURN": ODENSE,
        "SEND_U014": ODENSE,
    }
    now = decide(story.facts, shipped_rules(), agreed, instant("2026-03-10"))
    assert now.next_change == instant("2026-05-01T00:00:00+02:00")
