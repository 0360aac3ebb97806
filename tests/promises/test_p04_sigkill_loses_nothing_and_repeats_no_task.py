"""P4: SIGKILL at any point: nothing lost, no task twice, repeats bear the same id and sequence.

`make chaos` runs the long form, `make chaos SEED=7` another one.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.stream_room import StreamRoom
from tests.processes import Processes
from tests.promises.chaos import PARTITIONS, Chaos, Plan
from tests.promises.survival import (
    every_input_has_one_outcome,
    the_tasks_are_those_of_decide,
    the_topics_hold_each_message_in_order,
)

SEED = int(os.environ.get("SEED") or 20_260_701)


@pytest.fixture
def room(
    kafka: str, database_url: str, topic_prefix: str, tmp_path: Path, wait_until: Callable[..., None]
) -> StreamRoom:
    return StreamRoom(kafka, database_url, topic_prefix, tmp_path, wait_until, partitions=PARTITIONS)


def test_a_worker_killed_four_times_under_load_loses_nothing_and_repeats_no_task(
    room: StreamRoom, processes: Processes
) -> None:
    survives(Plan(SEED, messages=1_000, kills=4, workers=1), room, processes)


def test_two_workers_that_come_and_go_lose_nothing_and_repeat_no_task(
    room: StreamRoom, processes: Processes
) -> None:
    survives(Plan(SEED + 1, messages=700, kills=3, workers=2), room, processes)


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
