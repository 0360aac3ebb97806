"""Traces: one from POST to every delivery, nothing of a person in it, and nothing waits for a collector."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Producer
from structlog.testing import capture_logs

from connectors.webhooks.deliverer import Deliverer, DelivererConfig
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.seal_keys import SealKeys
from streams.tracing.outlet import QUEUE
from streams.tracing.target import TraceTarget, tracing_to
from tests.conftest import fresh_database
from tests.integration import api_server
from tests.integration.api_server import (
    BATCH,
    PARTITIONS,
    STRUCTURED,
    notice,
    served,
    until,
)
from tests.integration.collector import Collector, Span
from tests.integration.stream_room import StreamRoom, WorkerThread
from tests.integration.webhook_room import AARHUS, ORIGIN, TTL, Got, Receiver, delivering, receiving

INBOUND, OUTBOUND = "inbound.dropout-risk.v1", "outbound.municipality.751.v1"


@dataclass
class Gateway:
    """API, worker and deliverer with their traces on, and Aarhus, which reads by webhook and mailbox."""

    room: StreamRoom
    api: httpx.Client
    worker: WorkerThread
    deliverer: Deliverer
    receiver: Receiver
    collector: Collector

    def post(self, event: Any, **headers: str) -> httpx.Response:
        kind = BATCH if isinstance(event, list) else STRUCTURED
        return self.api.post("/v1/messages", content=json.dumps(event), headers=kind | headers)

    def posted(self, message_id: str) -> Got:
        """The forward of a message, as the webhook got it."""

        def found() -> list[Got]:
            return [got for got in self.receiver.accepted if json.loads(got.body)["id"] == message_id]

        until(lambda: bool(found()), 20)
        return found()[0]

    def tasks(self, message_id: str) -> list[Got]:
        def caused(got: Got) -> bool:
            return message_id in json.loads(got.body)["data"].get("caused_by", ())

        until(lambda: any(caused(got) for got in self.receiver.accepted), 20)
        return [got for got in self.receiver.accepted if caused(got)]

    def whole(self, trace: str, *names: str) -> list[Span]:
        """The spans of a trace, once there are those of these names."""

        def there() -> list[str]:
            return sorted(self.bare(span) for span in self.collector.of(trace))

        try:
            until(lambda: there() == sorted(names), 20)
        except AssertionError:
            raise AssertionError(there()) from None
        return self.collector.of(trace)

    def bare(self, span: Span) -> str:
        return span.name.replace(self.room.prefix, "")


@pytest.fixture(scope="module")
def gateway(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("traced")
    for name, key in (("pseudonym.key", bytes(range(32))), ("wrapping.key", api_server.WRAPPING)):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(key.hex())

    def wait(condition: Callable[[], bool], timeout: float = 20, _: str = "") -> None:
        until(condition, timeout)

    with ExitStack() as stack:
        database_url = stack.enter_context(fresh_database(shared_postgres))
        collector = stack.enter_context(Collector().listening())
        traces = TraceTarget.of(collector.url, 1.0)
        room = StreamRoom(shared_kafka, database_url, f"t{uuid4().hex[:12]}.", directory, wait, PARTITIONS)
        worker = stack.enter_context(room.worker(traces=traces))
        seal_keys = SealKeys(directory / "keys" / "seal.keys")
        api = stack.enter_context(
            served(shared_kafka, database_url, room.prefix, traces=traces, seal_keys=seal_keys)
        )
        seal = load_or_make_wrapping_key(directory / "wrapping.key")
        receiver = stack.enter_context(receiving())
        deliverer = Deliverer(DelivererConfig(database_url, seal, ORIGIN, TTL, loopback=True, traces=traces))
        stack.enter_context(delivering(deliverer))
        api.put(f"/v1/webhooks{AARHUS}", json={"url": receiver.url, "after": 0}).raise_for_status()
        yield Gateway(room, api, worker, deliverer, receiver, collector)


def came(*, sampled: bool = True) -> tuple[str, str, str]:
    """A sender's traceparent, with its trace and its span."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return f"00-{trace}-{span}-{'01' if sampled else '00'}", trace, span


