"""A municipality merges on the running ledger: tasks move at midnight, late messages find the successor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.migrate import migrate
from streams.ledger.sealing import Seal
from streams.rules import rule_files
from tests.integration.ledger_room import ALMA, WRAPPING, Partition, contacted, notice, rows, take
from tests.unit.rules.own_lists import merged

AARHUS, ODENSE = "/municipality/751", "/municipality/461"
MERGER = datetime(2026, 10, 4, 22, tzinfo=UTC)  # Monday 5 October in Denmark.
TASK = "SELECT recipient, state, revision FROM tasks"
SENT = "SELECT recipient, split_part(type, '.', 3) FROM outbound ORDER BY n"
LIVING_THERE = {"citizen": ALMA, "study_start_on": "2026-09-28"}


@pytest.fixture
def ledger(database_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """Aarhus is part of Odense from 5 October 2026."""
    lists = merged(tmp_path, municipalities={"751": ("2026-10-04", "461")})
    migrate(database_url)
    with Ledger(database_url, Seal(WRAPPING), Rulebook(rule_files.shipped(), lists)) as opened:
        yield opened


def test_at_the_mergers_midnight_the_task_is_withdrawn_and_sent_to_the_successor(
    ledger: Ledger, database_url: str
) -> None:
    take(ledger, Partition("dropout-risk"), [notice(**LIVING_THERE)])
    assert rows(database_url, TASK) == [(AARHUS, "OPEN", 1)]
    assert rows(database_url, "SELECT next_change FROM cases") == [(MERGER,)]
    before = rows(database_url, SENT)
    assert before == [(AARHUS, "dropout-risk"), (AARHUS, "task")]

    assert ledger.decide_due(MERGER - timedelta(seconds=1), 10) == 0
    assert ledger.decide_due(MERGER, 10) == 1
    assert rows(database_url, TASK) == [(ODENSE, "OPEN", 2)]
    assert rows(database_url, SENT) == [
        *before,
        (ODENSE, "dropout-risk"),
        (AARHUS, "task"),
        (ODENSE, "task"),
    ]
    # Due on Thursday the 8th, as before: overdue from the 9th.
    assert ledger.decide_due(MERGER, 10) == 0
    assert rows(database_url, "SELECT next_change FROM cases") == [(datetime(2026, 10, 8, 22, tzinfo=UTC),)]


def test_a_finished_task_stays_and_nobody_is_told_anything(ledger: Ledger, database_url: str) -> None:
    take(ledger, Partition("dropout-risk"), [notice(**LIVING_THERE)])
    take(ledger, Partition("follow-up"), [contacted()])
    before = rows(database_url, SENT)
    assert ledger.decide_due(MERGER, 10) == 0
    assert rows(database_url, TASK) == [(AARHUS, "DONE", 2)]
    assert rows(database_url, SENT) == before


def test_a_message_of_before_the_merger_that_comes_after_it_goes_to_the_successor_once(
    ledger: Ledger, database_url: str
) -> None:
    late = MERGER + timedelta(hours=10)
    partition = Partition("dropout-risk")
    take(ledger, partition, [notice(**LIVING_THERE)], late)
    expected = [(ODENSE, "dropout-risk"), (ODENSE, "task")]
    assert rows(database_url, SENT) == expected
    take(ledger, partition, [notice("2026-10-05T09:00:00+02:00", **LIVING_THERE)], late)
    # The second notice joins the task, which is told anew.
    assert rows(database_url, SENT) == expected * 2
