"""`make bench` in its short form: every measurement runs to its end and finds a number."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measured(module: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_hop_is_measured_beside_a_bare_loop_and_its_latency() -> None:
    told = measured("bench.hop", "--people", "30", "--pairs", "1", "--latency-seconds", "1")
    assert float(re.search(r"ratio ([0-9.]+)", told)[1]) > 0, told
    assert re.search(r"p99 +[0-9.]+", told), told


def test_what_a_seal_costs_is_measured_at_the_edge_and_in_the_worker() -> None:
    told = measured("bench.seal")
    costs = [float(cost) for cost in re.findall(r"the seal costs +(-?[0-9.]+) us", told)]
    assert len(costs) == 2, told
    assert min(costs) > 0, told
    assert re.search(r"verify a signature +[0-9.]+ us", told), told


def test_what_traces_cost_a_worker_is_measured() -> None:
    told = measured("bench.traces", "--people", "20", "--pairs", "1")
    assert re.search(
        r"traces\s+cost\s+-?[0-9,]+\s+us\s+of\s+a\s+processor\s+a\s+message,\s+ratio\s+[0-9.]+", told
    ), told


def test_posting_is_measured_beside_a_bare_handler() -> None:
    few = ("--rounds", "1", "--singles", "200", "--batches", "2", "--latency-seconds", "1")
    told = measured("bench.ingest", *few)
    ratios = [float(ratio) for ratio in re.findall(r"ratio ([0-9.]+)", told)]
    assert len(ratios) == 2, told
    assert min(ratios) > 0, told
    assert len(re.findall(r"p99 +[0-9.]+", told)) == 2, told


def test_no_hostile_body_makes_the_api_fail_hang_or_grow() -> None:
    told = measured("bench.bodies", "--bodies", "1500", "--seed", "7")
    assert "API alive: True" in told, told
    assert "faults: 0" in told, told
    statuses = {int(status): int(n.replace(",", "")) for status, n in re.findall(r" (\d{3}): ([\d,]+)", told)}
    assert sum(statuses.values()) == 1500, told
    assert {202, 207, 400, 413, 415, 422} <= set(statuses), told
    assert int(re.search(r"growth ([+-]\d+) MiB", told)[1]) < 40, told


def test_deciding_and_comparing_files_are_measured() -> None:
    for module, options in (("bench.decide", ("--runs", "1")), ("bench.whatif", ())):
        *_, last = map(json.loads, measured(module, "--people", "40", "--weeks", "4", *options).splitlines())
        assert last["messages"] > 100
        assert last["messages_per_second"] > 0


def test_a_scrape_of_the_whole_country_and_what_its_numbers_cost_are_measured() -> None:
    told = measured("bench.scrape", "--people", "30", "--pairs", "1")
    assert float(re.search(r"lines: ([0-9.]+) ms", told)[1]) > 0, told
    assert re.search(r"numbers cost -?[0-9.]+%", told), told
