"""Posting messages to the API beside a bare handler that checks nothing: `python -m bench.ingest`.

In turn, bare first, each round on the same broker: single messages a second over many connections, messages a
second in batches, and in the end the time to answer at half of the gateway's speed. The aim for the ratios
is 0.5.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from socket import create_server
from uuid import uuid4

from rich.console import Console

from bench.load import events
from bench.raw_http import Wire, post
from bench.rig import UNLIMITED, House, rig, until_ready

console = Console(width=160, soft_wrap=True)
_CONNECTIONS = 32
_BATCH = 500
_BATCHES_AT_ONCE = 4
_STRUCTURED = ("content-type", "application/cloudevents+json")
_BATCHED = ("content-type", "application/cloudevents-batch+json")

Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Speeds:
    """Single messages a second, and messages a second in batches."""

    single: float
    batched: float


@contextmanager
def bare(house: House) -> Iterator[int]:
    """The bare handler as a process of its own, and its port."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    settings = {"BOOTSTRAP": house.rig.running.bootstrap, "TOPIC": f"{house.prefix}bare", "PORT": str(port)}
    with house.process("-m", "bench.bare_ingest", **settings):
        until_ready(f"http://127.0.0.1:{port}/health/ready")
        yield port


def main() -> None:
    """Print every round, the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--singles", type=int, default=3_000)
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--latency-seconds", type=int, default=10)
    chosen = parser.parse_args()
    with rig() as on, ExitStack() as stack:
        house = on.fresh()
        ports = {"bare": stack.enter_context(bare(house))}
        child, ports["gateway"] = stack.enter_context(house.api(**UNLIMITED))
        token = on.bearer(on.credential)
        found: dict[str, list[Speeds]] = {name: [] for name in ports}
        for round_ in range(chosen.rounds + 1):
            for name, port in ports.items():
                speeds = Speeds(
                    asyncio.run(_throughput(port, _singles(chosen.singles, token), _CONNECTIONS)),
                    _BATCH
                    * asyncio.run(_throughput(port, _batches(chosen.batches, token), _BATCHES_AT_ONCE)),
                )
                # The first round warms both up and counts for neither.
                if round_:
                    found[name].append(speeds)
                    console.print(
                        f"round {round_} {name:8} {speeds.single:8,.0f} posts/s,"
                        f" {speeds.batched:8,.0f} messages/s in batches"
                    )
        _tell("single posts", {name: [s.single for s in of] for name, of in found.items()})
        _tell(
            f"messages in batches of {_BATCH}", {name: [s.batched for s in of] for name, of in found.items()}
        )
        rate = statistics.median(s.single for s in found["gateway"]) / 2
        for name, port in ports.items():
            spent = asyncio.run(_at_rate(port, _singles(int(rate * chosen.latency_seconds), token), rate))
            cuts = statistics.quantiles(spent, n=100)
            console.print(
                f"at {rate:,.0f}/s, half of the gateway's: {name:8}"
                f" p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"
            )
        if child.poll() is not None:
            raise SystemExit("the API ended by itself")


def _tell(what: str, found: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(of) for name, of in found.items()}
    ratios = [ours / theirs for ours, theirs in zip(found["gateway"], found["bare"], strict=True)]
    console.print(
        f"{what}, median of {len(ratios)}: gateway {medians['gateway']:,.0f}/s,"
        f" bare {medians['bare']:,.0f}/s, ratio {statistics.median(ratios):.2f}"
        f" ({min(ratios):.2f} to {max(ratios):.2f}; aim 0.5)"
    )


def _bodies(number: int) -> list[dict[str, object]]:
    people = -(-number // 5)
    given = list(events(people, datetime.now(UTC) - timedelta(days=1)))[:number]
    return [event | {"id": str(uuid4())} for event in given]


def _singles(number: int, token: Token) -> list[bytes]:
    credential = ("authorization", token())
    return [post("/v1/messages", json.dumps(e).encode(), _STRUCTURED, credential) for e in _bodies(number)]


def _batches(number: int, token: Token) -> list[bytes]:
    credential = ("authorization", token())
    given = _bodies(number * _BATCH)
    return [
        post("/v1/messages", json.dumps(given[n : n + _BATCH]).encode(), _BATCHED, credential)
        for n in range(0, len(given), _BATCH)
    ]


async def _throughput(port: int, requests: list[bytes], connections: int) -> float:
    """Requests a second."""
    left = iter(requests)

    async def sender() -> None:
        wire = Wire(port)
        for request in left:
            await _accepted(wire, request)
        await wire.close()

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    return len(requests) / (time.perf_counter() - began)


async def _at_rate(port: int, requests: list[bytes], rate: float) -> list[float]:
    """Milliseconds of each answer, from the instant at which the request was due."""
    wires: asyncio.Queue[Wire] = asyncio.Queue()
    for _ in range(4 * _CONNECTIONS):
        wires.put_nowait(Wire(port))
    spent: list[float] = []
    start = time.perf_counter()

    async def one(place: int, request: bytes) -> None:
        due = start + place / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        wire = await wires.get()
        await _accepted(wire, request)
        spent.append(1_000 * (time.perf_counter() - due))
        wires.put_nowait(wire)

    await asyncio.gather(*(one(place, request) for place, request in enumerate(requests)))
    while not wires.empty():
        await wires.get_nowait().close()
    return spent


async def _accepted(wire: Wire, request: bytes) -> None:
    status = await wire.exchange(request)
    if status != 202:
        raise RuntimeError(f"answered {status}, not 202")


if __name__ == "__main__":
    main()