ROUTE = ("POST /v1/messages", f"send {INBOUND}", f"process {INBOUND}")
DELIVERED = (*ROUTE, *[f"send {OUTBOUND}"] * 2, *["POST webhook"] * 2)


def test_one_trace_leads_from_post_through_worker_and_relay_to_webhook_and_mailbox(gateway: Gateway) -> None:
    traceparent, trace, sender = came()
    event = notice(enrolment_id="E-traced")
    assert gateway.post(event, traceparent=traceparent).status_code == 202
    forward, [task] = gateway.posted(event["id"]), gateway.tasks(event["id"])
    after = min(forward.sequence, task.sequence) - 1
    fetched = gateway.api.get("/v1/mailbox", params={"party": AARHUS, "after": after}).json()
    assert len(fetched) == 2

    spans = gateway.whole(trace, *DELIVERED, *["deliver mailbox"] * 2)
    [request] = [s for s in spans if s.kind == "SERVER"]
    [sent] = [s for s in spans if gateway.bare(s) == f"send {INBOUND}"]
    [processed] = [s for s in spans if s.kind == "CONSUMER"]
    assert (request.service, request.parent) == ("overgang-api", sender)
    assert (sent.service, sent.kind, sent.parent) == ("overgang-api", "PRODUCER", request.id)
    assert (processed.service, processed.parent) == ("overgang-worker", sent.id)
    deliveries = [s for s in spans if s not in (request, sent, processed)]
    assert {s.parent for s in deliveries} == {processed.id}
    assert sorted((s.service, gateway.bare(s), s.kind) for s in deliveries) == sorted(
        2
        * [
            ("overgang-worker", f"send {OUTBOUND}", "PRODUCER"),
            ("overgang-deliver", "POST webhook", "CLIENT"),
            ("overgang-api", "deliver mailbox", "PRODUCER"),
        ]
    )
    assert [item["traceparent"] for item in fetched] == [processed.traceparent] * 2
    hooks = {s.told["messaging.message.id"]: s.traceparent for s in deliveries if s.kind == "CLIENT"}
    assert {json.loads(g.body)["id"]: g.headers["traceparent"] for g in (forward, task)} == hooks
    assert not any(s.failed for s in spans)


def test_spans_tell_what_happened_by_the_names_of_the_semantic_conventions(gateway: Gateway) -> None:
    traceparent, trace, _ = came()
    event = notice(enrolment_id="E-told")
    gateway.post(event, traceparent=traceparent)
    told = {gateway.bare(s): dict(s.told) for s in gateway.whole(trace, *DELIVERED)}
    id_, type_ = event["id"], event["type"]
    topic = gateway.room.prefix + INBOUND
    assert told["POST /v1/messages"] == {
        "http.request.method": "POST",
        "http.route": "/v1/messages",
        "url.path": "/v1/messages",
        "http.response.status_code": 202,
        "overgang.outcome": "202",
    }
    assert told[f"send {INBOUND}"] == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.message.id": id_,
        "cloudevents.event_type": type_,
        "overgang.flow": "dropout-risk",
        "overgang.outcome": "accepted",
    }
    processed = told[f"process {INBOUND}"]
    assert processed.pop("messaging.kafka.offset") >= 0
    assert processed.pop("messaging.destination.partition.id") in {"0", "1"}
    assert processed == {
        **told[f"send {INBOUND}"],
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }
    hook = told["POST webhook"]
    assert (hook["server.address"], hook["http.response.status_code"]) == ("127.0.0.1", 204)
    assert (hook["overgang.recipient"], hook["overgang.outcome"]) == (AARHUS, "delivered")
    assert told[f"send {OUTBOUND}"]["overgang.outcome"] == "published"


def test_a_trace_begins_at_the_api_where_the_sender_has_none(gateway: Gateway) -> None:
    event = notice(enrolment_id="E-new")
    gateway.post(event)
    bears = json.loads(gateway.posted(event["id"]).body)["traceparent"]
    spans = gateway.whole(bears.split("-")[1], *DELIVERED)
    assert [s.parent for s in spans if s.kind == "SERVER"] == [""]


