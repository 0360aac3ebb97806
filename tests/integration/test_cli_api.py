"""`overgang api` as a process, and the commands that read a ledger: exit statuses, one line an error."""

import json
import socket
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.inbound_topics import inbound_topics
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.topics import ensure_topics, inbound_shape
from tests.integration.api_server import STRUCTURED, notice, of_this_machine, until
from tests.integration.ledger_room import Partition, contacted, ledger_on, status, take
from tests.integration.ledger_room import notice as raised_notice


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def environment(kafka: str, database_url: str, topic_prefix: str) -> dict[str, str]:
    return {
        "OVERGANG_KAFKA_BOOTSTRAP": kafka,
        "OVERGANG_DATABASE_URL": database_url,
        "OVERGANG_TOPIC_PREFIX": topic_prefix,
        "OVERGANG_HTTP_PORT": str(free_port()),
        "OVERGANG_INBOUND_PARTITIONS": "2",
    }


def test_the_api_serves_until_sigterm_and_exits_0_with_json_on_standard_error(
    processes: Any,
    environment: dict[str, str],
    database_url: str,
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    migrate(database_url)
    seed_local(database_url)
    ensure_topics(kafka, inbound_topics(topic_prefix), inbound_shape(2))
    api = processes.start("overgang", "api", environment=environment)
    url = f"http://127.0.0.1:{environment['OVERGANG_HTTP_PORT']}"
    credential = of_this_machine(tmp_path / ".overgang")
    with httpx.Client(base_url=url, trust_env=False, auth=credential) as client:
        until(lambda: answers(client), 30)
        seconds = []
        for _ in range(30):
            began = time.monotonic()
            answer = client.post("/v1/messages", content=json.dumps(notice()), headers=STRUCTURED)
            seconds.append(time.monotonic() - began)
            assert answer.status_code == 202
    # 40 ms would be a delayed acknowledgement: Nagle's algorithm is on.
    assert statistics.median(seconds) < 0.03
    assert api.stop() == 0
    lines = [json.loads(line) for line in api.output.splitlines()]
    assert {line["event"] for line in lines} >= {"request", "health"}
    assert "7405034123" not in api.output


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_a_taken_port_is_one_line_with_the_mend(processes: Any, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["OVERGANG_HTTP_PORT"]))):
        api = processes.start("overgang", "api", environment=environment)
        assert api.wait() == 1
    assert api.output.startswith("overgang: cannot listen on 127.0.0.1")
    assert "OVERGANG_HTTP_PORT" in api.output
    assert api.output.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "exit_status", "words"),
    [
        (["nonsense"], 2, "No such command"),
        (["tasks", "--state", "LATE"], 2, "--state"),
        (["tasks", "--recipient", "751"], 2, "/municipality/ and 3 digits"),
        (["message", "/institution/280051", "7"], 2, "overgang message --help"),
        (["tasks"], 1, "start `overgang up` first or set OVERGANG_DATABASE_URL"),
        (["api"], 1, "OVERGANG_KAFKA_BOOTSTRAP"),
    ],
)
def test_an_error_is_one_line_with_the_mend(
    processes: Any, command: list[str], exit_status: int, words: str
) -> None:
    ended = processes.start("overgang", *command)
    assert ended.wait() == exit_status
    assert ended.output.startswith("overgang: ")
    assert words in ended.output
    assert ended.output.count("\n") == 1


def test_commands_show_tasks_cases_and_messages_of_the_ledger(
    processes: Any, environment: dict[str, str], database_url: str
) -> None:
    def said(*command: str) -> Any:
        ended = processes.start("overgang", *command, "--json", environment=environment)
        assert ended.wait() == 0, ended.output
        return json.loads(ended.output)

    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        raised = raised_notice()
        take(ledger, Partition("dropout-risk"), [raised])
        take(ledger, Partition("follow-up"), [contacted()])
    [task] = said("tasks", "--recipient", "/municipality/751", "--state", "DONE")
    assert (task["kind"], task["caused_by"]) == ("CONTACT_YOUNG_PERSON", [raised["id"]])
    assert said("tasks", "--unrouted") == []
    assert [r["state"] for r in said("task", task["task_id"])["revisions"]] == ["OPEN", "DONE"]
    assert len(said("case", task["case"])["messages"]) == 3
    outcome = said("message", "/institution/280051", raised["id"])
    assert (outcome["outcome"], outcome["case"]) == ("ACCEPTED", task["case"])
    table = processes.start("overgang", "tasks", environment=environment)
    assert table.wait() == 0
    assert task["task_id"] in table.output


def test_doctor_names_what_is_missing_and_what_to_do(
    processes: Any, environment: dict[str, str], database_url: str, kafka: str, topic_prefix: str
) -> None:
    def findings(exit_status: int) -> dict[str, Any]:
        ended = processes.start("overgang", "doctor", "--json", environment=environment)
        assert ended.wait() == exit_status, ended.output
        return {finding["part"]: finding for finding in json.loads(ended.output)}

    before = findings(1)
    assert {part for part, found in before.items() if not found["well"]} == {
        "topics",
        "migrations",
        "pseudonym key",
        "wrapping key",
        "token key",
        "seal keys",
    }
    assert all(found["mend"] for found in before.values() if not found["well"])
    away = processes.start(
        "overgang", "doctor", environment=environment | {"OVERGANG_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    )
    assert away.wait() == 1
    assert "does not answer" in away.output


def test_decide_starts_without_importing_broker_database_or_http(processes: Any) -> None:
    script = (
        "import sys; from connectors.cli.main import run; status = run(['decide', '--help']);"
        "heavy = {'fastapi', 'sqlalchemy', 'confluent_kafka', 'faust', 'psycopg'};"
        "print(sorted(heavy & sys.modules.keys()));"
        "sys.exit(status)"
    )
    ended = processes.start("python", "-c", script)
    assert ended.wait() == 0
    assert ended.output.rstrip().endswith("[]")
