"""One finished run of the real gateway for all promises that are checked on what a run leaves behind."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from tests.conftest import Processes
from tests.integration.api_server import until
from tests.integration.stream_room import StreamRoom
from tests.promises.finished_run import PARTITIONS, FinishedRun, finished_run


@pytest.fixture(scope="session")
def run(
    shared_kafka: EmbeddedKafka,
    shared_postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FinishedRun]:
    name = f"run_{uuid4().hex[:12]}"
    with psycopg.connect(shared_postgres.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    directory = tmp_path_factory.mktemp("run")
    processes = Processes(directory)
    try:
        room = StreamRoom(
            shared_kafka.bootstrap,
            shared_postgres.url_of(name),
            f"{name}.",
            directory,
            lambda condition, timeout=20, what="": until(condition, timeout),
            partitions=PARTITIONS,
        )
        yield finished_run(room, processes)
    finally:
        processes.end_all()
        with psycopg.connect(shared_postgres.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
