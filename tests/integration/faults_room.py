"""A gateway with a broker and a database of its own, watched by a Prometheus, and faults to be made in it."""

import asyncio
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from streams.leadership import RELAY
from tests.integration.api_server import until
from tests.integration.operations_room import ALERTS, RULES, Operated, asked, operated, prometheus, ready
from tests.shell import ROOT

_POLL_SECONDS = 10
PARTIES = [f"/municipality/{number}" for number in range(900, 949)]
_POLLS_OF_ONE = 4


@dataclass
class Faulty:
    """All that a fault can be made in."""

    gateway: Operated
    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    prometheus: str

    def true(self, alert: str) -> bool:
        """Whether what an alert asks is so now, however long it would wait before it calls somebody."""
        rules = [rule["expr"] for rule in RULES if rule.get("alert") == alert]
        assert rules, alert
        return any(asked(self.prometheus, rule) for rule in rules)

    def becomes(self, alert: str, *, true: bool) -> None:
        """Wait for that."""
        until(lambda: self.true(alert) == true, 60)

    def restart(self, part: str, **more: str) -> None:
        """Stop a process as its operator would, and start it again."""
        self.gateway.running[part].stop()
        self.gateway.start(part, **more)
        until(lambda: ready(self.gateway, part), 60)


@contextmanager
def faulty(directory: Path) -> Iterator[Faulty]:
    """Ready, with nothing wrong yet."""
    (directory / "prometheus").mkdir()
    with (
        EmbeddedKafka(directory / "kafka") as kafka,
        EmbeddedPostgres(directory / "postgres", durable=False) as postgres,
        operated(kafka.bootstrap, postgres.url, directory) as gateway,
        prometheus(gateway, directory / "prometheus", ALERTS) as url,
    ):
        yield Faulty(gateway, kafka, postgres, url)


@contextmanager
def stuttering(pid: int) -> Iterator[None]:
    """A process that others keep off the processor: it stands for longer than it runs."""
    enough = threading.Event()

    def stutter() -> None:
        while not enough.is_set():
            os.kill(pid, signal.SIGSTOP)
            enough.wait(1.4)
            os.kill(pid, signal.SIGCONT)
            enough.wait(0.4)

    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def led_by_nobody(url: str) -> Iterator[None]:
    """A connection that holds the relay's lead and does nothing with it, until it is ended."""
    told = "SELECT pid, granted FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
    with (
        psycopg.connect(url, autocommit=True, application_name="overgang relay") as hanging,
        psycopg.connect(url, autocommit=True) as watching,
    ):

        def hang() -> None:
            hanging.execute("SELECT pg_advisory_lock(%s)", (RELAY,))

        # Whoever waits in line comes before a leader that lost its connection and tries again.
        thread = threading.Thread(target=hang)
        thread.start()
        until(lambda: (hanging.info.backend_pid, False) in watching.execute(told, (RELAY,)).fetchall(), 10)
        watching.execute(f"SELECT pg_terminate_backend(pid) FROM ({told}) AS held WHERE granted", (RELAY,))
        thread.join(10)
        yield


@contextmanager
def locked(url: str) -> Iterator[int]:
    """Somebody's session that forgot to commit: no case can be decided until it is ended. Its process id."""
    session = psycopg.connect(url, application_name="somebody at a console")
    try:
        session.execute("LOCK TABLE cases IN EXCLUSIVE MODE")
        yield session.info.backend_pid
    finally:
        session.close()


@contextmanager
def polling(gateway: Operated, tokens: list[str]) -> Iterator[None]:
    """For each token four requests wait at each of `PARTIES`, again and again until they are refused."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(
        base_url=gateway.urls["api"], limits=limits, timeout=_POLL_SECONDS + 30, trust_env=False
    )

    async def poll(token: str, party: str) -> None:
        answered = 200
        while answered == 200:
            answer = await client.get(
                "/v1/mailbox",
                params={"party": party, "wait": _POLL_SECONDS},
                headers={"Authorization": f"Bearer {token}"},
            )
            answered = answer.status_code

    async def end() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await client.aclose()

    try:
        for token in tokens:
            for party in PARTIES:
                for _ in range(_POLLS_OF_ONE):
                    asyncio.run_coroutine_threadsafe(poll(token, party), loop)
        yield
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def other_version(directory: Path) -> str:
    """PYTHONPATH of this gateway with another rule: contacts are due a day earlier."""
    for room in ("schemas", "streams", "connectors"):
        shutil.copytree(ROOT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    rules = directory / "streams" / "rules" / "sets" / "2025-07-01.toml"
    text = rules.read_text(encoding="utf-8")
    changed, count = re.subn(
        r"(\[rules\.contact-exchange\].*?working_days = )5", r"\g<1>4", text, count=1, flags=re.DOTALL
    )
    assert count == 1
    rules.write_text(changed, encoding="utf-8")
    return str(directory)
