"""What an operator watches: numbers that equal the ledger after faults, rules and dashboards on real data."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from connectors.dashboards.pages import ALL as DASHBOARDS
from schemas.flows import FLOWS
from streams.measurements import ALL
from streams.measurements.ledger import LEDGER
from streams.measurements.model import Where
from tests.conftest import fresh_database
from tests.drawing import Span, draw
from tests.integration.api_server import until
from tests.integration.operations_room import (
    ALERTS,
    RULES,
    Labels,
    Operated,
    asked,
    load_with_faults,
    needs_prometheus,
    operated,
    prometheus,
    ready,
)
from tests.integration.runbook_room import blocks, commands
from tests.shell import ROOT

LARGEST_PICTURE = 150 * 1024
Numbers = dict[tuple[str, Labels], float]


@pytest.fixture(scope="module")
def gateway(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operated]:
    with (
        fresh_database(shared_postgres) as database_url,
        operated(shared_kafka, database_url, tmp_path_factory.mktemp("operated")) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def prometheus_url(gateway: Operated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    needs_prometheus()
    with prometheus(gateway, tmp_path_factory.mktemp("prometheus"), ALERTS) as url:
        yield url


@pytest.fixture(scope="module")
def loaded(gateway: Operated, request: pytest.FixtureRequest) -> Operated:
    """The gateway when its load is over; a Prometheus, where there is one, has seen all of it."""
    if shutil.which("prometheus"):
        request.getfixturevalue("prometheus_url")
    load_with_faults(gateway)
    return gateway


@pytest.fixture(scope="module")
def counted(loaded: Operated) -> Numbers:
    return loaded.counted()


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
    loaded: Operated,
) -> None:
    numbers = loaded.numbers("worker")
    inputs = sum(family(numbers, "overgang_inputs_total", "flow", "outcome").values())
    assert sum(family(numbers, "overgang_decided_seconds_count", "flow").values()) == inputs > 0
    published = sum(family(numbers, "overgang_published_seconds_count", "message").values())
    assert published == numbers["overgang_relay_published_total", ()] > 0
    batches = sum(family(numbers, "overgang_batches_total", "flow", "outcome").values())
    assert sum(family(numbers, "overgang_agent_seconds_count", "flow").values()) == batches
    assert family(numbers, "overgang_batches_in_hand", "flow") == {}


def test_every_process_tells_what_the_list_says_and_nothing_else(loaded: Operated) -> None:
    seen: dict[Where, set[str]] = {}
    for process, where in (("worker", Where.WORKER), ("deliver", Where.DELIVERER), ("api", Where.API)):
        text = loaded.client.get(f"{loaded.urls[process]}/metrics").text
        seen[where] = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE overgang_")}
    for where, told in seen.items():
        listed = [m for m in ALL if where in m.where or (where is Where.API and m in LEDGER)]
        names = {m.name for m in listed}
        assert told == names, where


def test_two_apis_count_once(gateway: Operated, tmp_path: Path) -> None:
    assert gateway.numbers()["overgang_ledger_leader", ()] == 1
    leads = gateway.room.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'overgang numbers'"
    )
    assert leads == [(1,)]


def test_every_query_of_every_dashboard_finds_numbers_of_the_run(
    counted: Numbers, prometheus_url: str
) -> None:
    panels = {
        f"{dashboard.title}: {panel.title}": panel for dashboard in DASHBOARDS for panel in dashboard.panels
    }

    def empty() -> list[str]:
        """Those that find nothing: Prometheus may yet have to scrape what was counted last."""
        queries = {
            title: panel.query.replace("$__rate_interval", "2m").replace("$municipality", ".*")
            for title, panel in panels.items()
        }
        return [title for title, query in queries.items() if not asked(prometheus_url, query)]

    give_up = time.monotonic() + 60
    while (left := empty()) and time.monotonic() < give_up:
        threading.Event().wait(1)
    assert left == []


def test_dashboards_show_what_the_ledger_holds(
    loaded: Operated, counted: Numbers, prometheus_url: str
) -> None:
    [outcomes] = [panel for panel in DASHBOARDS[0].panels if panel.title == "Inputs by outcome"]
    until(
        lambda: sum(float(line["value"][1]) for line in asked(prometheus_url, outcomes.query)) == loaded.sent,
        15,
    )


def test_every_dashboard_is_drawn_with_the_numbers_of_the_run(
    counted: Numbers, prometheus_url: str, tmp_path: Path
) -> None:
    now = time.time()
    for dashboard in DASHBOARDS:
        picture = tmp_path / f"{dashboard.uid}.png"
        drawn = draw(dashboard, Span(prometheus_url, now - 240, now, 60), picture)
        assert set(drawn) == {panel.title for panel in dashboard.panels}
        assert {title for title, lines in drawn.items() if not lines} == set()
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < LARGEST_PICTURE
        shown = ROOT / "docs" / "pictures" / f"{dashboard.uid.removeprefix('overgang-')}.png"
        assert shown.stat().st_size < LARGEST_PICTURE, "run `make pictures`"


def test_every_rule_is_asked_of_the_run_and_nothing_fires_that_calls_somebody(
    loaded: Operated, counted: Numbers, prometheus_url: str
) -> None:
    for rule in RULES:
        asked(prometheus_url, rule["expr"])
    firing = {line["metric"]["alertname"] for line in asked(prometheus_url, 'ALERTS{alertstate="firing"}')}
    # Seven unreadable inputs of a flow are not yet many; the deadlines of a fortnight are days.
    assert firing == set()


SEVERAL = 12


@pytest.fixture(scope="module")
def troubled(loaded: Operated, counted: Numbers) -> Operated:
    """What wants a person, all at once: made where the gateway itself would have put it down."""
    room = loaded.room
    loaded.unreadable("mentor", SEVERAL)
    room.send(room.admissions(1))
    loaded.sent += 1
    loaded.quiet()
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO flows (flow, stopped_at, stopped_because) VALUES ('dropout-risk', now(),"
            " 'our own fault number 1: KeyError at streams.facts:1') ON CONFLICT (flow) DO UPDATE"
            " SET stopped_at = excluded.stopped_at, stopped_because = excluded.stopped_because"
        )
        connection.execute(
            "UPDATE cases SET stuck_at = now(), stuck_because = 'KeyError at streams.rules.decide:1'"
            " WHERE key = (SELECT min(case_key) FROM tasks WHERE kind = 'CONTACT_YOUNG_PERSON')"
        )
        connection.execute(
            "UPDATE outbound SET published_at = NULL, undeliverable_at = now(),"
            " undeliverable_reason = 'larger than 1000000 bytes' WHERE n = (SELECT max(n) FROM outbound)"
        )
    answer = loaded.client.get(
        f"{loaded.urls['api']}/v1/mailbox", params={"party": "/municipality/751", "after": 0}
    )
    assert answer.status_code == 200, answer.text
    return loaded


# By page what its commands show of the fault.
FAULTS = {
    "flow-stopped": ("1 of 11 flows stopped", "our own fault number 1"),
    "case-stuck": ("1 stuck cases", "KeyError"),
    "undeliverable-message": ("1 undeliverable messages", "larger than"),
    "quarantine-growing": ("in quarantine", "UNKNOWN_SCHEMA"),
    "tasks-unrouted": ("SEND_CONTACT",),
    "mailbox-not-read": ('overgang_mailbox_oldest_unread_seconds{party="/municipality/751"}',),
}
AT_ONCE = {"FlowStopped", "CaseStuck", "UndeliverableMessage", "QuarantineGrowing"}


def test_faults_show_in_numbers_and_their_alerts_fire(troubled: Operated, prometheus_url: str) -> None:
    def firing() -> set[str]:
        return {line["metric"]["alertname"] for line in asked(prometheus_url, 'ALERTS{alertstate="firing"}')}

    until(lambda: firing() >= AT_ONCE, 30)
    pending = {line["metric"]["alertname"] for line in asked(prometheus_url, 'ALERTS{alertstate="pending"}')}
    assert "TasksUnrouted" in pending


@pytest.mark.parametrize("page", FAULTS)
def test_the_commands_of_a_runbook_show_and_mend_the_fault(page: str, troubled: Operated) -> None:
    shown, mended = "", ""
    for kind, block in blocks(page):
        for command in commands(kind, block):
            status, output = troubled.shell(filled(command, troubled))
            assert status == 0, f"{command}\n{output}"
            shown += output if kind == "console" else ""
            mended += output
    for fragment in FAULTS[page]:
        assert fragment in shown, shown
    assert MENDED[page](troubled), mended


def filled(command: str, gateway: Operated) -> str:
    """With what the operator reads off the first lists."""
    [(case,)] = gateway.room.rows(
        "SELECT subject FROM tasks WHERE kind = 'CONTACT_YOUNG_PERSON' ORDER BY case_key LIMIT 1"
    )
    [(quarantined,)] = gateway.room.rows("SELECT min(n) FROM quarantine")
    return command.replace("PSEUDONYM", case).replace("show 1", f"show {quarantined}")


def none(query: str) -> Callable[[Operated], bool]:
    def is_none(gateway: Operated) -> bool:
        until(lambda: gateway.room.rows(f"SELECT count(*) FROM {query}") == [(0,)], 20)
        return True

    return is_none


MENDED: dict[str, Callable[[Operated], bool]] = {
    "flow-stopped": none("flows WHERE stopped_at IS NOT NULL"),
    "case-stuck": none("cases WHERE stuck_at IS NOT NULL"),
    # Only their senders, readers and municipalities can mend these: the pages show, and say whom to call.
    "undeliverable-message": lambda _: True,
    "quarantine-growing": lambda _: True,
    "tasks-unrouted": lambda _: True,
    "mailbox-not-read": lambda _: True,
}


def test_without_a_worker_inputs_wait_until_one_is_started(troubled: Operated, prometheus_url: str) -> None:
    troubled.running["worker"].kill()
    troubled.room.send(troubled.room.admissions(3))
    troubled.sent += 3
    waiting = troubled.counted()
    assert waiting["overgang_ledger_lag", (("flow", "enrolment"), ("of", "position"))] == 3
    until(lambda: bool(asked(prometheus_url, 'up{job="overgang-worker"} == 0')), 15)
    for command in commands(*blocks("inputs-wait")[0]):
        status, output = troubled.shell(command)
        # Who asks a worker that is gone gets no answer, and that is the answer.
        assert (status == 7) == ("$WORKER" in command), f"{command}\n{output}"
    # The page's mend is to start one.
    troubled.start("worker")
    until(lambda: ready(troubled, "worker"), 100)
    troubled.quiet()
    lag = family(troubled.counted(), "overgang_ledger_lag", "flow", "of")
    assert {flow for flow, of in lag if of == "position"} == set()
