"""Pages of runbooks/ against the fault that each is about, made on purpose in one gateway, one after another.

Each fault is real: what its alert asks is true of the numbers that a Prometheus scraped, the page's commands
show it, and after the page's mend the gateway is as well as before. Others are in test_operations.py.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from connectors.access.token_keys import own_key
from connectors.access.tokens import issue
from schemas.identifiers import SystemId
from streams.ledger.engine import engine_for
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import EVERY_PARTY, Right
from tests.integration.api_server import STRUCTURED, until
from tests.integration.faults_room import (
    Faulty,
    faulty,
    led_by_nobody,
    locked,
    other_version,
    polling,
    stuttering,
)
from tests.integration.ledger_room import event
from tests.integration.operations_room import needs_prometheus, ready
from tests.integration.runbook_room import looked, mends
from tests.integration.webhook_room import Answer, Receiver, receiving

AARHUS, ODENSE = "/municipality/751", "/municipality/461"
TOO_LATE = 31.0
"""Seconds, one more than a message may wait for its decision."""
DOCTOR_IS_ILL = {"overgang doctor": 1}


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    needs_prometheus()
    with faulty(tmp_path_factory.mktemp("faults")) as made:
        send(made, AARHUS, 2)
        send(made, ODENSE, 2)
        made.gateway.quiet()
        yield made


@pytest.fixture(scope="module")
def undecided(fault: Faulty) -> Iterator[tuple[int, float]]:
    """Messages wait for a locked table while other pages are tried: who locks it, and since when."""
    with locked(fault.postgres.url) as holder:
        send(fault, AARHUS, 1)
        yield holder, time.monotonic()


def send(fault: Faulty, municipality: str, count: int) -> None:
    """Admissions of people who live there: tasks and notices to it, and none unrouted."""
    admissions = fault.gateway.room.admissions(count)
    for admission in admissions:
        admission["data"]["citizen"]["residence_municipality"] = municipality.removeprefix("/municipality/")
    fault.gateway.room.send(admissions)
    fault.gateway.sent += count


def post(fault: Faulty, message: dict[str, Any]) -> None:
    """As its sender does."""
    answer = fault.gateway.client.post(
        f"{fault.gateway.urls['api']}/v1/messages", content=json.dumps(message), headers=STRUCTURED
    )
    assert answer.status_code == 202, answer.text
    fault.gateway.sent += 1


def numbers(fault: Faulty, process: str, name: str) -> float:
    """Sum of a number's lines as a process tells them now."""
    return sum(value for (told, _), value in fault.gateway.numbers(process).items() if told == name)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """The endpoint of a recipient that takes everything."""
    with receiving() as there:
        yield there


@pytest.mark.usefixtures("undecided")
def test_a_webhook_that_refuses_is_paused_mended_and_gets_what_it_refused(
    fault: Faulty, receiver: Receiver
) -> None:
    receiver.answer = lambda _: Answer(410)
    assert fault.gateway.shell(f"overgang webhooks add {AARHUS} {receiver.url} --after 0")[0] == 0
    until(lambda: fault.gateway.room.rows("SELECT state FROM webhooks") == [("PAUSED",)], 20)
    assert not fault.true("WebhookFails")
    with psycopg.connect(fault.postgres.url) as connection:
        # As if they had been written two hours earlier.
        connection.execute(
            "UPDATE outbound SET written_at = written_at - interval '2 h' WHERE recipient = %s", (AARHUS,)
        )
    fault.becomes("WebhookFails", true=True)
    receiver.answer = lambda _: Answer(422)
    assert fault.gateway.shell(f"overgang webhooks resume {AARHUS}")[0] == 0
    until(lambda: fault.gateway.room.rows("SELECT min(state) FROM webhook_exceptions") == [("FAILED",)], 20)
    fault.becomes("WebhookFails", true=True)
    shown = looked(fault.gateway, "webhook-fails")
    assert "FAILED" in shown
    assert "422" in shown
    for command, _ in mends(fault.gateway, "webhook-fails"):
        if " pause " in command:
            receiver.answer = lambda _: Answer(204)
    fault.becomes("WebhookFails", true=False)
    assert "0 messages did not arrive" in fault.gateway.shell("overgang webhooks failed")[1]
    refused = {got.headers["webhook-id"] for got in receiver.posts}
    assert refused <= {got.headers["webhook-id"] for got in receiver.accepted}


