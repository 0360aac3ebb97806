"""P4: SIGKILL at any point: nothing lost, no task twice, repeats bear the same id and sequence.

`make chaos` runs the long form, `make chaos SEED=7` another one.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Processes
from tests.integration.stream_room import StreamRoom
from tests.promises.aftermath import (
    decided_tasks,
    first_occurrences,
    ledger_tasks,
    on_topics,
    quiet_moment,
    told_tasks,
)
from tests.promises.chaos import PARTITIONS, Chaos, Plan

SEED = int(os.environ.get("SEED") or 20_260_701)


@pytest.fixture
def room(
    kafka: str, database_url: str, topic_prefix: str, tmp_path: Path, wait_until: Callable[..., None]
) -> StreamRoom:
    return StreamRoom(kafka, database_url, topic_prefix, tmp_path, wait_until, partitions=PARTITIONS)


def test_a_worker_killed_six_times_under_load_loses_nothing_and_repeats_no_task(
    room: StreamRoom, processes: Processes
) -> None:
    survives(Plan(SEED, messages=1_500, kills=6, workers=1), room, processes)


def test_two_workers_that_come_and_go_lose_nothing_and_repeat_no_task(
    room: StreamRoom, processes: Processes
) -> None:
    survives(Plan(SEED + 1, messages=1_000, kills=4, workers=2), room, processes)


@pytest.mark.chaos
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills_in_five_thousand_messages(room: StreamRoom, processes: Processes, workers: int) -> None:
    survives(Plan(SEED + workers, messages=5_000, kills=20, workers=workers), room, processes)


def survives(plan: Plan, room: StreamRoom, processes: Processes) -> None:
    chaos = Chaos(plan, room, processes)
    print(plan)  # noqa: T201 - with the seed a failure can be had again
    figures = chaos.run()
    every_input_has_one_outcome(chaos, room)
    the_tasks_are_those_of_decide(chaos, room)
    repeats = the_topics_hold_each_message_in_order(room)
    print(f"{chaos.inputs} inputs, {figures}; {repeats} records published again")  # noqa: T201


def every_input_has_one_outcome(chaos: Chaos, room: StreamRoom) -> None:
    assert chaos.outcomes() == chaos.inputs
    assert room.rows("SELECT count(*) FROM quarantine") == [(chaos.unreadable,)]
    assert room.rows("SELECT sum(next) FROM positions") == [(chaos.inputs,)]
    sent = {(event["source"], event["id"]) for event in chaos.events}
    assert set(room.rows("SELECT source, id FROM inbox")) == sent
    assert set(room.rows("SELECT source, id FROM facts")) == sent
    assert room.stopped() == {}
    assert room.rows("SELECT key FROM cases WHERE stuck_at IS NOT NULL") == []


def the_tasks_are_those_of_decide(chaos: Chaos, room: StreamRoom) -> None:
    expected = decided_tasks(room, chaos.events, quiet_moment(room))
    assert len(expected) > chaos.plan.messages / 10
    assert ledger_tasks(room) == expected


def the_topics_hold_each_message_in_order(room: StreamRoom) -> int:
    """Returns how many records are repeats."""
    repeats = 0
    told: dict[str, str] = {}
    for recipient, records in on_topics(room).items():
        first = first_occurrences(records)
        repeats += len(records) - len(first)
        rows = room.rows(
            "SELECT sequence, source, message_id, type FROM outbound WHERE recipient = %s ORDER BY sequence",
            recipient,
        )
        assert [(r.sequence, r.source, r.id, r.type) for r in first] == rows
        assert [record.sequence for record in first] == list(range(1, len(first) + 1))
        assert len({(record.source, record.id) for record in first}) == len(first)
        tasks = told_tasks(first)
        assert told.keys().isdisjoint(tasks), "two recipients have the same task"
        told |= {id_: f"{recipient} {task['state']}" for id_, task in tasks.items()}
    routed = [task for task in ledger_tasks(room).values() if task["recipient"] is not None]
    assert told == {task["task_id"]: f"{task['recipient']} {task['state']}" for task in routed}
    return repeats
