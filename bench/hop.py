"""Messages a second through the whole hop, beside a bare loop; latency from POST to the recipient's topic.

`make bench`. Both are measured in one run, alternating, on the same broker; quote the median ratio, these
machines are noisy. Aim: ratio 0.35, latency 15 ms (p50) and 60 ms (p99) at 50 messages a second.
"""

import argparse
import statistics
import time
from threading import Event

import psycopg
from rich.console import Console

from bench.bare_loop import WARM
from bench.latency import measure_latency
from bench.load import messages, produce
from bench.rig import Rig, rig
from schemas.message import Message

_PATIENCE = 300.0
console = Console()


def until_done(on: Rig, given: list[Message], *command: str, **settings: str) -> float:
    """Seconds from the first message produced until every outbound row is published, by one worker, or by
    the worker that `command` starts; `settings` are variables of its environment."""
    house = on.fresh()
    with (
        psycopg.connect(house.database_url, autocommit=True) as watch,
        house.process(*(command or house.overgang("worker")), **settings),
    ):
        _until(watch, "SELECT count(*) >= 1 FROM pg_locks WHERE locktype = 'advisory'")
        produce(on.running.bootstrap, house.prefix, given[:WARM])
        _until(watch, f"SELECT count(*) = {WARM} FROM inbox")
        started = time.perf_counter()
        produce(on.running.bootstrap, house.prefix, given[WARM:])
        _until(watch, f"SELECT count(*) = {len(given)} FROM inbox")
        _until(watch, "SELECT NOT EXISTS (SELECT FROM outbound WHERE published_at IS NULL)")
        return time.perf_counter() - started


def through_the_bare_loop(on: Rig, given: list[Message]) -> float:
    """Seconds for the same messages through the loop that promises nothing."""
    house = on.fresh()
    arguments = (on.running.bootstrap, house.prefix, str(on.key_file), str(len(given)))
    with house.process("-m", "bench.bare_loop", *arguments) as child:
        assert child.stdout is not None
        produce(on.running.bootstrap, house.prefix, given[:WARM])
        assert child.stdout.readline() == "warm\n"
        started = time.perf_counter()
        produce(on.running.bootstrap, house.prefix, given[WARM:])
        assert child.stdout.readline() == "done\n"
        return time.perf_counter() - started


def _until(watch: psycopg.Connection, condition: str) -> None:
    give_up = time.monotonic() + _PATIENCE
    pause = Event()
    while not (row := watch.execute(condition.encode()).fetchone()) or not row[0]:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{condition} did not come true within {_PATIENCE:.0f} s")
        pause.wait(0.05)


def main() -> None:
    """Print every pair and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3_000, help="five messages each")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--latency-seconds", type=int, default=20)
    chosen = parser.parse_args()
    with rig() as on:
        given = messages(chosen.people, on.key)
        ratios, gateway, bare = [], [], []
        for pair in range(1, chosen.pairs + 1):
            bare.append((len(given) - WARM) / through_the_bare_loop(on, given))
            gateway.append((len(given) - WARM) / until_done(on, given))
            ratios.append(gateway[-1] / bare[-1])
            speeds = f"gateway {gateway[-1]:,.0f}/s, bare loop {bare[-1]:,.0f}/s"
            console.print(f"pair {pair}: {speeds}, ratio {ratios[-1]:.2f}")
        console.print(
            f"{len(given):,} messages, median of {chosen.pairs}: gateway {statistics.median(gateway):,.0f}/s"
            f" ({min(gateway):,.0f} to {max(gateway):,.0f}), bare loop {statistics.median(bare):,.0f}/s"
            f" ({min(bare):,.0f} to {max(bare):,.0f}), ratio {statistics.median(ratios):.2f} (aim 0.35)"
        )
        if chosen.latency_seconds:
            found = measure_latency(on, rate=50, seconds=chosen.latency_seconds)
            console.print(
                f"POST to outbound at 50 messages/s, {found.count} messages: p50 {found.p50:.1f} ms,"
                f" p99 {found.p99:.1f} ms (aim 15 and 60)"
            )


if __name__ == "__main__":
    main()
