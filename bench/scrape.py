"""What numbers cost: `python -m bench.scrape [--pairs 3]`.

A scrape at 98 municipalities and 500 institutions (aim: under 50 ms), the text of a large ledger, and the
processor time of a worker with its numbers beside one without, alternating (aim: under 3 %).
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from bench.hop import until_done
from bench.load import messages
from bench.rig import Rig, rig
from connectors.http.metrics import Metrics
from connectors.mailbox.unread import UnreadAges
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.message import Message
from streams.ledger.counting import Counted
from streams.ledger_text import text
from streams.rules import rule_files

console = Console()
_MUNICIPALITIES, _INSTITUTIONS = 98, 500
_WITHOUT = """
import sys
from streams.agents.taking import Taking
from streams.agent_sensor import AgentSensor
from prometheus_client import Counter, Gauge, Histogram
for kind in (Counter, Gauge, Histogram):
    kind.labels = lambda self, *_: self
Counter.inc = Gauge.inc = Gauge.dec = Gauge.set = Histogram.observe = lambda *_: None
Taking._count_waits = lambda *_: None
AgentSensor.on_stream_event_in = lambda *_: None
sys.argv = ['overgang', 'worker']
from connectors.cli.main import main
main()
"""


def full_ledger() -> Counted:
    """As many lines as an exchange of the whole country has."""
    lists = shipped()
    everyone = [f"/municipality/{code}" for code in sorted(lists.municipalities)][:_MUNICIPALITIES]
    rules = rule_files.shipped().sets[-1].rules
    kinds = sorted({getattr(rules, name).kind for name in type(rules).model_fields})
    timings = ("in_time", "late", "waiting", "overdue")
    return Counted(
        inputs=dict.fromkeys(FLOWS, (1_000_000, 10_000)),
        quarantined=[(flow, "INVALID", 7) for flow in FLOWS],
        tasks=[(r, k, s, 3) for r in [*everyone, None] for k in kinds for s in ("OPEN", "OVERDUE")],
        contacts=[(r, timing, 5) for r in everyone for timing in timings],
        contact_days=tuple(range(30)),
        eu_notices=[(r, timing, 1) for r in everyone for timing in timings],
        eu_registrations=[("in_time", 9), ("late", 2)],
        waiting=10,
        undeliverable=0,
        delivered={"topic": 5_000_000, "mailbox": 1_000_000},
        oldest=dict.fromkeys(("topic", "mailbox", "webhook"), 1.5),
        exceptions={"WAITING": 3},
        stuck=0,
        stopped=frozenset(),
        positions={},
    )


def scrape_milliseconds(times: int = 50) -> tuple[float, float, int]:
    """Median of a scrape of the leading API, of making the ledger's text, and the lines of both."""
    metrics, lists, counted = Metrics(), shipped(), full_ledger()
    for route in range(60):
        for status in (200, 400, 404):
            metrics.requests.labels("GET", f"/v1/route/{route}", status).inc()
        metrics.seconds.labels("GET", f"/v1/route/{route}").observe(0.01)
    told = text(counted, {}, lists, time.time())
    ages = UnreadAges(None)  # type: ignore[arg-type] # never asked for mailboxes here
    ages._oldest = {
        f"/institution/{280000 + n}": datetime.now(UTC)  # type: ignore[misc]
        for n in range(_MUNICIPALITIES + _INSTITUTIONS)
    }
    metrics.registry.register(ages)
    scraped = _median(lambda: metrics.text() + told, times)
    made = _median(lambda: text(counted, {}, lists, time.time()), max(3, times // 10))
    return scraped, made, (metrics.text() + told).count(b"\n")


def _median(work: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        # The processor's time: what else runs on this machine is no cost of a scrape.
        began = time.process_time()
        work()
        spent.append(1_000 * (time.process_time() - began))
    return statistics.median(spent)


def throughput(on: Rig, people: int, pairs: int) -> float:
    """Median share of the worker's processor time that numbers cost, of alternating pairs; below 0 is noise.

    A worker is bound by its processor, so that is its throughput; the clock also sees what else runs here.
    """
    given = messages(people, on.key)
    costs = []
    for pair in range(1, pairs + 1):
        without = _processor_seconds(on, given, "-c", _WITHOUT)
        with_numbers = _processor_seconds(on, given)
        costs.append(1 - without / with_numbers)
        console.print(f"pair {pair}: {without:.2f} s without, {with_numbers:.2f} s with, {costs[-1]:+.1%}")
    return statistics.median(costs)


def _processor_seconds(on: Rig, given: list[Message], *command: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    until_done(on, given, *command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3_000, help="five messages each")
    parser.add_argument("--pairs", type=int, default=3)
    chosen = parser.parse_args()
    scraped, made, lines = scrape_milliseconds()
    console.print(f"scrape of {lines:,} lines: {scraped:.1f} ms (aim 50); the ledger's text: {made:.1f} ms")
    if chosen.pairs:
        with rig() as on:
            cost = throughput(on, chosen.people, chosen.pairs)
        console.print(f"numbers cost {cost:.1%} of a worker's time, median of {chosen.pairs} (aim 3)")


if __name__ == "__main__":
    main()
