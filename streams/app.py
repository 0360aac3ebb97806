"""The worker: a Faust app with an agent a flow, fed by our own intake; Faust's Kafka transport stays off."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
import psycopg
from confluent_kafka.admin import AdminClient
from faust.app.base import BootStrategy
from faust.types import ChannelT
from mode import CrashingSupervisor

from schemas.code_lists import shipped as shipped_lists
from schemas.flows import FLOWS
from schemas.identifiers import Flow
from schemas.pseudonym import load_or_make_key
from streams.agent_sensor import AgentSensor
from streams.agents.decoding import Decoder
from streams.agents.flow_agent import add_flow_agent
from streams.agents.taking import Taking
from streams.batch import Batch
from streams.broker_access import client_settings
from streams.deadlines import EVERY, Deadlines
from streams.disk_room import DATABASE_DISK, DATABASE_FULL, LOOK_EVERY, no_room
from streams.failures import Outcome, StopWorker, outcome_of
from streams.handover import Handover
from streams.health import Health
from streams.intake import Intake
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.registry_watch import RegistryWatch, watching_engine
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.metrics import Metrics
from streams.monitoring import Monitoring
from streams.proving import Prover
from streams.publisher import Publisher, producer_settings
from streams.relay import Relay
from streams.rules.rule_files import shipped as shipped_rules
from streams.seal_keys import SealKeys
from streams.topic_state import TopicState
from streams.topics import ensure_topics, inbound_shape, outbound_shape
from streams.tracing.target import tracing_to
from streams.worker_config import WorkerConfig

PARTS = ("intake", "broker", "loop", "database", "deadlines", "relay", "disk")
"""What must have shown life lately for the worker to be ready."""
TROUBLES_EVERY = 5.0
THREADS = 4
"""Batches and deadlines that are worked on at once; the ledger has a connection for each, and some more."""


class WithoutKafka(BootStrategy):  # type: ignore[misc] # faust has no types
    """Faust's own consumer acknowledges what an agent failed at, so it stays off; so does its web server."""

    enable_kafka = False
    enable_web = False


class App(faust.App):  # type: ignore[misc] # faust has no types
    BootStrategy = WithoutKafka


