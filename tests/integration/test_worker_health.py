"""Readiness means progress (P10): it says why not within ten seconds, and the numbers are the real ones."""

import json
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

from connectors.embedded.postgres import EmbeddedPostgres
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]


def test_a_worker_without_its_database_is_unready_and_goes_on_when_it_is_back(
    kafka: str,
    own_postgres: EmbeddedPostgres,
    topic_prefix: str,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    here = StreamRoom(kafka, own_postgres.url, topic_prefix, tmp_path, wait_until)
    with here.worker() as running:
        here.send(here.admissions(2))
        wait_until(lambda: here.inbox() == 2)
        own_postgres.kill()
        wait_until(lambda: any("database" in reason for reason in running.worker.reasons()), 10)
        here.send(here.admissions(3))
        retried = running.worker.metrics.batches.labels("enrolment", "retried")
        wait_until(lambda: retried._value.get() >= 1)
        own_postgres.start()
        wait_until(lambda: running.worker.reasons() == [], 30)
        wait_until(lambda: here.inbox() == 5)
        assert not running.ended.is_set()
    assert (here.position(), here.duplicates(), here.stopped()) == (5, 0, {})


def test_health_and_numbers_are_served_and_true(room: StreamRoom) -> None:
    port = free_port()
    with room.worker(port=port) as running:
        room.send(room.admissions(3))
        room.wait_until(lambda: room.inbox() == 3)
        assert get(port, "/health/live") == (200, {"alive": True})
        assert get(port, "/health/ready") == (200, {"ready": True, "reasons": []})
        room.wait_until(lambda: "overgang_agents_alive 11.0" in numbers(port))
        assert 'overgang_inputs_total{flow="enrolment",outcome="accepted"} 3.0' in numbers(port)
        running.worker.ledger.stop_flow("mentor", "a reason")
        room.wait_until(lambda: "overgang_stopped_flows 1.0" in numbers(port))
        running.worker.health.trouble("worker", "is stopping")
        status, answer = get(port, "/health/ready")
        assert (status, answer["reasons"]) == (503, ["worker: is stopping"])


def get(port: int, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def numbers(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