@pytest.mark.usefixtures("undecided")
def test_a_system_that_fills_the_mailboxes_places_is_found_and_suspended(fault: Faulty) -> None:
    changes = RegistryChanges(engine_for(fault.postgres.url), "tester", datetime.now(UTC), everybody=True)
    changes.put_system(SystemId("looping"), "A reader in a loop")
    changes.grant(SystemId("looping"), EVERY_PARTY, Right.READ)
    key = own_key(fault.gateway.room.directory / "keys" / "token.key")
    tokens = [issue(key, SystemId(system), 600, time.time()) for system in ("local", "looping")]
    with polling(fault.gateway, tokens):
        fault.becomes("MailboxFull", true=True)
        shown = looked(fault.gateway, "mailbox-full")
        [waiting] = re.findall(
            r'^overgang_mailbox_waiting_of{system="looping"} ([0-9.]+)$', shown, re.MULTILINE
        )
        assert float(waiting) > 100
        for command, _ in mends(fault.gateway, "mailbox-full", SYSTEM="looping"):
            if " suspend " in command:
                fault.becomes("MailboxFull", true=False)
    until(lambda: numbers(fault, "api", "overgang_mailbox_waiting") == 0, 10)


@pytest.mark.usefixtures("undecided")
def test_a_route_that_answers_500_is_named_with_its_fault(fault: Faulty) -> None:
    def asked() -> int:
        return fault.gateway.client.get(
            f"{fault.gateway.urls['api']}/v1/mailbox", params={"party": ODENSE, "after": 0}
        ).status_code

    with psycopg.connect(fault.postgres.url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE whole AS SELECT n, payload FROM outbound WHERE recipient = %s", (ODENSE,)
        )
        connection.execute(
            "UPDATE outbound SET payload = substr(payload, 1, 20) WHERE recipient = %s", (ODENSE,)
        )
        assert asked() == 500

        def seen() -> bool:
            """A rate needs a second look at a number that has grown."""
            asked()
            return fault.true("ApiErrors")

        until(seen, 30)
        shown = looked(fault.gateway, "api-errors")
        assert 'route="/v1/mailbox",status="500"' in shown
        assert '"database":{"ready":true' in shown
        api = fault.gateway.running["api"].output
        assert "mailbox message cannot be read" in api
        connection.execute(
            "UPDATE outbound SET payload = whole.payload FROM whole WHERE outbound.n = whole.n"
        )
        connection.execute("DROP TABLE whole")
    assert asked() == 200


def test_messages_that_wait_for_somebodys_lock_are_decided_when_it_is_ended(
    fault: Faulty, undecided: tuple[int, float]
) -> None:
    holder, since = undecided
    until(lambda: time.monotonic() - since > TOO_LATE, TOO_LATE)
    shown = looked(fault.gateway, "decisions-slow")
    assert f"{holder} somebody at a console" in shown
    assert 'overgang_ledger_lag{flow="enrolment",of="position"} 1.0' in shown
    assert not fault.true("DecisionsSlow"), "what waits is not in it yet"
    list(mends(fault.gateway, "decisions-slow", **{"12345": str(holder)}))
    fault.becomes("DecisionsSlow", true=True)
    fault.gateway.quiet()
    assert numbers(fault, "worker", "overgang_batches_in_hand") == 0


def test_when_nobody_publishes_the_hanging_leader_is_ended(fault: Faulty) -> None:
    with led_by_nobody(fault.postgres.url):
        send(fault, AARHUS, 1)
        fault.becomes("NobodyPublishes", true=True)
        waiting = fault.gateway.counted()["overgang_ledger_outbound", (("state", "waiting"),)]
        assert waiting > 0
        shown = looked(fault.gateway, "nobody-publishes")
        assert "overgang_relay_leader 0.0" in shown
        assert f'overgang_ledger_outbound{{state="waiting"}} {waiting}' in shown
        list(mends(fault.gateway, "nobody-publishes"))
        fault.becomes("NobodyPublishes", true=False)
    fault.gateway.quiet()


def test_tasks_that_waited_for_a_leader_count_as_late_until_all_are_published(fault: Faulty) -> None:
    with led_by_nobody(fault.postgres.url):
        send(fault, AARHUS, 1)
        until(
            lambda: (
                fault.gateway.room.rows("SELECT count(*) > 0 FROM outbound WHERE published_at IS NULL")
                == [(True,)]
            ),
            20,
        )
        with psycopg.connect(fault.postgres.url) as connection:
            # As if they had waited for a minute and five seconds more.
            connection.execute(
                "UPDATE outbound SET written_at = written_at - interval '65 s' WHERE published_at IS NULL"
            )
        fault.gateway.counted()
        shown = looked(fault.gateway, "tasks-published-late")
        assert "overgang_relay_leader 0.0" in shown
        assert "0 undeliverable messages" in shown
    fault.becomes("TasksPublishedLate", true=True)
    list(mends(fault.gateway, "tasks-published-late"))
    fault.gateway.quiet()
    told = fault.gateway.counted()
    assert told["overgang_ledger_oldest_seconds", (("channel", "topic"),)] == 0


