"""Broker and database for one gateway: those that are configured, embedded ones for the rest."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from connectors.embedded.jars import Progress
from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Where broker and database are; `broker` and `database` are None where others run them."""

    bootstrap: str
    database_url: str
    broker: EmbeddedKafka | None
    database: EmbeddedPostgres | None


@contextmanager
def services(settings: Settings, *, progress: Progress | None = None) -> Iterator[Services]:
    """Start what is not configured, both at once, in `settings.data_directory`; stop it at the end.

    `progress` hears of downloads, from another thread. Raises EmbeddedFailure.
    """
    directory = settings.data_directory
    broker = (
        None
        if settings.kafka_bootstrap is not None
        else EmbeddedKafka(directory / "kafka", progress=progress)
    )
    database = None if settings.database_url is not None else EmbeddedPostgres(directory / "postgres")
    with ExitStack() as stack:
        with ThreadPoolExecutor(1, "broker") as thread:
            starting = None
            if broker is not None:
                stack.callback(broker.stop)
                starting = thread.submit(broker.start)
            if database is not None:
                stack.callback(database.stop)
                database.start()
            if starting is not None:
                starting.result()
        yield Services(
            bootstrap=broker.bootstrap if broker is not None else str(settings.kafka_bootstrap),
            database_url=database.url if database is not None else str(settings.database_url),
            broker=broker,
            database=database,
        )