class Worker:
    """All parts of one worker, wired. `app.start()` and `app.stop()` run it; `close` afterwards.

    Making one reads or makes the key files and touches neither broker nor database. It must happen inside the
    event loop that runs the worker: Faust binds itself to the loop of that moment, and would wait on another.
    """

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.health = Health()
        self.metrics = Metrics()
        self.tracing = tracing_to(config.traces, "worker", self.metrics.spans_dropped.inc)
        lists = shipped_lists()
        rulebook = Rulebook(shipped_rules(), lists)
        self.metrics.tell_rules(rulebook)
        self.ledger = Ledger(
            config.database_url,
            load_or_make_wrapping_key(config.wrapping_key_file),
            rulebook,
            tolerance=config.tolerance,
        )
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="apply")
        self.handover = Handover(self._deliver)
        self.intake = Intake(
            settings=config.consumer_settings(),
            topics=config.topics(),
            batch_size=config.batch_size,
            ledger=self.ledger,
            topic_state=TopicState(self._new_admin(), self._new_admin),
            handover=self.handover,
            health=self.health,
        )
        self.relay = Relay(
            database_url=config.database_url,
            new_publisher=self._new_publisher,
            health=self.health,
            metrics=self.metrics,
        )
        self._key = load_or_make_key(config.pseudonym_key_file)
        self.registry_watch = RegistryWatch(watching_engine(config.database_url))
        prover = Prover(
            SealKeys(config.seal_keys_file), self.registry_watch, config.require_seal, config.seal_lifetime
        )
        taking = Taking(
            decoder=Decoder(self._key, lists, prover),
            ledger=self.ledger,
            handover=self.handover,
            intake=self.intake,
            executor=self.executor,
            health=self.health,
            metrics=self.metrics,
            tracing=self.tracing,
        )
        self.app = _faust_app(config)
        self.app.sensors.add(AgentSensor(self.metrics))
        self._channels: dict[Flow, ChannelT] = {
            flow: add_flow_agent(self.app, flow, taking) for flow in FLOWS
        }
        deadlines = Deadlines(self.ledger, self.executor, self.health)
        self.app.timer(EVERY, name="deadlines")(deadlines.decide_due)
        self.app.timer(TROUBLES_EVERY, name="troubles")(self._count_troubles)
        self.app.timer(LOOK_EVERY, name="disks")(self._look_for_room)
        self.app.task(self._watch)
        # Stopped in the reverse order: no more input, then the relay, then the agents, health to the last.
        monitoring = Monitoring(config.host, config.port, self.reasons, self.metrics)
        for service in (monitoring, self.relay, self.intake):
            self.app.service(service)
        # Without this nothing is processed, while health says all is well.
        self.app.flow_control.resume()

    def prepare(self) -> None:
        """Make the inbound topics that are missing, open the ledger, and see that its key is ours.

        Raises:
            TopicTrouble, WrongKey, StopWorker: the database does not answer.
        """
        ensure_topics(
            self._new_admin(),
            self.config.topics(),
            inbound_shape(self.config.inbound_partitions, replication_factor=self.config.replication_factor),
            replication_factor=self.config.replication_factor,
        )
        self.ledger.open()
        try:
            self.ledger.check_key(self._key)
        except Exception as error:
            if outcome_of(error) is Outcome.RETRY:
                raise StopWorker("the database does not answer; start it, then the worker again") from error
            raise
        self.registry_watch.start()
        self._look_at_our_disk()

    def close(self) -> None:
        """After the app has stopped: let the batch in hand be stored, then close the connections."""
        self.executor.shutdown(wait=True)
        self.registry_watch.stop()
        self.ledger.close()
        if self.tracing is not None:
            self.tracing.close()

    def reasons(self) -> list[str]:
        """Why the worker is not ready; empty when it is."""
        dead = [flow for flow in FLOWS if not self._agent_lives(flow)]
        return [*self.health.reasons(PARTS), *(f"agent of {flow}: not running" for flow in dead)]

    def _agent_lives(self, flow: Flow) -> bool:
        agent = self.app.agents[f"agent of {flow}"]
        return any(
            actor.actor_task is not None and not actor.actor_task.done() and not actor.crashed
            for actor in agent._actors
        )

    def _deliver(self, batch: Batch) -> Any:
        return asyncio.run_coroutine_threadsafe(self._channels[batch.flow].send(value=batch), self.app.loop)

    def _new_admin(self) -> AdminClient:
        return AdminClient(client_settings(self.config.bootstrap, self.config.login))

    def _new_publisher(self) -> Publisher:
        replicas = self.config.replication_factor
        return Publisher(
            producer_settings(self.config.bootstrap, self.config.login),
            self.config.topic_prefix,
            self.ledger.vault.open,
            lambda names: ensure_topics(
                self._new_admin(),
                names,
                outbound_shape(replication_factor=replicas),
                replication_factor=replicas,
            ),
            self.tracing,
        )

    async def _watch(self) -> None:
        """Once a second: how late the loop is, and which agents run."""
        loop = asyncio.get_running_loop()
        while not self.app.should_stop:
            due = loop.time() + 1
            await asyncio.sleep(1)
            self.metrics.loop_stall_seconds.set(max(0.0, loop.time() - due))
            self.metrics.agents_alive.set(sum(map(self._agent_lives, FLOWS)))
            self.health.alive("loop")

    async def _look_for_room(self) -> None:
        """On our own disk, and on PostgreSQL's."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self.executor, self._look_at_our_disk)
            full = await loop.run_in_executor(self.executor, self.ledger.disk_is_full)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self.health.trouble("database", "does not answer")
        else:
            self._tell(DATABASE_DISK, DATABASE_FULL if full else None)

    def _look_at_our_disk(self) -> None:
        self._tell("disk", no_room(self.config.data_directory, self.config.disk_floor_mb))

    def _tell(self, part: str, reason: str | None) -> None:
        if reason is None:
            self.health.alive(part)
        else:
            self.health.trouble(part, reason)

    async def _count_troubles(self) -> None:
        """What stands still in the ledger; while the database is away the last numbers stay."""
        loop = asyncio.get_running_loop()
        try:
            stopped = await loop.run_in_executor(self.executor, self.ledger.stopped_flows)
            stuck = await loop.run_in_executor(self.executor, self.ledger.count_stuck)
            suspended = await loop.run_in_executor(self.executor, self.ledger.count_suspended)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self.health.trouble("database", "does not answer")
        else:
            self.metrics.stopped_flows.set(len(stopped))
            self.metrics.stuck_cases.set(stuck)
            self.metrics.suspended_senders.set(suspended)


def _faust_app(config: WorkerConfig) -> App:
    return App(
        "overgang-worker",
        # Never connected to: see WithoutKafka.
        broker="kafka://127.0.0.1:1",
        datadir=str(config.data_directory / "worker"),
        agent_supervisor=CrashingSupervisor,
        autodiscover=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
    )