def test_a_notice_to_another_state_that_is_overdue_is_told_until_it_is_reported(fault: Faulty) -> None:
    now = datetime.now(UTC)
    raised = now - timedelta(days=20)
    case = "DE-2026-0815"
    registration = event(
        "eu-registration",
        AARHUS,
        raised.isoformat(),
        {
            "citizen": {
                "foreign_id": {"country": "DE", "number": "65-0503"},
                "residence_municipality": "751",
            },
            "eu_case_id": case,
            "registered_on": f"{raised:%Y-%m-%d}",
            "document_presented": True,
            "competent_institution": {"id": "DE:1234"},
            "ceased_available_on": f"{raised - timedelta(days=3):%Y-%m-%d}",
            "max_days": 90,
            "legal_basis": "ART_64",
        },
    )
    post(fault, registration)
    fault.becomes("EuNoticesOverdue", true=True)
    shown = looked(fault.gateway, "eu-notices-overdue")
    assert f"OVERDUE SEND_U009 {AARHUS}" in " ".join(shown.split())
    assert 'overgang_ledger_eu_notices{timing="overdue"} 1.0' in shown
    sent = {"eu_case_id": case, "event": "SED_SENT", "on": f"{now:%Y-%m-%d}", "sed_type": "U009"}
    post(fault, event("eu-event", AARHUS, now.isoformat(), sent))
    fault.becomes("EuNoticesOverdue", true=False)


def test_a_worker_that_is_kept_off_the_processor_is_seen_and_started_again(fault: Faulty) -> None:
    worker = fault.gateway.running["worker"]
    with stuttering(worker.pid):
        fault.becomes("WorkerStalls", true=True)
        shown = looked(fault.gateway, "worker-stalls")
        assert "overgang_loop_stall_seconds" in shown
        assert "overgang_batches_in_hand" in shown
    fault.restart("worker")
    assert worker.process.returncode == 0
    fault.becomes("WorkerStalls", true=False)


def test_killed_processes_are_started_again_and_one_of_another_version_is_found(
    fault: Faulty, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gateway, parts = fault.gateway, tuple(fault.gateway.running)
    for running in gateway.running.values():
        running.kill()
    fault.becomes("ProcessDown", true=True)
    assert looked(gateway, "process-down", {"curl": 7}).count("curl: (7)") == len(parts)
    other = {"PYTHONPATH": other_version(tmp_path_factory.mktemp("other"))}
    for part in parts:
        gateway.start(part, **(other if part == "worker" else {}))
    for part in parts:
        until(lambda part=part: ready(gateway, part), 60)  # type: ignore[misc]
    fault.becomes("ProcessDown", true=False)
    assert gateway.shell("overgang parties system monitoring --name Prometheus")[0] == 0
    [(_, token)] = mends(gateway, "process-down")
    assert token.count(".") == 2

    due = "SELECT count(*) FROM tasks WHERE kind = 'SEND_CONTACT' AND due_on = "
    [(before,)] = gateway.room.rows(f"{due} '2026-09-28'")
    send(fault, AARHUS, 1)
    gateway.quiet()
    assert gateway.room.rows(f"{due} '2026-09-25'") == [(1,)]
    fault.becomes("VersionsDiffer", true=True)
    told = looked(gateway, "versions-differ").splitlines()
    assert len({line for line in told if "build_info{" in line}) == 2
    # The page's first step: the same version everywhere.
    fault.restart("worker")
    said = dict(mends(gateway, "versions-differ"))
    assert "1 cases decided again" in said["overgang redecide --rate 200"]
    fault.becomes("VersionsDiffer", true=False)
    assert gateway.room.rows(f"{due} '2026-09-28'") == [(before + 1,)]


def test_a_broker_that_died_is_started_and_everything_goes_on(fault: Faulty) -> None:
    fault.kafka.kill()
    fault.becomes("BrokerAway", true=True)
    shown = looked(fault.gateway, "broker-away", DOCTOR_IS_ILL)
    assert "broker NOT WELL" in " ".join(shown.split())
    assert '"broker":{"ready":false' in shown
    fault.kafka.start()
    fault.becomes("BrokerAway", true=False)
    send(fault, AARHUS, 1)
    fault.gateway.quiet()
    assert numbers(fault, "worker", "overgang_outbound_unpublished") == 0


def test_a_database_that_died_is_started_and_everything_goes_on(fault: Faulty) -> None:
    fault.postgres.kill()
    send(fault, AARHUS, 1)
    fault.becomes("DatabaseAway", true=True)
    shown = looked(fault.gateway, "database-away", DOCTOR_IS_ILL)
    assert "database NOT WELL" in " ".join(shown.split())
    fault.postgres.start()
    owner = {**fault.gateway.environment, "OVERGANG_DATABASE_URL": fault.postgres.url}
    as_owner = replace(fault.gateway, environment=owner)
    assert [command for command, _ in mends(as_owner, "database-away")] == ["overgang migrate"]
    fault.gateway.quiet()
    until(lambda: ready(fault.gateway, "worker") and ready(fault.gateway, "api"), 30)
    until(lambda: bool(fault.gateway.numbers()["overgang_ledger_leader", ()]), 10)
