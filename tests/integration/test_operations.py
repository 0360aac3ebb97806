"""What an operator watches: numbers that equal the ledger after faults, rules and dashboards on real data."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.flows import FLOWS
from streams.measurements import ALL
from streams.measurements.ledger import LEDGER
from streams.measurements.model import Kind, Where
from tests.conftest import fresh_database
from tests.integration.operations_room import Labels, Operated, load_with_faults, operated

Numbers = dict[tuple[str, Labels], float]


@pytest.fixture(scope="module")
def gateway(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operated]:
    with (
        fresh_database(shared_postgres) as database_url,
        operated(shared_kafka, database_url, tmp_path_factory.mktemp("operated")) as running,
    ):
        load_with_faults(running)
        yield running


@pytest.fixture(scope="module")
def counted(gateway: Operated) -> Numbers:
    return gateway.counted()


def family(numbers: Numbers, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The lines of a family by the values of these labels, without those at 0."""
    return {
        tuple(dict(found)[label] for label in labels): value
        for (told, found), value in numbers.items()
        if told == name and value
    }


def test_inputs_of_every_flow_equal_the_ledgers_rows_although_a_worker_was_killed(
    gateway: Operated, counted: Numbers
) -> None:
    rows = gateway.room.rows(
        "SELECT flow, 'accepted', count(*) FROM inbox GROUP BY flow"
        " UNION ALL SELECT flow, 'duplicate', sum(duplicates) FROM inbox GROUP BY flow"
        " HAVING sum(duplicates) > 0"
        " UNION ALL SELECT flow, 'quarantined', count(*) FROM quarantine GROUP BY flow"
    )
    told = family(counted, "overgang_ledger_inputs", "flow", "outcome")
    assert told == {(flow, outcome): float(count) for flow, outcome, count in rows}
    assert sum(told.values()) == gateway.sent
    reasons = gateway.room.rows("SELECT flow, error_class, count(*) FROM quarantine GROUP BY 1, 2")
    assert family(counted, "overgang_ledger_quarantined", "flow", "error_class") == {
        (flow, reason): float(count) for flow, reason, count in reasons
    }


def test_tasks_contacts_and_registrations_equal_the_ledgers_rows(gateway: Operated, counted: Numbers) -> None:
    rows = gateway.room.rows("SELECT kind, recipient, state, task_id FROM tasks")
    expected: dict[tuple[str, ...], float] = {}
    for kind, recipient, state, _ in rows:
        if state in ("OPEN", "OVERDUE"):
            whom = (recipient or "/x/none").split("/")
            where = "institutions" if whom[1] == "institution" else whom[2]
            key = (kind, where, state.lower())
            expected[key] = expected.get(key, 0) + 1
    assert family(counted, "overgang_ledger_tasks", "kind", "municipality", "state") == expected
    assert len({kind for kind, _, _ in expected}) > 5
    duties = gateway.room.rows(
        "SELECT t.state, t.due_on, (SELECT max((i.time AT TIME ZONE 'Europe/Copenhagen')::date) FROM inbox i"
        "  WHERE i.id = t.closed_by), t.opens_on FROM tasks t WHERE t.kind = 'CONTACT_YOUNG_PERSON'"
        " AND t.opens_on BETWEEN current_date - 27 AND current_date"
        " AND t.state IN ('OPEN', 'OVERDUE', 'DONE')"
    )
    timing: dict[tuple[str, ...], float] = {}
    for state, due, closed, _ in duties:
        became = {"OPEN": "waiting", "OVERDUE": "overdue"}.get(state) or (
            "in_time" if closed <= due else "late"
        )
        timing[became,] = timing.get((became,), 0) + 1
    by_timing: dict[tuple[str, ...], float] = {}
    for (_, became), count in family(counted, "overgang_ledger_contacts", "municipality", "timing").items():
        by_timing[became,] = by_timing.get((became,), 0) + count
    assert by_timing == timing
    days = sorted(max(0, (closed - opened).days) for state, _, closed, opened in duties if state == "DONE")
    assert days, "the load has no contact"
    assert counted["overgang_ledger_contact_days", (("quantile", "0.5"),)] == days[(len(days) + 1) // 2 - 1]
    registered = gateway.room.rows(
        "SELECT CASE WHEN warnings ? 'REGISTERED_LATE' THEN 'late' ELSE 'in_time' END, count(*) FROM tasks"
        " WHERE kind = 'SEND_U009' AND state <> 'WITHDRAWN'"
        " AND opens_on BETWEEN current_date - 27 AND current_date GROUP BY 1"
    )
    assert family(counted, "overgang_ledger_eu_registrations", "timing") == {
        (timing,): float(count) for timing, count in registered
    }
    assert registered, "the load has no registration"


def test_what_went_out_and_what_waits_equals_the_ledgers_rows(gateway: Operated, counted: Numbers) -> None:
    [(published,)] = gateway.room.rows("SELECT count(*) FROM outbound WHERE published_at IS NOT NULL")
    assert counted["overgang_ledger_delivered", (("channel", "topic"),)] == published > 0
    assert family(counted, "overgang_ledger_outbound", "state") == {}
    lags = family(counted, "overgang_ledger_lag", "flow", "of")
    assert {flow for flow, of in lags if of == "position"} == set()
    assert {flow for flow, _ in family_labels(counted, "overgang_ledger_lag", "flow", "of")} == set(FLOWS)
    assert family(counted, "overgang_ledger_flow_stopped", "flow") == {}


def family_labels(numbers: Numbers, name: str, *labels: str) -> set[tuple[str, ...]]:
    return {tuple(dict(found)[label] for label in labels) for (told, found) in numbers if told == name}


def test_the_workers_own_numbers_agree_with_each_other_and_fausts_sensor_tells_the_truth(
    gateway: Operated,
) -> None:
    numbers = gateway.numbers("worker")
    inputs = sum(family(numbers, "overgang_inputs_total", "flow", "outcome").values())
    assert sum(family(numbers, "overgang_decided_seconds_count", "flow").values()) == inputs > 0
    published = sum(family(numbers, "overgang_published_seconds_count", "message").values())
    assert published == numbers["overgang_relay_published_total", ()] > 0
    batches = sum(family(numbers, "overgang_batches_total", "flow", "outcome").values())
    assert sum(family(numbers, "overgang_agent_seconds_count", "flow").values()) == batches
    assert family(numbers, "overgang_batches_in_hand", "flow") == {}


def test_every_process_tells_what_the_list_says_and_nothing_else(gateway: Operated) -> None:
    seen: dict[Where, set[str]] = {}
    for process, where in (("worker", Where.WORKER), ("deliver", Where.DELIVERER), ("api", Where.API)):
        text = gateway.client.get(f"{gateway.urls[process]}/metrics").text
        seen[where] = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE overgang_")}
    for where, told in seen.items():
        listed = [m for m in ALL if where in m.where or (where is Where.API and m in LEDGER)]
        names = {m.name for m in listed}
        created = {f"{m.name.removesuffix('_total')}_created" for m in listed if m.kind is not Kind.GAUGE}
        assert told - created == names, where


def test_two_apis_count_once(gateway: Operated, tmp_path: Path) -> None:
    assert gateway.numbers()["overgang_ledger_leader", ()] == 1
    leads = gateway.room.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'overgang numbers'"
    )
    assert leads == [(1,)]
