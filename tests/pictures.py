"""Pictures of the dashboards in docs/pictures/, of a real run: `python -m tests.pictures [--minutes 6]`.

A gateway of processes with a broker and a database of its own has the messages of a simulated population by
and by; a recipient fetches its mailbox, a webhook answers, then is away for a while; some inputs cannot be
read; the worker is killed in the middle and started again. A Prometheus scrapes all of it every second.
"""

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

from rich.console import Console

from connectors.dashboards.pages import ALL
from connectors.embedded.kafka import EmbeddedKafka
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.simulation import simulate
from tests.drawing import Span, draw
from tests.integration.api_server import BATCH, until
from tests.integration.operations_room import ALERTS, Operated, operated, prometheus, ready
from tests.integration.webhook_room import Answer, Receiver, receiving

console = Console()
PICTURES: Final = Path("docs/pictures")
_PEOPLE, _WEEKS, _SEED, _AT_ONCE = 400, 4, 23, 25
_READER, _HOOK = "/municipality/751", "/municipality/461"
_RATE_SECONDS: Final = 20


def main() -> None:
    """Make the run and draw it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=6)
    asked = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="overgang-pictures-")))
        (directory / "prometheus").mkdir()
        kafka = stack.enter_context(EmbeddedKafka(directory / "kafka"))
        database = stack.enter_context(EmbeddedPostgres(directory / "postgres", durable=False))
        gateway = stack.enter_context(operated(kafka.bootstrap, database.url, directory))
        url = stack.enter_context(prometheus(gateway, directory / "prometheus", ALERTS))
        receiver = stack.enter_context(receiving())
        start = time.time()
        _run(gateway, receiver, asked.minutes * 60)
        span = Span(url, start, time.time(), _RATE_SECONDS)
        for dashboard in ALL:
            file = PICTURES / f"{dashboard.uid.removeprefix('overgang-')}.png"
            draw(dashboard, span, file)
            console.print(f"{file}: {file.stat().st_size // 1024} kB")


def _run(gateway: Operated, receiver: Receiver, seconds: float) -> None:
    status, output = gateway.shell(f"overgang webhooks add {_HOOK} {receiver.url} --after 0")
    assert status == 0, output
    first = datetime.now(UTC).date() - timedelta(weeks=_WEEKS)
    events: list[dict[str, Any]] = list(simulate(_PEOPLE, _WEEKS, _SEED, first))
    events += events[::19]
    parts = [events[at : at + _AT_ONCE] for at in range(0, len(events), _AT_ONCE)]
    began, due = time.monotonic(), seconds / len(parts)
    faults = {len(parts) * share // 100: share for share in (20, 45, 52, 60, 75)}
    for number, part in enumerate(parts):
        _post(gateway, part)
        if number % 5 == 0:
            _read(gateway)
        match faults.get(number):
            case 20:
                gateway.unreadable("enrolment", 4)
            case 45:
                gateway.running["worker"].kill()
            case 52:
                gateway.start("worker")
            case 60:
                receiver.answer = lambda _: Answer(503)
                gateway.unreadable("mentor", 3)
            case 75:
                receiver.answer = lambda _: Answer(204)
        Event().wait(max(0.0, began + due * (number + 1) - time.monotonic()))
    until(lambda: ready(gateway, "worker"), 60)
    until(lambda: _waiting(gateway) == 0, 180)


def _waiting(gateway: Operated) -> float:
    """Inputs that have no outcome."""
    told = gateway.counted().items()
    return sum(
        value
        for (name, labels), value in told
        if name == "overgang_ledger_lag" and ("of", "position") in labels
    )


def _post(gateway: Operated, events: Sequence[dict[str, Any]]) -> None:
    answer = gateway.client.post(
        f"{gateway.urls['api']}/v1/messages", content=json.dumps(list(events)), headers=BATCH
    )
    assert answer.status_code < 300, answer.text
    gateway.sent += len(events)


def _read(gateway: Operated) -> None:
    """A recipient that keeps what it has read."""
    mailbox = f"{gateway.urls['api']}/v1/mailbox"
    messages = gateway.client.get(mailbox, params={"party": _READER}).raise_for_status().json()
    if messages:
        kept = {"party": _READER, "sequence": int(messages[-1]["sequence"])}
        gateway.client.post(f"{mailbox}/acknowledge", json=kept).raise_for_status()


if __name__ == "__main__":
    main()