def test_an_event_goes_on_in_its_own_trace_alone_and_in_a_batch(gateway: Gateway) -> None:
    single, trace, sender = came()
    gateway.post(notice(enrolment_id="E-own") | {"traceparent": single})
    spans = gateway.whole(trace, *DELIVERED)
    assert [s.parent for s in spans if s.kind == "SERVER"] == [sender]

    of_request, request_trace, _ = came()
    own, own_trace, own_span = came()
    with_own = notice(enrolment_id="E-with") | {"traceparent": own}
    gateway.post([notice(enrolment_id="E-without"), with_own], traceparent=of_request)
    spans = gateway.whole(request_trace, *DELIVERED)
    [request] = [s for s in spans if s.kind == "SERVER"]
    [sent] = [s for s in gateway.whole(own_trace, *DELIVERED[1:]) if gateway.bare(s) == f"send {INBOUND}"]
    assert (sent.parent, sent.links) == (own_span, ((request.trace, request.id),))


def test_who_asks_not_to_be_traced_is_not_and_its_traceparent_goes_on_unchanged(gateway: Gateway) -> None:
    unsampled, trace, _ = came(sampled=False)
    sampled, other, _ = came()
    event = notice(enrolment_id="E-quiet") | {"traceparent": unsampled}
    gateway.post(event)
    got = gateway.posted(event["id"])
    assert json.loads(got.body)["traceparent"] == unsampled
    assert "traceparent" not in got.headers
    # What came before this in every process has been sent with it.
    gateway.post(notice(enrolment_id="E-loud"), traceparent=sampled)
    gateway.whole(other, *DELIVERED)
    assert gateway.collector.of(trace) == []


def test_refusals_repeats_and_quarantine_are_told(gateway: Gateway) -> None:
    refused, refused_trace, _ = came()
    assert gateway.post(notice(event="PERHAPS"), traceparent=refused).status_code == 422
    unknown, unknown_trace, _ = came()
    nobody = httpx.post(
        f"{gateway.api.base_url}/v1/messages", headers={"traceparent": unknown}, trust_env=False
    )
    assert nobody.status_code == 401
    [span] = gateway.whole(refused_trace, "POST /v1/messages")
    assert (span.told["http.response.status_code"], span.failed) == (422, False)

    event = notice(enrolment_id="E-twice")
    gateway.post(event)
    gateway.posted(event["id"])
    again, again_trace, _ = came()
    gateway.post(event, traceparent=again)
    spans = gateway.whole(again_trace, *ROUTE)
    assert [s.told["overgang.outcome"] for s in spans if s.kind == "CONSUMER"] == ["duplicate"]

    unreadable, unreadable_trace, written = came()
    producer = Producer({"bootstrap.servers": gateway.room.bootstrap})
    headers = {"ce_id": str(uuid4()), "ce_traceparent": unreadable}
    producer.produce(gateway.room.prefix + INBOUND, b"{}", headers=headers)
    assert producer.flush(20) == 0
    [span] = gateway.whole(unreadable_trace, f"process {INBOUND}")
    assert (span.parent, span.told["overgang.outcome"]) == (written, "quarantined")
    assert span.told["messaging.message.id"] == headers["ce_id"]
    assert gateway.collector.of(unknown_trace) == [], "anybody could fill the collector"


def test_no_span_holds_an_identifier_a_name_or_a_subject(gateway: Gateway) -> None:
    traceparent, trace, _ = came()
    citizen = {
        "cpr": "7405034123",
        "family_name": "Testesen",
        "forename": "Alma",
        "residence_municipality": "751",
    }
    event = notice(enrolment_id="E-alma", citizen=citizen, note="Er flyttet til sin moster.")
    gateway.post(event, traceparent=traceparent)
    wrong = notice(enrolment_id="E-alma", citizen=citizen | {"cpr": "740503412"}, observed_on="Testesen")
    gateway.post(wrong, traceparent=traceparent)
    subject = json.loads(gateway.posted(event["id"]).body)["subject"]
    gateway.whole(trace, *DELIVERED, "POST /v1/messages")
    sent = b"".join(gateway.collector.bodies)
    assert event["id"].encode() in sent
    for secret in ("740503412", "Testesen", "Alma", "moster", "E-alma", subject):
        assert secret.encode() not in sent, secret


