"""What traces cost a worker at full speed: the same messages with traces off and on, alternating.

`make bench`. Each message bears a sampled `traceparent`, so that with traces on each is a span in the worker
and one more for everything that it sends. The collector takes all and looks at nothing. On a busy machine the
worker's processor time, its start included, is steadier than its speed: quote its median ratio.
"""

import argparse
import resource
import secrets
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rich.console import Console

from bench.bare_loop import WARM
from bench.hop import until_done
from bench.load import messages
from bench.rig import Rig, rig
from schemas.message import Message

console = Console()


class _Takes(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def collector() -> Iterator[str]:
    """The address of one that listens while the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Takes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def traced(message: Message) -> Message:
    """The message as a sender that traces sends it."""
    traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return replace(message, envelope=replace(message.envelope, traceparent=traceparent))


@dataclass(frozen=True, slots=True)
class _Worked:
    """Messages a second of one worker, and microseconds of a processor that it took for each."""

    per_second: float
    processor_us: float


def _worked(on: Rig, given: list[Message], **settings: str) -> _Worked:
    before = _processor()
    seconds = until_done(on, given, **settings)
    return _Worked((len(given) - WARM) / seconds, (_processor() - before) / len(given) * 1e6)


def _processor() -> float:
    """Seconds that the children took that have ended: the workers, not the broker and the database."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print every pair and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=3_000, help="five messages each")
    parser.add_argument("--pairs", type=int, default=3)
    chosen = parser.parse_args()
    with rig() as on, collector() as url:
        given = [traced(message) for message in messages(chosen.people, on.key)]
        speeds, costs, ratios = [], [], []
        for pair in range(1, chosen.pairs + 1):
            off, on_ = _worked(on, given), _worked(on, given, OVERGANG_TRACES_ENDPOINT=url)
            speeds.append(on_.per_second / off.per_second)
            costs.append(on_.processor_us - off.processor_us)
            ratios.append(on_.processor_us / off.processor_us)
            console.print(
                f"pair {pair}: off {off.per_second:,.0f}/s with {off.processor_us:,.0f} us of a processor a"
                f" message, on {on_.per_second:,.0f}/s with {on_.processor_us:,.0f} us"
            )
        console.print(
            f"{len(given):,} messages, median of {chosen.pairs}: traces cost"
            f" {statistics.median(costs):,.0f} us of a processor a message,"
            f" ratio {statistics.median(ratios):.2f}; speed, ratio {statistics.median(speeds):.2f}"
        )


if __name__ == "__main__":
    main()
