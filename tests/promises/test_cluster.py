"""A cluster of our own in the production profile: what is killed costs seconds, never a message or a task."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.embedded.postgres import EmbeddedPostgres
from tests.integration.secured_kafka import ADMIN, SecuredKafka
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes
from tests.promises.chaos import PARTITIONS, Plan
from tests.promises.cluster_run import USERS, ClusterRun, production
from tests.promises.survival import (
    every_input_has_one_outcome,
    the_tasks_are_those_of_decide,
    the_topics_hold_each_message_in_order,
)

SEED = int(os.environ.get("SEED") or 20_261_121)


@pytest.mark.timeout(600)
def test_a_broker_the_leader_and_the_database_are_killed_and_the_tasks_are_those_of_decide(
    own_postgres: EmbeddedPostgres, processes: Processes, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    survives(Plan(SEED, messages=400, kills=1, workers=2), own_postgres, processes, tmp_path, wait_until)


@pytest.mark.chaos
@pytest.mark.timeout(1_200)
def test_four_rounds_of_kills_in_four_thousand_messages(
    own_postgres: EmbeddedPostgres, processes: Processes, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    survives(Plan(SEED, messages=4_000, kills=4, workers=2), own_postgres, processes, tmp_path, wait_until)


def survives(
    plan: Plan,
    postgres: EmbeddedPostgres,
    processes: Processes,
    directory: Path,
    wait_until: Callable[..., None],
) -> None:
    with SecuredKafka(directory / "kafka", nodes=3) as kafka:
        kafka.add_users(*USERS)
        settings = production(kafka, ADMIN, postgres.url, directory)
        for command in (("migrate",), ("database", "roles", "apply"), ("topics", "apply")):
            done = processes.start("overgang", *command, environment=settings)
            assert done.wait(60) == 0, done.output
        room = StreamRoom(
            kafka.bootstrap,
            postgres.url,
            "",
            directory,
            wait_until,
            partitions=PARTITIONS,
            login=kafka.login(ADMIN),
            replicas=3,
        )
        run = ClusterRun(plan, room, processes, kafka, postgres)
        times = run.run_cluster()
        every_input_has_one_outcome(run, room)
        the_tasks_are_those_of_decide(run, room)
        repeats = the_topics_hold_each_message_in_order(room)
        print(f"{plan}\n{times}\n{run.inputs} inputs, {repeats} records published again")  # noqa: T201
