"""`REMIND_RETURN` and `SEND_U014`: before the benefit's end, and after the case's."""

from datetime import date

import pytest
from eu_story import EuStory, registered
from rule_story import AARHUS, instant

REMIND, FINAL = "REMIND_RETURN", "SEND_U014"
ENDINGS = ["RETURNED", "TOOK_WORK", "DIED", "DEREGISTERED"]


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ({"until": "2026-06-01"}, date(2026, 6, 1)),
        # 2 March is the first of the days: 30 of March's, 30, 30.
        ({"until": None, "max_days": 90}, date(2026, 5, 30)),
        ({"until": None, "max_days": 1}, date(2026, 3, 2)),
        ({"until": None}, date(2026, 6, 2)),
        ({"until": None, "ceased": "2025-11-30"}, date(2026, 2, 28)),
        ({"until": "2026-02-27"}, date(2026, 2, 27)),
    ],
)
def test_the_end_is_the_last_day_named_or_counted_or_assumed(period: dict[str, object], end: date) -> None:
    story = registered(**period)  # type: ignore[arg-type]
    assert story.task(REMIND, "2026-03-06").due_on == end
    assert story.task(FINAL, "2026-03-06").opens_on == date.fromordinal(end.toordinal() + 1)


def test_the_reminder_opens_fourteen_days_before_the_end_and_expires_after_it() -> None:
    story = registered()
    story.sent("2026-03-06", "U009")
    task = story.task(REMIND, "2026-03-07")
    assert (task.opens_on, task.due_on, task.state) == (date(2026, 5, 18), date(2026, 6, 1), "PLANNED")
    assert (task.mandatory, task.legal_basis) == (False, "forordning (EF) nr. 883/2004 art. 64, stk. 2")
    assert story.at("2026-03-07").next_change == instant("2026-05-18T00:00:00+02:00")
    assert story.task(REMIND, "2026-05-18T00:00:00+02:00").state == "OPEN"
    assert story.task(REMIND, "2026-06-01T23:59:59+02:00").state == "OPEN"
    expired = story.task(REMIND, "2026-06-02T00:00:00+02:00")
    assert (expired.state, expired.closed_by, expired.due_on) == ("EXPIRED", None, date(2026, 6, 1))


@pytest.mark.parametrize("event", ENDINGS)
def test_an_ending_event_does_the_reminder_and_opens_the_final_information(event: str) -> None:
    story = registered()
    ended = story.event("2026-04-01", event, on="2026-03-31")
    reminder, final = story.task(REMIND, "2026-04-01"), story.task(FINAL, "2026-04-01")
    assert (reminder.state, reminder.closed_by) == ("DONE", ended)
    assert (reminder.opens_on, reminder.due_on) == (date(2026, 5, 18), date(2026, 6, 1))
    # Easter: 7, 8, 9, 10, 13 April.
    assert (final.state, final.opens_on, final.due_on) == ("OPEN", date(2026, 4, 1), date(2026, 4, 13))
    assert (final.caused_by, final.task_id) == (("m01", ended), story.task(FINAL, "2026-03-31").task_id)


@pytest.mark.parametrize("event", ["CIRCUMSTANCE", "SED_SENT", "SED_RECEIVED"])
def test_other_events_end_nothing(event: str) -> None:
    story = registered()
    story.event("2026-04-01", event, "U008")
    assert story.task(REMIND, "2026-04-02").state == "PLANNED"
    assert story.task(FINAL, "2026-04-02").opens_on == date(2026, 6, 2)


def test_the_final_information_is_planned_from_the_start_for_the_day_after_the_end() -> None:
    task = registered().task(FINAL, "2026-03-06")
    # 2 June + 5: 3, 4, 8, 9, 10 (5 June is off).
    assert (task.state, task.opens_on, task.due_on) == ("PLANNED", date(2026, 6, 2), date(2026, 6, 10))
    assert (task.mandatory, task.legal_basis) == (True, "forordning (EF) nr. 987/2009 art. 55")
    assert registered().task(FINAL, "2026-06-01T22:00:00+00:00").state == "OPEN"


def test_sending_it_does_it_also_before_it_opened() -> None:
    for time in ("2026-04-01", "2026-06-05"):
        story = registered()
        sent = story.sent(time, "U014")
        task = story.task(FINAL, "2026-06-06")
        assert (task.state, task.closed_by) == ("DONE", sent)


