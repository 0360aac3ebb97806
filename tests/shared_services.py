"""The broker and the database server that all tests of a run share."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres


class SharedServices:
    """The run's one broker and one database server, each started when it is first asked for.

    In a worker of a parallel run (`workerinput`) they are those of the run's main process.
    """

    def __init__(self, workerinput: Mapping[str, str] | None) -> None:
        self._given = workerinput
        self._ends = ExitStack()

    @cached_property
    def directory(self) -> Path:
        """Holds their data and logs. Not pytest's own temporary directory: that one keeps three runs."""
        if self._given is not None:
            return Path(self._given["infrastructure"])
        temporary = tempfile.TemporaryDirectory(prefix="overgang-tests-", ignore_cleanup_errors=True)
        return Path(self._ends.enter_context(temporary))

    @cached_property
    def bootstrap(self) -> str:
        if self._given is not None:
            return self._given["bootstrap"]
        return self._ends.enter_context(EmbeddedKafka(self.directory / "kafka")).bootstrap

    @cached_property
    def database_url(self) -> str:
        if self._given is not None:
            return self._given["database_url"]
        server = EmbeddedPostgres(self.directory / "postgres", durable=False)
        return self._ends.enter_context(server).url

    def for_worker(self) -> dict[str, str]:
        """What a worker of a parallel run has to know; starts both."""
        return {
            "infrastructure": str(self.directory),
            "bootstrap": self.bootstrap,
            "database_url": self.database_url,
        }

    def end(self) -> None:
        self._ends.close()
