"""One list of numbers: bounded, told how to read, free of people; the pages written from it are fresh."""

import re
from pathlib import Path

import pytest

from connectors.dashboards.pages import ALL as DASHBOARDS
from connectors.dashboards.writing import DIRECTORY, text
from connectors.metrics_page import PAGE, page
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from streams.ledger.counting import Counted
from streams.ledger_text import INSTITUTIONS, NOBODY
from streams.ledger_text import text as ledger_text
from streams.measurements import ALL
from streams.measurements.labels import MUNICIPALITY, TASK_KIND
from streams.measurements.model import OTHER, Domain, Kind, Measurement, Where, Within
from streams.rules import rule_files

LISTS = shipped()
KINDS = sorted(
    {
        getattr(rule_set.rules, name).kind
        for rule_set in rule_files.shipped().sets
        for name in type(rule_set.rules).model_fields
    }
)
MOST_LINES = {Where.WORKER: 4_000, Where.API: 5_000, Where.DELIVERER: 100, Where.LEDGER: 7_500}
PEOPLE = {"cpr", "citizen", "person", "name", "case", "subject", "task", "task_id", "id", "source"}


def full_ledger(municipalities: int = 98, institutions: int = 500) -> Counted:
    """As many lines as an exchange of that size can have."""
    recipients = [f"/municipality/{code}" for code in sorted(LISTS.municipalities)][:municipalities]
    schools = [f"/institution/{280000 + number}" for number in range(institutions)]
    return Counted(
        inputs=dict.fromkeys(FLOWS, (1_000_000, 10_000)),
        quarantined=[(flow, "INVALID", 7) for flow in FLOWS],
        tasks=[
            (recipient, kind, state, 3)
            for recipient in [*recipients, *schools, None]
            for kind in KINDS
            for state in ("OPEN", "OVERDUE")
        ],
        contacts=[(r, timing, 5) for r in recipients for timing in ("in_time", "late", "waiting", "overdue")],
        contact_days=tuple(range(30)),
        eu_notices=[(r, "in_time", 1) for r in recipients],
        eu_registrations=[("late", 2)],
        waiting=0,
        undeliverable=0,
        delivered={"topic": 1, "mailbox": 1},
        oldest={"topic": 0.0, "mailbox": 0.0, "webhook": 0.0},
        exceptions={},
        stuck=0,
        stopped=frozenset(),
        positions={},
    )


@pytest.mark.parametrize("measurement", ALL, ids=lambda measurement: measurement.name)
def test_a_number_is_named_and_told_as_prometheus_wants_it(measurement: Measurement) -> None:
    assert re.fullmatch(r"overgang_[a-z_]+", measurement.name)
    assert measurement.name.endswith("_total") == (measurement.kind is Kind.COUNTER)
    assert ("seconds" in measurement.name) == (measurement.unit == "seconds")
    assert bool(measurement.buckets) == (measurement.kind is Kind.HISTOGRAM)
    assert measurement.read.endswith(".")
    assert not PEOPLE & set(measurement.labels)
    assert all(domain.values or domain.most for domain in measurement.labels.values())


def test_names_are_given_once() -> None:
    names = [measurement.name for measurement in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("where", Where)
def test_what_a_process_tells_is_bounded(where: Where) -> None:
    # Within a histogram's lines; quarantine by system is bounded by its own limit.
    assert sum(m.series for m in ALL if where in m.where) <= MOST_LINES[where] * 6


def test_the_ledgers_numbers_stay_within_their_labels_at_full_size() -> None:
    lines = [
        line for line in ledger_text(full_ledger(), {}, LISTS, 1.0).decode().splitlines() if line[0] != "#"
    ]
    assert len(lines) <= MOST_LINES[Where.LEDGER]
    shown = {found for line in lines for found in re.findall(r'municipality="([^"]*)"', line)}
    assert shown == {*LISTS.municipalities, INSTITUTIONS, NOBODY}
    assert len(shown) <= MUNICIPALITY.most
    assert {found for line in lines for found in re.findall(r'kind="([^"]*)"', line)} == set(KINDS)
    assert len(KINDS) <= TASK_KIND.most


def test_a_party_or_kind_that_no_list_knows_is_other() -> None:
    counted = full_ledger(0, 0)
    odd = [("/municipality/999", f"KIND_{number}", "OPEN", 1) for number in range(TASK_KIND.most + 5)]
    object.__setattr__(counted, "tasks", odd)
    told = ledger_text(counted, {}, LISTS, 1.0).decode()
    assert f'overgang_ledger_tasks{{kind="{OTHER}",municipality="{OTHER}",state="open"}} 5.0' in told
    assert "999" not in told


def test_a_label_without_a_list_takes_so_many_values_and_then_other() -> None:
    within = Within(Domain(most=2))
    assert [within(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_the_page_of_metrics_is_what_the_list_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_the_dashboards_are_what_the_list_says() -> None:
    assert {file.stem for file in DIRECTORY.glob("*.json")} == {dashboard.uid for dashboard in DASHBOARDS}
    for dashboard in DASHBOARDS:
        assert (DIRECTORY / f"{dashboard.uid}.json").read_bytes() == text(dashboard), "run: make docs"


def test_a_dashboard_asks_only_for_numbers_and_labels_of_the_list() -> None:
    labels = {measurement.name: set(measurement.labels) for measurement in ALL}
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            by = {
                label.strip()
                for group in re.findall(r"by \(([^)]*)\)", panel.query)
                for label in group.split(",")
            }
            assert by <= labels[panel.measurement.name] | {"le", "instance"}, panel.title


def test_examples_for_prometheus_are_told_to_the_operator() -> None:
    operator = (Path(__file__).parents[2] / "docs" / "operator.md").read_text(encoding="utf-8")
    for name in ("alerts.yml", "prometheus.yml", "alertmanager.yml", "dashboards/"):
        assert f"examples/{name}" in operator
