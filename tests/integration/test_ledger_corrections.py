"""Corrections on the running ledger: what they take back, assign and merge, in whichever order they come."""

from typing import Any

import pytest

from schemas.identifiers import CaseKey
from streams.ledger.engine import engine_for
from streams.ledger.migrate import migrate
from streams.ledger.timeline import timeline_of
from tests.integration.ledger_room import (
    ALMA,
    Partition,
    contacted,
    event,
    ledger_on,
    notice,
    rows,
    status,
    take,
)

SECOND_NUMBER = "7405034125"
Event = dict[str, Any]


def correction(source: str = "/gateway", time: str = "2026-10-02T11:00:00+02:00", **data: Any) -> Event:
    return event("correction", source, time, {"reason": "entered by mistake", **data})


def tasks(database_url: str) -> list[tuple[Any, ...]]:
    return rows(database_url, "SELECT kind, recipient, state FROM tasks ORDER BY kind, state")


def other_number(given: Event) -> Event:
    citizen = {**given["data"]["citizen"], "cpr": SECOND_NUMBER}
    return {**given, "data": {**given["data"], "citizen": citizen}}


def story() -> tuple[Event, Event, Event]:
    told, reaction = notice(study_start_on="2026-09-28"), contacted()
    return told, reaction, correction("/municipality/751", retracts=reaction["id"])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_a_retracted_contact_leaves_the_task_open_whichever_comes_first(
    database_url: str, order: tuple[int, ...]
) -> None:
    told = story()
    with ledger_on(database_url) as ledger:
        for place in order:
            flow = told[place]["type"].split(".")[2]
            take(ledger, Partition(flow), [told[place]])
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", None, "OPEN")]
    assert rows(database_url, "SELECT count(*) FROM facts") == [(3,)]


def test_a_retraction_survives_the_end_of_the_process(database_url: str) -> None:
    told, reaction, retraction = story()
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [told])
        take(ledger, Partition("follow-up"), [reaction])
        take(ledger, Partition("correction"), [retraction])
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/751", "OPEN")]


def test_nobody_but_its_sender_and_the_operator_takes_a_message_back(database_url: str) -> None:
    told, reaction, _ = story()
    foreign = correction("/municipality/101", retracts=reaction["id"], of="/municipality/751")
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [told])
        take(ledger, Partition("follow-up"), [reaction])
        take(ledger, Partition("correction"), [foreign])
        assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", None, "DONE")]
        operators = correction(retracts=reaction["id"], of="/municipality/751")
        take(ledger, Partition("correction"), [operators])
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", None, "OPEN")]


def test_an_unrouted_case_is_assigned_by_the_operator(database_url: str) -> None:
    unknown = {"cpr": ALMA["cpr"]}
    assigned = correction(assigns={"citizen": unknown, "municipality": "461"})
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
        assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", None, "OPEN")]
        take(ledger, Partition("correction"), [assigned])
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/461", "OPEN")]
    forwarded = rows(database_url, "SELECT recipient FROM outbound WHERE type LIKE '%%dropout-risk%%'")
    assert forwarded == [("/municipality/461",)]


@pytest.mark.parametrize("merge_first", [False, True])
def test_two_numbers_of_one_citizen_become_one_case_and_keep_the_task(
    database_url: str, merge_first: bool
) -> None:
    merge = correction(merges={"citizen": {"cpr": ALMA["cpr"]}, "into": {"cpr": SECOND_NUMBER}})
    told = notice(study_start_on="2026-09-28")
    with ledger_on(database_url) as ledger:
        steps = [("dropout-risk", told), ("correction", merge)]
        for flow, given in reversed(steps) if merge_first else steps:
            take(ledger, Partition(flow), [given])
        [[task_id]] = rows(database_url, "SELECT task_id FROM tasks")
        take(ledger, Partition("citizen-status"), [other_number(status("751", "2026-09-01"))])
        assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/751", "OPEN")]
        take(ledger, Partition("follow-up"), [other_number(contacted())])
    assert tasks(database_url) == [("CONTACT_YOUNG_PERSON", "/municipality/751", "DONE")]
    assert rows(database_url, "SELECT task_id FROM tasks") == [(task_id,)]
    assert rows(database_url, "SELECT count(DISTINCT case_key) FROM facts") == [(1,)]
    assert rows(database_url, "SELECT count(*) FROM cases WHERE merged_into IS NULL") == [(1,)]


def test_a_merged_case_is_found_by_either_pseudonym_and_can_be_read_again(database_url: str) -> None:
    merge = correction(merges={"citizen": {"cpr": ALMA["cpr"]}, "into": {"cpr": SECOND_NUMBER}})
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [notice(), other_number(notice())])
        take(ledger, Partition("correction"), [merge])
    # Another process, which has none of it in memory, reads facts that were sealed anew.
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("follow-up"), [contacted()])
    keys = [CaseKey(key) for (key,) in rows(database_url, "SELECT key FROM cases")]
    with engine_for(database_url).connect() as connection:
        found = [timeline_of(connection, key) for key in keys]
    assert len(keys) == 2
    assert [len(timeline.messages) for timeline in found if timeline] == [4, 4]
    # One citizen from the beginning: the second notice joins the task of the first.
    assert [state for _, _, state in tasks(database_url)] == ["DONE", "WITHDRAWN"]


def test_merges_of_three_numbers_end_in_one_case(database_url: str) -> None:
    third = "7405034127"
    merges = [
        correction(merges={"citizen": {"cpr": old}, "into": {"cpr": new}})
        for old, new in ((ALMA["cpr"], SECOND_NUMBER), (SECOND_NUMBER, third))
    ]
    partition = Partition("correction")
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), [notice(), other_number(notice())])
        for merge in merges:
            take(ledger, partition, [merge])
        take(ledger, Partition("follow-up"), [contacted(), other_number(contacted())])
    assert rows(database_url, "SELECT count(*) FROM cases WHERE merged_into IS NULL") == [(1,)]
    assert rows(database_url, "SELECT count(DISTINCT case_key), count(*) FROM facts") == [(1, 6)]


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    assert migrate(database_url) == migrate(database_url)
