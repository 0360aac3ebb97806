"""`SEND_U013`: one a month from the month asked for to the month of the case's end."""

from datetime import date

import pytest
from eu_story import EuStory, registered
from rule_story import AARHUS, instant

KIND = "SEND_U013"


def asked(**request: str | None) -> EuStory:
    story = registered()
    story.received("2026-03-16", "U012", **(request or {"month": "2026-03"}))
    return story


def states(story: EuStory, as_of: str) -> dict[str, str]:
    """State by the day on which each opens."""
    return {f"{task.opens_on:%m-%d}": task.state.value for task in story.tasks(KIND, as_of)}


def test_every_month_to_that_of_the_end_is_planned_at_once() -> None:
    tasks = asked().tasks(KIND, "2026-03-17")
    # 31 March + 5: Easter lies between. 31 May is a Sunday, 5 June is off.
    assert [(task.opens_on, task.due_on) for task in tasks] == [
        (date(2026, 3, 31), date(2026, 4, 10)),
        (date(2026, 4, 30), date(2026, 5, 7)),
        (date(2026, 5, 31), date(2026, 6, 8)),
        (date(2026, 6, 30), date(2026, 7, 7)),
    ]
    assert {task.state for task in tasks} == {"PLANNED"}
    assert {task.caused_by for task in tasks} == {("m02",)}
    assert (tasks[0].recipient, tasks[0].mandatory) == (AARHUS, True)


def test_a_month_opens_on_its_last_day_at_midnight_in_copenhagen() -> None:
    story = asked()
    story.sent("2026-03-16", "U009")
    assert story.at("2026-03-17").next_change == instant("2026-03-31T00:00:00+02:00")
    assert states(story, "2026-03-30T21:59:59+00:00")["03-31"] == "PLANNED"
    assert states(story, "2026-03-30T22:00:00+00:00")["03-31"] == "OPEN"
    assert states(story, "2026-04-10T21:59:59+00:00")["03-31"] == "OPEN"
    assert states(story, "2026-04-10T22:00:00+00:00")["03-31"] == "OVERDUE"


@pytest.mark.parametrize(
    ("request_", "first"),
    [
        ({"month": "2026-05"}, "05-31"),
        ({"month": None}, "03-31"),
        ({"month": None, "on": "2026-04-30"}, "04-30"),
        ({"month": "2025-11"}, "03-31"),
        ({"month": "2026-06"}, "06-30"),
    ],
)
def test_the_first_month_is_the_one_asked_for_but_none_before_the_case(
    request_: dict[str, str | None], first: str
) -> None:
    assert min(states(asked(**request_), "2026-03-17")) == first


def test_a_month_after_the_end_asks_for_nothing() -> None:
    assert states(asked(month="2026-07"), "2026-03-17") == {}


def test_february_of_a_leap_year_ends_on_the_29th() -> None:
    story = EuStory()
    story.registration("2024-02-02", ceased="2024-02-01", until="2024-03-15")
    story.received("2024-02-05", "U012")
    assert list(states(story, "2024-02-06")) == ["02-29", "03-31"]


def test_only_the_document_of_that_month_does_it() -> None:
    story = asked()
    april = story.sent("2026-04-30", "U013", month="2026-04")
    story.sent("2026-04-30", "U013")
    done = [task for task in story.tasks(KIND, "2026-05-01") if task.state == "DONE"]
    assert [(task.opens_on, task.closed_by) for task in done] == [(date(2026, 4, 30), april)]


def test_a_document_sent_before_it_was_asked_for_counts() -> None:
    story = registered()
    sent = story.sent("2026-03-15", "U013", month="2026-03")
    story.received("2026-03-16", "U012", month="2026-03")
    assert story.tasks(KIND, "2026-03-17")[0].closed_by == sent


def test_asking_again_joins_what_is_unfinished_and_adds_earlier_months() -> None:
    story = asked(month="2026-04")
    story.sent("2026-04-30", "U013", month="2026-04")
    again = story.received("2026-05-04", "U012", month="2026-03")
    causes = {f"{task.opens_on:%m}": task.caused_by for task in story.tasks(KIND, "2026-05-05")}
    assert causes == {
        "03": (again,),
        "04": ("m02",),
        "05": ("m02", again),
        "06": ("m02", again),
    }


@pytest.mark.parametrize("event", ["RETURNED", "TOOK_WORK", "DIED", "DEREGISTERED"])
def test_an_early_end_cancels_the_months_after_its_own(event: str) -> None:
    story = asked()
    ended = story.event("2026-04-03", event, on="2026-04-01")
    assert states(story, "2026-04-03") == {
        "03-31": "OPEN",
        "04-30": "PLANNED",
        "05-31": "CANCELLED",
        "06-30": "CANCELLED",
    }
    assert {task.closed_by for task in story.tasks(KIND, "2026-04-03")} == {None, ended}


def test_what_was_sent_stays_done_when_the_case_turns_out_to_have_ended_before() -> None:
    story = asked()
    story.sent("2026-05-04", "U013", month="2026-04")
    story.event("2026-05-05", "RETURNED", on="2026-03-20")
    assert states(story, "2026-05-06") == {
        "03-31": "OVERDUE",
        "04-30": "DONE",
        "05-31": "CANCELLED",
        "06-30": "CANCELLED",
    }


def test_months_that_never_were_leave_no_task() -> None:
    story = registered()
    story.event("2026-04-03", "RETURNED")
    story.received("2026-04-07", "U012", month="2026-03")
    assert states(story, "2026-04-08") == {"03-31": "OPEN", "04-30": "PLANNED"}


def test_an_update_moves_the_last_month_both_ways() -> None:
    story = asked()
    story.registration("2026-03-20", registered_on="2026-03-06", until="2026-04-30")
    assert states(story, "2026-03-20") == {
        "03-31": "PLANNED",
        "04-30": "PLANNED",
        "05-31": "CANCELLED",
        "06-30": "CANCELLED",
    }
    story.registration("2026-03-21", registered_on="2026-03-06", until="2026-07-01")
    assert states(story, "2026-03-21") == dict.fromkeys(
        ["03-31", "04-30", "05-31", "06-30", "07-31"], "PLANNED"
    )


def test_a_request_waits_for_its_registration() -> None:
    story = EuStory()
    request = story.received("2026-03-05", "U012", month="2026-03")
    assert not story.at("2026-03-05").tasks
    story.registration("2026-03-06", until="2026-04-15")
    assert [task.caused_by for task in story.tasks(KIND, "2026-03-06")] == [(request,), (request,)]


def test_an_end_far_ahead_does_not_ask_for_a_lifetime_of_months() -> None:
    story = registered("2200-12-31")
    story.received("2026-03-16", "U012")
    assert len(story.tasks(KIND, "2026-03-17")) == 36


def test_each_month_keeps_its_task_id_whichever_message_asked() -> None:
    first, second = asked(), registered()
    second.received("2026-03-17", "U012", month="2026-03")
    ids = [[task.task_id for task in story.tasks(KIND, "2026-03-18")] for story in (first, second)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4
