"""How simulated messages travel: late, twice, swapped, under ids used before."""

from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from connectors.simulation import simulate


@pytest.fixture(scope="module")
def arrivals() -> list[dict[str, Any]]:
    return list(simulate(1_000, 52, 11))


def first_of_each(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({e["id"]: e for e in reversed(events)}.values())[::-1]


def test_two_or_three_in_a_hundred_messages_are_repeated_with_the_same_content(
    arrivals: list[dict[str, Any]],
) -> None:
    contents: defaultdict[str, list[str]] = defaultdict(list)
    for event in arrivals:
        contents[event["id"]].append(repr(event))
    repeated = sum(len(told) > len(set(told)) for told in contents.values())
    assert 0.015 < repeated / len(contents) < 0.035


def test_a_few_ids_are_used_again_with_another_content(arrivals: list[dict[str, Any]]) -> None:
    contents: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for event in arrivals:
        contents[event["source"], event["id"]].add(repr(event))
    reused = [told for told in contents.values() if len(told) > 1]
    assert 0 < len(reused) < 0.002 * len(contents)


def test_messages_come_mostly_in_order_of_time_and_some_late(arrivals: list[dict[str, Any]]) -> None:
    times = [datetime.fromisoformat(e["time"]) for e in first_of_each(arrivals)]
    latest = times[0]
    late_by = []
    for told in times:
        latest = max(latest, told)
        late_by.append((latest - told).total_seconds())
    assert sum(late < 300 for late in late_by) > 0.85 * len(times)
    assert any(late > 24 * 3600 for late in late_by)
    assert max(late_by) <= 4 * 24 * 3600


def test_pairs_of_one_citizen_arrive_swapped(arrivals: list[dict[str, Any]]) -> None:
    told: defaultdict[str, list[str]] = defaultdict(list)
    for event in first_of_each(arrivals):
        if number := event["data"].get("citizen", {}).get("cpr"):
            told[number].append(event["time"][:19])
    swapped = Counter(later < earlier for times in told.values() for earlier, later in pairwise(times))
    assert 0 < swapped[True] < 0.1 * swapped.total()


def test_an_acknowledgement_names_a_message_that_a_municipality_sent(
    arrivals: list[dict[str, Any]],
) -> None:
    contacts = [e for e in arrivals if e["type"] == "dk.overgang.contact-details.v1"]
    told = {e["id"] for e in contacts if e["source"].startswith("/municipality/")}
    acknowledged = {e["data"]["acknowledges"] for e in contacts if "acknowledges" in e["data"]}
    assert acknowledged
    assert len(acknowledged & told) > 0.99 * len(acknowledged)
