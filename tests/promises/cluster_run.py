"""The demo's load on a cluster of our own, in the production profile, while parts of it are killed.

Three secured brokers (three replicas, two in sync), a PostgreSQL, two workers. What is sent goes on while a
broker, the leading worker and the database end; the times until all of it was decided and published are kept.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from confluent_kafka import KafkaException, Producer, TopicCollection

from connectors.embedded.postgres import EmbeddedPostgres
from schemas.identifiers import SystemId
from schemas.pseudonym import load_or_make_key
from schemas.seal import Stamp, covered, seal
from streams.broker_access import client_settings
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.seal_keys import SealKeys
from tests.integration.database_users import as_user
from tests.integration.secured_kafka import SecuredKafka
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes, Running
from tests.promises.chaos import PARTITIONS, SESSION_MS, Chaos, Headers, Plan

USERS = ("overgang-worker", "overgang-api", "overgang-operator")
EDGE = SystemId("edge-client")
WORKERS = 2


@dataclass
class Times:
    """Seconds from the end of a part until all that was sent, before and after, was decided and published."""

    recoveries: list[tuple[str, float]] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"{what}: {seconds:.1f} s" for what, seconds in self.recoveries)


def production(kafka: SecuredKafka, user: str, database_url: str, directory: Path) -> dict[str, str]:
    """Settings of the production profile, every secret a file that the operator has made."""
    load_or_make_key(directory / "pseudonym.key")
    load_or_make_wrapping_key(directory / "wrapping.key")
    SealKeys(directory / "keys" / "seal.keys")
    keys = directory / "issuer.jwks"
    keys.write_text('{"keys": []}')
    return {
        **kafka.settings(user),
        "OVERGANG_PROFILE": "production",
        "OVERGANG_DATA_DIRECTORY": str(directory / "data"),
        "OVERGANG_DATABASE_URL": database_url,
        "OVERGANG_PSEUDONYM_KEY_FILE": str(directory / "pseudonym.key"),
        "OVERGANG_WRAPPING_KEY_FILE": str(directory / "wrapping.key"),
        "OVERGANG_SEAL_KEYS_FILE": str(directory / "keys" / "seal.keys"),
        "OVERGANG_TOKEN_ISSUER": "https://issuer.example",
        "OVERGANG_TOKEN_KEYS": str(keys),
        "OVERGANG_WEBHOOK_ORIGIN": "overgang.example",
        "OVERGANG_REPLICATION_FACTOR": "3",
        "OVERGANG_INBOUND_PARTITIONS": str(PARTITIONS),
    }


class ClusterRun(Chaos):
    """`run_cluster()` returns when every input has its outcome and every row is published."""

    # Three brokers that start and elect on two busy cores.
    patience = 120.0

    def __init__(
        self,
        plan: Plan,
        room: StreamRoom,
        processes: Processes,
        kafka: SecuredKafka,
        postgres: EmbeddedPostgres,
    ) -> None:
        self._kafka, self._postgres = kafka, postgres
        self._seals = SealKeys(room.config().seal_keys_file)
        self._ports: dict[int, int] = {}
        self._port = 0
        self.times = Times()
        super().__init__(plan, room, processes)

    def run_cluster(self) -> Times:
        times = self.times
        portion = self.plan.messages // (5 * self.plan.kills + 1)
        self._start(WORKERS)
        for _ in range(self.plan.kills):
            node = self._random.choice(self._kafka.nodes)
            self._busy(portion)
            times.recoveries.append(("a broker killed", self._recovery(node.kill, portion)))
            began = time.monotonic()
            node.start()
            self._until(self._all_in_sync, "every replica in sync")
            times.recoveries.append(("that broker started, all in sync", time.monotonic() - began))
            self._busy(portion)
            times.recoveries.append(("the leading worker killed", self._recovery(self._kill_leader, portion)))
            self._start(WORKERS)
            self._busy(portion)
            times.recoveries.append(("PostgreSQL killed and started", self._recovery(self._new_postgres, 0)))
        self._send(self.plan.messages - self._sent)
        self._until(self._finished, "every input decided and published")
        for worker in self._running:
            self._stop(worker)
        return times

    def _busy(self, count: int) -> None:
        """Put so many on the topics and return while they are worked on."""
        before = self.outcomes()
        self._send(count)
        self._until(lambda: self.outcomes() > before, "something was decided")

    def _recovery(self, end: Callable[[], None], count: int) -> float:
        began = time.monotonic()
        end()
        self._send(count)
        self._until(self._finished, "everything decided and published")
        return time.monotonic() - began

    def _finished(self) -> bool:
        return self.outcomes() >= self.inputs and self._nothing_waits()

    def _kill_leader(self) -> None:
        self._until(lambda: any(map(self._leads, self._running)), "a worker leads")
        [leader] = [worker for worker in self._running if self._leads(worker)]
        self._running.remove(leader)
        leader.kill()

    def _leads(self, worker: Running) -> bool:
        answer = httpx.get(f"http://127.0.0.1:{self._ports[worker.pid]}/metrics", timeout=5, trust_env=False)
        return "overgang_relay_leader 1.0" in answer.text

    def _new_postgres(self) -> None:
        self._postgres.kill()
        self._postgres.start()

    def _all_in_sync(self) -> bool:
        admin = self._kafka.admin()
        try:
            ours = [name for name in admin.list_topics(timeout=5).topics if name.startswith(("in", "out"))]
            found = admin.describe_topics(TopicCollection(ours), request_timeout=5)
            partitions = [part for topic in found.values() for part in topic.result(5).partitions]
        except (KafkaException, TimeoutError):
            return False
        return all(len(part.isr) == len(part.replicas) == len(self._kafka.nodes) for part in partitions)

    def _standing(self) -> str:
        reasons = [
            httpx.get(f"http://127.0.0.1:{self._ports[w.pid]}/health/ready", timeout=5, trust_env=False).text
            for w in self._running
        ]
        return f"{super()._standing()}; workers: {reasons}; so far: {self.times}"

    def _start(self, count: int) -> None:
        while len(self._running) < count:
            super()._start(len(self._running) + 1)
            self._ports[self._running[-1].pid] = self._port
        for worker in self._running:
            worker.wait_for_line("worker answers", 60)

    def _environment(self) -> dict[str, str]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        room = self._room
        return {
            **production(
                self._kafka, "overgang-worker", as_user(room.database_url, "overgang-worker"), room.directory
            ),
            "OVERGANG_WORKER_PORT": str(self._port),
            "OVERGANG_BATCH_SIZE": "20",
            "OVERGANG_SESSION_TIMEOUT_MS": str(SESSION_MS),
        }

    def _new_producer(self) -> Producer:
        login = self._kafka.login("overgang-api")
        return Producer(
            {
                **client_settings(self._kafka.bootstrap, login),
                "enable.idempotence": True,
                "acks": "all",
                "log_level": 0,
            }
        )

    def _put(self, topic: str, key: bytes, headers: Headers, value: bytes) -> None:
        stamp = Stamp(EDGE, int(time.time() * 1000))
        proof = seal(self._seals.sealing(), covered(topic, headers, value), stamp)
        super()._put(topic, key, [*headers, proof], value)