def test_messages_flow_while_the_collector_is_away_and_what_is_lost_is_counted_and_told_once(
    gateway: Gateway, wait_until: Callable[..., None]
) -> None:
    """A collector of its own, since it must go: the gateway's other parts keep theirs."""
    gone = Collector()
    with gone.listening():
        pass
    target = TraceTarget.of(gone.url, 1.0)
    with (
        served(
            gateway.room.bootstrap,
            gateway.room.database_url,
            gateway.room.prefix,
            traces=target,
            seal_keys=SealKeys(gateway.room.directory / "keys" / "seal.keys"),
        ) as api,
        capture_logs() as logs,
    ):
        began = [notice(enrolment_id=f"E-away-{n}") for n in range(3)]
        for event in began:
            content = json.dumps(event)
            assert api.post("/v1/messages", content=content, headers=STRUCTURED).status_code == 202
        for event in began:
            gateway.posted(event["id"])

        def dropped() -> float:
            found = re.search(r"^overgang_spans_dropped_total (\S+)", api.get("/metrics").text, re.MULTILINE)
            assert found is not None
            return float(found[1])

        wait_until(lambda: dropped() == 6, 10, "the loss of a request's and a message's span, three times")
    assert [line["event"] for line in logs if "traces" in line["event"]] == [
        "traces do not arrive, spans are dropped"
    ]


def test_a_full_queue_drops_what_comes_and_a_collector_that_comes_back_gets_the_rest() -> None:
    collector = Collector()
    with collector.listening():
        pass
    lost: list[int] = []
    tracing = tracing_to(TraceTarget.of(collector.url, 1.0), "api", lost.append)
    assert tracing is not None

    def span(outcome: str) -> None:
        hop = tracing.request(None, 1)
        assert hop is not None
        hop.end(outcome)

    for _ in range(QUEUE + 2_000):
        span("flood")
    assert sum(lost) > 1_000
    with collector.listening():
        until(lambda: len(collector.spans) > QUEUE / 2, 20)
        span("later")
        until(lambda: any(s.told["overgang.outcome"] == "later" for s in collector.spans), 20)
        assert len(collector.spans) + sum(lost) == QUEUE + 2_001
    span("too late")
    assert until(lambda: tracing.close() is None, 10) < 4, "the end of a process waits for nobody"


def test_a_share_keeps_the_same_traces_in_every_process() -> None:
    half = [tracing_to(TraceTarget("http://127.0.0.1:1/v1/traces", 0.5), part, id) for part in ("a", "b")]
    try:
        kept = []
        for _ in range(400):
            traceparent, _, _ = came()
            hops = [tracing is not None and tracing.request(traceparent, 1) is not None for tracing in half]
            assert hops[0] == hops[1]
            kept.append(hops[0])
        assert 100 < sum(kept) < 300
    finally:
        for tracing in half:
            assert tracing is not None
            tracing.close()


ALL_PARTS = """
import asyncio
import sys

from connectors.cli.deliver import deliverer_config
from connectors.cli.worker import worker_config
from connectors.settings import Settings
from connectors.webhooks.deliverer import Deliverer
from streams.app import Worker


async def made():
    Worker(worker_config(Settings()))
    told = asyncio.Event()
    told.set()
    await Deliverer(deliverer_config(Settings())).run(told)


asyncio.run(made())
print(*sys.modules)

from connectors.cli.api import api_config
from connectors.http.app import create_app

create_app(api_config(Settings()))
print(*sys.modules)
"""


def test_off_nothing_of_opentelemetry_is_imported(tmp_path: Path) -> None:
    """But for its interface, which FastAPI imports by itself."""
    environment = {
        "OVERGANG_DATA_DIRECTORY": str(tmp_path),
        "OVERGANG_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "OVERGANG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }
    done = subprocess.run(
        [sys.executable, "-c", ALL_PARTS], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    of_worker_and_deliverer, of_api = (line.split() for line in done.stdout.splitlines())
    assert "streams.tracing.target" in of_worker_and_deliverer
    assert [module for module in of_worker_and_deliverer if module.startswith("opentelemetry")] == []
    recording = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")
    assert [module for module in of_api if module.startswith(recording)] == []
