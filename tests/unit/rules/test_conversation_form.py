"""The form of conversations gives warnings and never a task (LAB § 33)."""

import pytest
from eu_story import choice
from rule_story import AARHUS, Story

from streams.rules.model import MessageRef


def said(story: Story, as_of: str = "2027-01-01") -> tuple[str, ...]:
    decision = story.at(as_of)
    assert decision.tasks == ()
    assert decision.forwards == ()
    assert decision.unrouted == ()
    return decision.warnings.get(MessageRef(AARHUS, "m01"), ())


@pytest.mark.parametrize(
    ("time", "since", "early"),
    [
        ("2026-07-09", "2026-01-10", True),
        ("2026-07-10", "2026-01-10", False),
        ("2026-07-09T23:59:59+02:00", "2026-01-10", True),
        ("2026-07-09T22:00:00+00:00", "2026-01-10", False),
        ("2026-02-27", "2025-08-31", True),
        ("2026-02-28", "2025-08-31", False),
        ("2024-02-28", "2023-08-31", True),
        ("2024-02-29", "2023-08-31", False),
        ("2026-07-09", None, False),
    ],
)
def test_a_choice_in_the_first_six_months_of_unemployment_is_early(
    time: str, since: str | None, early: bool
) -> None:
    assert said(choice(time, since=since)) == (("BEFORE_SIX_MONTHS",) if early else ())


def test_an_override_is_never_early_but_needs_a_reason() -> None:
    assert said(choice("2026-03-01", "OVERRIDDEN", since="2026-02-01", reasoned=False)) == (
        "OVERRIDE_NEEDS_REASON",
    )
    assert said(choice("2026-03-01", "OVERRIDDEN", since="2026-02-01")) == ()


@pytest.mark.parametrize("event", ["CHOSEN", "OVERRIDDEN"])
def test_a_letter_is_no_conversation(event: str) -> None:
    assert said(choice("2026-03-01", event, "LETTER")) == ("LETTER_NOT_ALLOWED",)


@pytest.mark.parametrize("form", ["IN_PERSON", "VIDEO", "PHONE"])
def test_every_other_form_is(form: str) -> None:
    assert said(choice("2026-03-01", form=form, reasoned=False)) == ()


def test_all_that_is_unusual_is_said_from_the_messages_time_on() -> None:
    story = choice("2026-03-01", form="LETTER", since="2026-01-01")
    assert said(story, "2026-03-01") == ("BEFORE_SIX_MONTHS", "LETTER_NOT_ALLOWED")
    assert said(story, "2026-03-01T09:59:59+01:00") == ()


def test_before_the_first_rule_set_nothing_is_judged() -> None:
    assert said(choice("2021-12-31", form="LETTER")) == ()
    assert said(choice("2022-01-01", form="LETTER")) == ("LETTER_NOT_ALLOWED",)
