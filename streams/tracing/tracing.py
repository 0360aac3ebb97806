"""Spans of messages on their way: what each hop is called and what is told of it.

A trace begins at the API, or goes on from the `traceparent` that came with a request or a message; every
other hop only goes on from the `traceparent` that a message bears. Names and attributes are those of
OpenTelemetry's semantic conventions (HTTP, messaging, CloudEvents), `overgang.` where there is none. None of
them holds content, a subject or a key: flow, type, id, topic, partition, recipient and outcome are all.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from time import time_ns
from types import MappingProxyType
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.flows import FLOWS
from schemas.message import Message
from schemas.problems import InvalidMessage
from streams.batch import Batch
from streams.failures import fault_name
from streams.ledger.outbound import OutboundRow
from streams.tracing.outlet import Outlet

_W3C: Final = TraceContextTextMapPropagator()
_OUTCOME: Final = "overgang.outcome"
Told = Mapping[str, str | int]


class Hop:
    """A span that is under way. One that is never ended is not sent."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """What goes on from here bears it."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self._span))
        return carrier["traceparent"]

    def borne_by(self, message: Message) -> Message:
        """The message with this hop's context in place of the one that it came with."""
        return replace(message, envelope=replace(message.envelope, traceparent=self.traceparent))

    @property
    def context(self) -> SpanContext:
        return self._span.get_span_context()

    def end(self, outcome: str, told: Told = MappingProxyType({}), *, failed: bool = False) -> None:
        """`outcome` is a word of the gateway's own, never a text; `told` are further attributes."""
        self._span.set_attribute(_OUTCOME, outcome)
        for name, value in told.items():
            self._span.set_attribute(name, value)
        if failed:
            self._span.set_attribute("error.type", outcome)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Tracing:
    """Of one process. Safe to share between threads.

    The share is judged by the trace's id, so that every process keeps the same traces. A sender that asks not
    to be traced is not; one that asks to be traced is within the share.
    """

    def __init__(self, outlet: Outlet, share: float, part: str) -> None:
        self._outlet = outlet
        kept = TraceIdRatioBased(share)
        self._provider = TracerProvider(
            sampler=ParentBased(kept, remote_parent_sampled=kept, remote_parent_not_sampled=ALWAYS_OFF),
            resource=Resource.create(
                {
                    "service.name": f"overgang-{part}",
                    "service.namespace": "overgang",
                    "service.version": version("overgang"),
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(outlet)
        # Never the global provider: libraries that trace by themselves would tell addresses and texts.
        self._tracer = self._provider.get_tracer("overgang", version("overgang"))

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        self._outlet.close()

    def request(self, traceparent: str | None, began_ns: int) -> Hop | None:
        """A POST of messages; None where it is not of the share."""
        told = {"http.request.method": "POST", "http.route": "/v1/messages", "url.path": "/v1/messages"}
        return self._begin("POST /v1/messages", SpanKind.SERVER, _context(traceparent), told, began_ns)

    def sending(self, message: Message, topic: str, request: Hop | None) -> Hop | None:
        """A message that the API writes to its inbound topic. It goes on from the message's own trace, with a
        link to the request where that belongs to another."""
        envelope = message.envelope
        parent = _context(envelope.traceparent)
        own = _span_context(parent)
        links: list[Link] = []
        if request is not None:
            if own is None or own.trace_id == request.context.trace_id:
                parent = _context(request.traceparent)
            else:
                links.append(Link(request.context))
        elif own is None:
            return None
        told = _messaging("send", topic, envelope.id, FLOWS[envelope.flow].type)
        return self._begin(
            f"send {topic}", SpanKind.PRODUCER, parent, told | {"overgang.flow": envelope.flow}, links=links
        )

    @contextmanager
    def processing(self, batch: Batch, decoded: Sequence[Message | InvalidMessage]) -> "Iterator[Processing]":
        """The inputs of a batch, while the ledger takes them; what it raises is told of each."""
        hops: list[Hop | None] = []
        after: list[Message | InvalidMessage] = []
        for item, found in zip(batch.inputs, decoded, strict=True):
            valid = isinstance(found, Message)
            came = found.envelope.traceparent if isinstance(found, Message) else item.claimed_traceparent()
            id_ = found.envelope.id if isinstance(found, Message) else item.claimed_id()
            told = _messaging("process", batch.topic, id_, FLOWS[batch.flow].type if valid else None) | {
                "messaging.destination.partition.id": str(batch.partition),
                "messaging.kafka.offset": item.offset,
                "overgang.flow": batch.flow,
            }
            hop = self._go_on(f"process {batch.topic}", SpanKind.CONSUMER, came, told)
            hops.append(hop)
            after.append(found if hop is None or isinstance(found, InvalidMessage) else hop.borne_by(found))
        work = Processing(batch, after, hops)
        try:
            yield work
        except Exception as error:
            work.failed(fault_name(error))
            raise

    def publishing(self, row: OutboundRow, topic: str) -> Hop | None:
        """A message to a recipient that the relay writes to its topic."""
        told = _messaging("send", topic, row.message_id, row.type) | {"overgang.recipient": row.recipient}
        return self._go_on(f"send {topic}", SpanKind.PRODUCER, row.attributes.get("traceparent"), told)

    def posting(self, attributes: Mapping[str, str], recipient: str, host: str) -> Hop | None:
        """A post to a recipient's webhook, of which only the host is told: an address may hold a secret."""
        told = {"http.request.method": "POST", "server.address": host}
        return self._go_on(
            "POST webhook",
            SpanKind.CLIENT,
            attributes.get("traceparent"),
            told | _delivery("webhook", attributes, recipient),
        )

    def handed_out(self, attributes: Mapping[str, str], recipient: str, began_ns: int) -> None:
        """A message that a recipient has fetched from its mailbox."""
        hop = self._go_on(
            "deliver mailbox",
            SpanKind.PRODUCER,
            attributes.get("traceparent"),
            _delivery("mailbox", attributes, recipient),
            began_ns,
        )
        if hop is not None:
            hop.end("fetched")

    def _go_on(
        self, name: str, kind: SpanKind, traceparent: str | None, told: Told, began_ns: int | None = None
    ) -> Hop | None:
        parent = _context(traceparent)
        return None if _span_context(parent) is None else self._begin(name, kind, parent, told, began_ns)

    def _begin(
        self,
        name: str,
        kind: SpanKind,
        parent: Context,
        told: Told,
        began_ns: int | None = None,
        links: Sequence[Link] = (),
    ) -> Hop | None:
        span = self._tracer.start_span(name, parent, kind, told, links, began_ns or time_ns())
        return Hop(span) if span.is_recording() else None


class Processing:
    """A batch in the worker. `decoded` is what was read, each traced message with its own hop's context."""

    def __init__(
        self, batch: Batch, decoded: Sequence[Message | InvalidMessage], hops: Sequence[Hop | None]
    ) -> None:
        self.decoded = decoded
        self._batch = batch
        self._hops = hops

    def stored(self, repeated: Collection[int]) -> None:
        """The ledger has the batch; `repeated` are the offsets of what it had already."""
        for item, found, hop in zip(self._batch.inputs, self.decoded, self._hops, strict=True):
            if hop is None:
                continue
            if isinstance(found, InvalidMessage):
                hop.end("quarantined", {"overgang.error_class": found.error_class.value})
            else:
                hop.end("duplicate" if item.offset in repeated else "accepted")

    def failed(self, fault: str) -> None:
        """The ledger has none of it."""
        for hop in self._hops:
            if hop is not None:
                hop.end(fault, failed=True)


def _context(traceparent: str | None) -> Context:
    """Empty where there is none, or none that is well-formed."""
    return Context() if traceparent is None else _W3C.extract({"traceparent": traceparent}, Context())


def _span_context(context: Context) -> SpanContext | None:
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None


def _messaging(operation: str, topic: str, id_: str | None, type_: str | None) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }
    if id_ is not None:
        told["messaging.message.id"] = id_
    if type_ is not None:
        told["cloudevents.event_type"] = type_
    return told


def _delivery(channel: str, attributes: Mapping[str, str], recipient: str) -> dict[str, str | int]:
    return {
        "messaging.message.id": attributes["id"],
        "cloudevents.event_type": attributes["type"],
        "overgang.channel": channel,
        "overgang.recipient": recipient,
    }
