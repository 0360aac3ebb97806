"""What tests of webhooks share: real receivers on loopback, outbound rows, a clock that is set by hand."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeVar
from uuid import uuid4

import psycopg
import pytest
from standardwebhooks.webhooks import Webhook

from connectors.webhooks.addresses import Addresses
from connectors.webhooks.deliverer import Deliverer, DelivererConfig
from connectors.webhooks.endpoint_run import EndpointRun
from connectors.webhooks.line import Line
from schemas.flows.registry import FLOWS
from schemas.identifiers import CaseKey, PartyAddress
from schemas.wire import decode, encode
from streams.ledger import outbound, webhook_settling, webhooks
from streams.ledger.engine import engine_for
from streams.ledger.sealing import Seal
from streams.ledger.webhook_changes import WebhookChanges
from streams.ledger.webhook_lists import WebhookException, webhook_exceptions_of, webhook_standings
from streams.webhooks import DeliveryState
from tests.integration.ledger_room import ALMA, WRAPPING, checked, ledger_on, notice
from tests.loopback import serving

ORIGIN = "gateway.example"
TTL = timedelta(days=14)
AARHUS = PartyAddress("/municipality/751")
ODENSE = PartyAddress("/municipality/461")
SCHOOL = PartyAddress("/institution/280051")
SEAL = Seal(WRAPPING)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Got:
    """One request as a receiver saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def sequence(self) -> int:
        return int(json.loads(self.body)["sequence"])

    @property
    def case(self) -> str:
        return str(json.loads(self.body)["subject"])

    def verified_by(self, secret: str) -> Any:
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Answer:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Receiver:
    """`answer` says what to do with a post; `consents` what to say to OPTIONS, None: nothing."""

    url: str = ""
    posts: list[Got] = field(default_factory=list)
    asked: list[Got] = field(default_factory=list)
    accepted: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Answer] = lambda _: Answer()
    consents: str | None = "*"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sequences(self) -> list[int]:
        return [got.sequence for got in self.accepted]


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """A real HTTP server on a free loopback port."""
    mine = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_OPTIONS(self) -> None:
            with mine.lock:
                mine.asked.append(self._got())
            headers = {} if mine.consents is None else {"WebHook-Allowed-Origin": mine.consents}
            self._send(Answer(200, headers))

        def do_POST(self) -> None:
            got = self._got()
            with mine.lock:
                mine.posts.append(got)
            answer = mine.answer(got)
            if 200 <= answer.status < 300:
                with mine.lock:
                    mine.accepted.append(got)
            self._send(answer)

        def do_GET(self) -> None:
            with mine.lock:
                mine.posts.append(self._got())
            self._send(Answer(200))

        def _got(self) -> Got:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Got(self.command, self.path, headers, body)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with serving(Handler) as port:
        mine.url = f"http://127.0.0.1:{port}/hook"
        yield mine


