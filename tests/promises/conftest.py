"""One finished run of the real gateway for all promises that are checked on what a run leaves behind."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.conftest import fresh_database
from tests.integration.api_server import until
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes
from tests.promises.finished_run import PARTITIONS, FinishedRun, finished_run


@pytest.fixture(scope="session")
def run(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FinishedRun]:
    directory = tmp_path_factory.mktemp("run")
    processes = Processes(directory)
    with fresh_database(shared_postgres) as database_url:
        try:
            room = StreamRoom(
                shared_kafka,
                database_url,
                f"run_{uuid4().hex[:12]}.",
                directory,
                lambda condition, timeout=20, what="": until(condition, timeout),
                partitions=PARTITIONS,
            )
            yield finished_run(room, processes)
        finally:
            processes.end_all()
