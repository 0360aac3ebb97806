"""`python -m connectors.metrics_page` writes docs/metrics.md from the one list of measurements."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streams.measurements import ALL
from streams.measurements.model import Domain, Measurement, Where

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD: Final = """# Metrics

Written from `streams/measurements/` by `python -m connectors.metrics_page`; do not edit it here.

Each process answers `/metrics` in Prometheus' text format: worker and deliverer on their own ports, the API
at `/metrics`. What is counted **in the ledger** is told by one API at a time, the one whose
`overgang_ledger_leader` is 1; it counts at most every 10 seconds, never in a scrape. Those numbers equal
rows, whatever was killed in between. All others begin at 0 with their process: use `rate` and `increase`,
and sum over the processes.

No label holds anything about a person, and every label is bounded. Tasks are counted by kind and
municipality all the same: a count of 1 of a rare kind in a small municipality can point to a person for
somebody who knows the place. Reports hide groups under five; metrics do not, since an operator needs the
one overdue task. So they are for operators: the API gives them to whoever has `monitor` or `operate` on
`/gateway` and to nobody else, and those by municipality are told by the API alone, never on the open ports
of worker and deliverer. Show them to no one else, and give a dashboard for others no label `municipality`.
Alerts and dashboards: [operator](operator.md#watch-it-with-prometheus).
"""
_TITLES: Final = {
    Where.WORKER: "Worker",
    Where.API: "API",
    Where.DELIVERER: "Deliverer",
    Where.LEDGER: "Counted in the ledger",
}


def page() -> str:
    """Every number: its name, kind, unit, labels with their bounds, and how to read it."""
    return "\n".join([_HEAD, *(line for where in Where for line in _part(where))])


def _part(where: Where) -> Iterator[str]:
    yield from (
        f"## {_TITLES[where]}",
        "",
        "| Name | Kind | Unit | Labels | How to read it |",
        "|---|---|---|---|---|",
    )
    for told in ALL:
        if where in told.where:
            yield f"| `{told.name}` | {told.kind} | {told.unit} | {_labels(told)} | {told.read} |"
    yield ""


def _labels(told: Measurement) -> str:
    return ", ".join(f"`{name}` ({_bound(domain)})" for name, domain in told.labels.items()) or "-"


def _bound(domain: Domain) -> str:
    if not domain.values:
        return f"at most {domain.most}"
    return " ".join(domain.values) if domain.size <= 5 else f"{domain.size} values"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
