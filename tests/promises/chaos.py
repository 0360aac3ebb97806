"""Workers killed with SIGKILL at random moments under load, and what must hold when all is over.

The load is what the simulated parties send of the five main flows, late and repeated messages among them,
with inputs nobody can read in between. It is put on the topics in portions, one ahead of every kill.
"""

import json
import random
import statistics
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer

from connectors.simulation import simulate
from schemas.cloudevent import from_structured, to_kafka
from tests.integration.ledger_room import LISTS
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes, Running

MAIN_FLOWS = ("enrolment", "dropout-risk", "contact-details", "citizen-status", "follow-up")
PARTITIONS = 3
WEEKS = 2
SESSION_MS = 2_000
"""So long the dead worker's partitions wait for its successor; with the default every kill costs 10 s."""
PATIENCE = 60.0
STARTING = (0.1, 2.5)
"""Seconds after its start at which a worker may be killed that has not done anything yet."""
LOOK_SECONDS = 0.02
UNREADABLE_EVERY = 50

Event = dict[str, Any]
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Plan:
    """How many messages, how many kills, at most how many workers at once. The seed decides the rest."""

    seed: int
    messages: int
    kills: int
    workers: int


@dataclass
class Figures:
    """Seconds from each kill until the next input had its outcome, by whoever was left or came."""

    recoveries: list[float] = field(default_factory=list)
    stops: int = 0

    def __str__(self) -> str:
        found = sorted(self.recoveries)
        return (
            f"{len(found)} kills, {self.stops} stops; from a kill to the next outcome: median"
            f" {statistics.median(found):.1f} s, longest {found[-1]:.1f} s (session timeout {SESSION_MS} ms)"
        )


