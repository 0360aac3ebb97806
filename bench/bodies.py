"""Broken and hostile bodies at the API: `python -m bench.bodies`. Tells the answers, the slowest, and memory.

A 5xx, no answer within seconds, or a connection that ends without one is a fault and named with the number
of its body: the same seed makes the same one again.
"""

import argparse
import asyncio
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import psutil
from rich.console import Console

from bench.hostile import Hostile
from bench.raw_http import Wire
from bench.rig import UNLIMITED, rig

console = Console(width=160, soft_wrap=True)
_PATIENCE = 20.0
_CONNECTIONS = 16
_MIB = 1024 * 1024


@dataclass(slots=True)
class Found:
    """What came of the bodies."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)
    faults: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


async def send(port: int, process: psutil.Process, hostile: Hostile, bodies: int) -> Found:
    """Post so many bodies over several connections; memory is looked at fifty times."""
    found, numbers = Found(), count()

    async def sender() -> None:
        wire = Wire(port)
        while (n := next(numbers)) < bodies:
            if n % max(1, bodies // 50) == 0:
                found.resident.append(process.memory_info().rss)
            await _one(wire, hostile.request(), n, found)
        await wire.close()

    await asyncio.gather(*(sender() for _ in range(_CONNECTIONS)))
    found.resident.append(process.memory_info().rss)
    return found


async def _one(wire: Wire, request: bytes, n: int, found: Found) -> None:
    began = time.perf_counter()
    try:
        status = await asyncio.wait_for(wire.exchange(request), _PATIENCE)
    except (OSError, EOFError, TimeoutError) as failure:
        found.faults.append(f"body {n}: no answer ({type(failure).__name__})")
        await wire.close()
        return
    found.statuses[status] += 1
    found.slowest = max(found.slowest, (time.perf_counter() - began, n))
    if status >= 500:
        found.faults.append(f"body {n}: {status}")


def main() -> None:
    """Exit status 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with rig() as on:
        house = on.fresh()
        with house.api(**UNLIMITED) as (child, port):
            hostile = Hostile(chosen.seed, on.bearer(on.credential))
            began = time.perf_counter()
            found = asyncio.run(send(port, psutil.Process(child.pid), hostile, chosen.bodies))
            _tell(found, chosen.bodies, time.perf_counter() - began, child)
    if found.faults:
        raise SystemExit(1)


def _tell(found: Found, bodies: int, seconds: float, child: "subprocess.Popen[str]") -> None:
    console.print(
        f"{bodies:,} bodies in {seconds:.0f} s, {bodies / seconds:,.0f}/s; API alive: {child.poll() is None}"
    )
    console.print("answers: " + ", ".join(f"{status}: {n:,}" for status, n in sorted(found.statuses.items())))
    console.print(f"slowest answer {1_000 * found.slowest[0]:.0f} ms (body {found.slowest[1]})")
    warm = found.resident[len(found.resident) // 5]
    last = max(found.resident[-5:])
    console.print(
        f"memory of the API: {warm / _MIB:.0f} MiB after a fifth, {last / _MIB:.0f} MiB at the end,"
        f" growth {(last - warm) / _MIB:+.0f} MiB, at most {max(found.resident) / _MIB:.0f} MiB"
    )
    console.print(f"faults: {len(found.faults)}")
    for fault in found.faults[:20]:
        console.print(fault)


if __name__ == "__main__":
    main()