class Clock:
    """Stands still until it is moved. Begins now: receivers refuse old timestamps."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def catch_up(self) -> None:
        """Others have read the real clock meanwhile."""
        self.at = datetime.now(UTC)

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


class WebhookRoom:
    """A migrated database, an event loop of its own, and endpoints that are served turn by turn."""

    def __init__(self, database_url: str, stack: ExitStack) -> None:
        self.database_url = database_url
        self.clock = Clock()
        self._stack = stack
        self.ledger = stack.enter_context(ledger_on(database_url))
        self.loop = asyncio.new_event_loop()
        stack.callback(self.loop.close)
        self.addresses = Addresses(loopback=True)
        self.line = Line(database_url, SEAL)
        self.deliverer = Deliverer(
            DelivererConfig(database_url, SEAL, ORIGIN, TTL, loopback=True, now=self.clock)
        )
        self.wait(self.line.open())
        self.runs: dict[PartyAddress, EndpointRun] = {}
        stack.callback(self._close)
        self.changes_by = "tester"

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @property
    def changes(self) -> WebhookChanges:
        return WebhookChanges(engine_for(self.database_url), SEAL, self.changes_by, self.clock())

    def receiver(self, receiver: Receiver | None = None) -> Receiver:
        return self._stack.enter_context(receiving(receiver))

    def add(self, party: PartyAddress, receiver: Receiver, after: int | None = 0) -> str:
        """Register an endpoint; its secret."""
        secret = self.changes.put(party, receiver.url, after)
        assert secret is not None
        return secret.text

    def write(self, recipient: PartyAddress, *cases: str | None, source: PartyAddress = SCHOOL) -> list[int]:
        """One outbound message a case, as the ledger writes and the relay numbers them; their numbers."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            made: list[int] = []
            for case in cases:
                connection.execute(
                    "INSERT INTO outbound (recipient, source, message_id, type, time, attributes, case_key,"
                    " payload, written_at) VALUES (%s, %s, %s, 'dk.overgang.dropout-risk.v1', %s, %s::jsonb,"
                    " %s, %s, %s)",
                    (
                        recipient,
                        source,
                        str(uuid4()),
                        self.clock(),
                        json.dumps({"subject": case or "none"}),
                        case,
                        self.payload(case),
                        self.clock(),
                    ),
                )
                assert outbound.number(connection, 10) == 1
                row = connection.execute(
                    "SELECT last_sequence FROM cursors WHERE recipient = %s", (recipient,)
                ).fetchone()
                assert row is not None
                made.append(row[0])
            return made

    def payload(self, case: str | None) -> bytes:
        """A notice about Alma, sealed by the case's key."""
        value = encode(FLOWS["dropout-risk"].schema_name, checked(notice(citizen=ALMA)).data)
        if case is None:
            return self.ledger.vault.seal_own(value)
        with self.ledger.pool.connection() as connection, connection.cursor(binary=True) as cursor:
            seals = self.ledger.vault.seals(cursor, [CaseKey(case)])
        self.ledger.vault.remember(seals)
        return seals[case].seal(value, case.encode())

    def turn(self, *parties: PartyAddress) -> None:
        """Serve these endpoints until nothing is to be done at this instant."""
        for party in parties:
            if party not in self.runs:
                means = self.deliverer.means(self.line, self.addresses)
                self.runs[party] = EndpointRun(party, means)
            run = self.runs[party]
            while self.wants(party):
                self.wait(run.until_idle())

    def wants(self, party: PartyAddress) -> bool:
        [endpoint] = self.wait(self.line.ask(webhooks.endpoints, [party]))
        return self.runs[party].wants(endpoint)

    def exceptions(self, party: PartyAddress = AARHUS) -> dict[int, WebhookException]:
        with engine_for(self.database_url).connect() as connection:
            found = webhook_exceptions_of(connection, list(DeliveryState), party=party)
        return {one.sequence: one for one in found}

    def states(self, party: PartyAddress = AARHUS) -> dict[int, str]:
        return {sequence: one.state.value for sequence, one in self.exceptions(party).items()}

    def standing(self, party: PartyAddress = AARHUS) -> Any:
        with engine_for(self.database_url).connect() as connection:
            [found] = webhook_standings(connection, party)
        return found

    def told(self, sender: PartyAddress = SCHOOL) -> list[dict[str, Any]]:
        """Delivery receipts to a sender, in their order."""
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute(
                "SELECT payload FROM outbound WHERE recipient = %s"
                " AND type = 'dk.overgang.delivery-receipt.v1' ORDER BY n",
                (sender,),
            ).fetchall()
        return [dict(decode(self.ledger.vault.open(None, payload))[1]) for (payload,) in rows]

    def _close(self) -> None:
        for run in self.runs.values():
            self.wait(run.close())
        self.wait(self.line.close())
        self.addresses.close()


@pytest.fixture
def room(database_url: str) -> Iterator[WebhookRoom]:
    with ExitStack() as stack:
        yield WebhookRoom(database_url, stack)


@contextmanager
def delivering(deliverer: Deliverer) -> Iterator[Deliverer]:
    """A deliverer that runs, on an event loop of its own, while the block does."""
    loop = asyncio.new_event_loop()
    told = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(deliverer.run(told)), daemon=True)
    thread.start()
    try:
        yield deliverer
    finally:
        loop.call_soon_threadsafe(told.set)
        thread.join(30)
        assert not thread.is_alive(), "the deliverer did not stop"
        loop.close()


def kill_point() -> None:
    """Run in a process of its own: a deliverer that stops dead between the answer and the mark."""

    def stand_still(*args: Any, **_: Any) -> None:
        sys.stdout.write(f"answered {len(args[4])}\n")
        sys.stdout.flush()
        threading.Event().wait()

    webhook_settling.settle = stand_still  # type: ignore[assignment]
    asyncio.run(
        Deliverer(DelivererConfig(sys.argv[1], SEAL, ORIGIN, TTL, loopback=True)).run(asyncio.Event())
    )