def load(plan: Plan) -> list[Event]:
    """That many messages in their order of arrival, repeats among them.

    Less those that reuse an id for another content: of two contents `decide` takes the smaller and the
    gateway the first, which here is the broker's luck.
    """
    start = datetime.now(UTC).date() - timedelta(days=7 * WEEKS)
    first: dict[tuple[str, str], Event] = {}
    found: list[Event] = []
    for event in simulate(plan.messages // 5, WEEKS, plan.seed, start):
        if event["type"].split(".")[2] not in MAIN_FLOWS:
            continue
        if first.setdefault((event["source"], event["id"]), event) == event:
            found.append(event)
        if len(found) == plan.messages:
            break
    assert {event["type"].split(".")[2] for event in found} == set(MAIN_FLOWS)
    assert len(found) == plan.messages > len(first)
    return found


class Chaos:
    """One run of a plan: `run()` returns when every input has its outcome and every row is published."""

    patience = PATIENCE
    """Seconds within which whatever is waited for has to come true."""

    def __init__(self, plan: Plan, room: StreamRoom, processes: Processes) -> None:
        self.plan = plan
        self.events = load(plan)
        self.unreadable = 0
        self.figures = Figures()
        self._room = room
        self._processes = processes
        self._random = random.Random(plan.seed)
        self._running: list[Running] = []
        self._producer = self._new_producer()
        self._sent = 0
        self._killed: list[float] = []
        self._done_at_kill = 0

    @property
    def inputs(self) -> int:
        """All that was put on the topics so far."""
        return self._sent + self.unreadable

    def run(self) -> Figures:
        portion = -(-self.plan.messages // (self.plan.kills + 1))
        for _ in range(self.plan.kills):
            before = self.inputs
            self._send(portion)
            self._start(self._random.randint(1, self.plan.workers))
            if self._random.random() < 0.3:
                self._let_run(self._random.uniform(*STARTING))
            else:
                self._until_done(self._random.randint(before + 1, self.inputs))
                self._let_run(self._random.uniform(0, 0.1))
            self._kill()
            if self._running and self._random.random() < 0.3:
                self._stop(self._running.pop())
        self._send(self.plan.messages - self._sent)
        self._start(self.plan.workers)
        self._until_done(self.inputs)
        self._until(self._nothing_waits, "every row published, every deadline decided")
        for worker in self._running:
            self._stop(worker)
        return self.figures

    def _send(self, count: int) -> None:
        for event in self.events[self._sent : self._sent + count]:
            message = from_structured(json.dumps(event).encode(), self._room.key, LISTS, datetime.now(UTC))
            key, headers, value = to_kafka(message)
            topic = self._room.topic(message.envelope.flow)
            self._put(topic, key, headers, value)
            self._sent += 1
            if self._sent % UNREADABLE_EVERY == 0:
                self._put(topic, key, headers, b"\0nobody can read this")
                self.unreadable += 1
        assert self._producer.flush(self.patience) == 0

    def _put(self, topic: str, key: bytes, headers: Headers, value: bytes) -> None:
        self._producer.produce(topic, key=key, headers=headers, value=value)

    def _new_producer(self) -> Producer:
        return Producer(
            {"bootstrap.servers": self._room.bootstrap, "enable.idempotence": True, "log_level": 0}
        )

    def _start(self, count: int) -> None:
        while len(self._running) < count:
            self._running.append(self._processes.start("overgang", "worker", environment=self._environment()))

    def _environment(self) -> dict[str, str]:
        """Settings of the next worker."""
        return {
            "OVERGANG_KAFKA_BOOTSTRAP": self._room.bootstrap,
            "OVERGANG_DATABASE_URL": self._room.database_url,
            "OVERGANG_DATA_DIRECTORY": str(self._room.directory),
            "OVERGANG_PSEUDONYM_KEY_FILE": str(self._room.directory / "pseudonym.key"),
            "OVERGANG_TOPIC_PREFIX": self._room.prefix,
            "OVERGANG_INBOUND_PARTITIONS": str(PARTITIONS),
            "OVERGANG_BATCH_SIZE": "20",
            "OVERGANG_SESSION_TIMEOUT_MS": str(SESSION_MS),
        }

    def _kill(self) -> None:
        victim = self._running.pop(self._random.randrange(len(self._running)))
        assert victim.process.poll() is None, f"ended by itself:\n{victim.output}"
        victim.kill()
        self._killed.append(time.monotonic())
        self._done_at_kill = self.outcomes()

    def _stop(self, worker: Running) -> None:
        """A worker that goes as it should, also in the middle of a rebalance."""
        assert worker.stop(20) == 0, worker.output
        self.figures.stops += 1

    def _let_run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= until, "the moment of the kill")

    def _until_done(self, count: int) -> None:
        self._until(lambda: self.outcomes() >= count, f"{count} inputs with an outcome")

    def _until(self, condition: Any, what: str) -> None:
        give_up = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < give_up, (
                f"{what}: not within {self.patience:.0f} s, seed {self.plan.seed}; {self._standing()}"
            )
            if self._killed:
                self._note_recovery()
            threading.Event().wait(LOOK_SECONDS)

    def _standing(self) -> str:
        """How far it came, for whoever reads the failure."""
        waiting = self._room.rows(
            "SELECT recipient, count(*) FROM outbound WHERE published_at IS NULL GROUP BY 1 ORDER BY 1"
        )
        return f"{self.outcomes()} of {self.inputs} inputs have an outcome, unpublished: {waiting}"

    def _note_recovery(self) -> None:
        if self.outcomes() > self._done_at_kill:
            now = time.monotonic()
            self.figures.recoveries += [now - killed for killed in self._killed]
            self._killed.clear()

    def outcomes(self) -> int:
        """Inputs that are recorded as accepted, as a repeat, or in quarantine."""
        [(count,)] = self._room.rows(
            "SELECT (SELECT count(*) + coalesce(sum(duplicates), 0) FROM inbox)"
            " + (SELECT count(*) FROM quarantine)"
        )
        return int(count)

    def _nothing_waits(self) -> bool:
        return self._room.rows(
            "SELECT NOT EXISTS (SELECT FROM outbound WHERE published_at IS NULL)"
            " AND NOT EXISTS (SELECT FROM cases WHERE next_change <= now())"
        ) == [(True,)]