def test_after_the_first_ending_event_later_ones_change_nothing() -> None:
    story = registered()
    first = story.event("2026-04-07", "TOOK_WORK", on="2026-04-06")
    before = story.at("2026-04-07").tasks
    story.event("2026-04-07T10:30:00+02:00", "RETURNED", on="2026-03-20")
    assert story.at("2026-04-07T11:00:00+02:00").tasks == before
    assert story.task(REMIND, "2026-04-08").closed_by == first


def test_an_end_known_after_the_benefits_end_leaves_the_dates_and_the_expired_reminder() -> None:
    story = registered()
    late = story.event("2026-06-04", "RETURNED", on="2026-05-29")
    assert story.task(REMIND, "2026-06-05").state == "EXPIRED"
    final = story.task(FINAL, "2026-06-05")
    assert (final.opens_on, final.due_on, final.caused_by) == (
        date(2026, 6, 2),
        date(2026, 6, 10),
        ("m01", late),
    )


def test_an_end_on_the_last_day_still_does_the_reminder() -> None:
    story = registered()
    story.event("2026-06-01T23:59:59+02:00", "RETURNED")
    assert story.task(REMIND, "2026-06-02").state == "DONE"
    assert story.task(FINAL, "2026-06-02").opens_on == date(2026, 6, 1)


def test_an_extension_moves_both_also_when_it_comes_after_the_old_end() -> None:
    for time in ("2026-05-20", "2026-06-03"):
        story = registered()
        update = story.registration(time, registered_on="2026-03-06", until="2026-09-01")
        reminder, final = story.task(REMIND, time), story.task(FINAL, time)
        assert (reminder.state, reminder.opens_on, reminder.due_on) == (
            "PLANNED",
            date(2026, 8, 18),
            date(2026, 9, 1),
        )
        assert (final.state, final.opens_on, final.caused_by) == (
            "PLANNED",
            date(2026, 9, 2),
            ("m01", update),
        )


def test_an_update_after_an_early_end_moves_neither() -> None:
    story = registered()
    story.event("2026-04-01", "RETURNED")
    before = story.task(REMIND, "2026-04-02"), story.task(FINAL, "2026-04-02").opens_on
    story.registration("2026-04-02", registered_on="2026-03-06", until="2026-09-01")
    assert (story.task(REMIND, "2026-04-03"), story.task(FINAL, "2026-04-03").opens_on) == before


def test_an_ending_event_waits_for_its_registration() -> None:
    story = EuStory()
    ended = story.event("2026-03-05", "TOOK_WORK")
    story.registration("2026-03-06", until="2026-06-01")
    reminder, final = story.task(REMIND, "2026-03-06"), story.task(FINAL, "2026-03-06")
    assert (reminder.state, reminder.closed_by) == ("DONE", ended)
    # 5 March + 5: 6, 9, 10, 11, 12.
    assert (final.state, final.opens_on, final.due_on) == ("OPEN", date(2026, 3, 5), date(2026, 3, 12))
    assert story.task("SEND_U009", "2026-03-06").state == "OPEN"


def test_a_retracted_end_is_none() -> None:
    story = registered()
    ended = story.event("2026-04-01", "RETURNED")
    story.correction("2026-04-02", retracts=(AARHUS, ended))
    assert story.task(REMIND, "2026-04-03").state == "PLANNED"
    assert story.task(FINAL, "2026-04-03").opens_on == date(2026, 6, 2)


def test_an_event_opens_the_final_information_of_a_case_from_before_the_first_rule_set() -> None:
    story = EuStory()
    story.registration("2021-12-20", ceased="2021-12-15", until="2022-03-14")
    ended = story.event("2022-01-10", "RETURNED")
    (task,) = story.at("2022-01-11").tasks
    assert (task.kind, task.caused_by, task.due_on) == (FINAL, (ended,), date(2022, 1, 17))


def test_an_end_after_the_benefits_end_that_waited_finds_the_reminder_expired() -> None:
    story = EuStory()
    story.event("2026-06-04", "RETURNED")
    story.registration("2026-06-05", registered_on="2026-03-06", until="2026-06-01")
    assert story.task(REMIND, "2026-06-05").state == "EXPIRED"
    assert story.task(FINAL, "2026-06-05").opens_on == date(2026, 6, 2)


def test_an_extension_after_a_late_end_leaves_the_reminder_expired() -> None:
    story = registered()
    story.event("2026-06-05", "RETURNED", on="2026-06-04")
    story.registration("2026-06-08", registered_on="2026-03-06", until="2026-09-01")
    assert story.task(REMIND, "2026-06-09").state == "EXPIRED"
    assert story.task(FINAL, "2026-06-09").opens_on == date(2026, 6, 5)
