"""CloudEvents in and out: structured JSON, JSON batch, HTTP binary mode, Kafka binary mode.

Every entry raises InvalidMessage with all problems at once, of the envelope and of the data. Its class is
NOT_DECODABLE or UNKNOWN_SCHEMA where the data cannot be read, TOO_LARGE where there is too much of it,
FORBIDDEN where the only fault is that the sender may not send this flow, INVALID in every other case.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import ValidationError

from schemas import wire
from schemas.case_identity import identity_of
from schemas.code_lists import CodeLists
from schemas.content_warnings import warnings_of
from schemas.envelope import SPECVERSION, EnvelopeReading, read_envelope
from schemas.explain import problems_of
from schemas.flows import FLOWS, FlowContract
from schemas.header_attributes import HttpHeaders, KafkaHeaders
from schemas.identifiers import Flow, Pseudonym
from schemas.json_body import read_json
from schemas.media_type import AVRO, JSON, media_type_problem
from schemas.message import Envelope, Message, Record
from schemas.problems import ErrorClass, InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey

DATA_LIMIT: Final = 64 * 1024
"""Bytes of a message's data: JSON as UTF-8, or the Kafka value."""
EVENT_LIMIT: Final = 8 * DATA_LIMIT
"""Bytes of a structured event: JSON may write a character in six, so less could refuse allowed data."""
_DIGEST_BYTES: Final = 16
_VALUES: Final = 1_000
"""Values of one event, at most; no contract has a tenth of it."""
_LARGE: Final = f"has more than {DATA_LIMIT} bytes"
_SHORTEN: Final = "shorten its texts; documents do not belong in a message"


def from_structured(body: bytes, key: PseudonymKey, lists: CodeLists, now: datetime) -> Message:
    """One event as a JSON object, `data` within it (`application/cloudevents+json`)."""
    if len(body) > EVENT_LIMIT:
        raise InvalidMessage(
            ErrorClass.TOO_LARGE, (Problem("body", f"has more than {EVENT_LIMIT} bytes", _SHORTEN),)
        )
    return _of_event(read_json(body, "body"), len(body), key, lists, now)


def from_batch(
    body: bytes, key: PseudonymKey, lists: CodeLists, now: datetime, most: int
) -> Iterator[Message | InvalidMessage]:
    """Several structured events in a JSON list: each on its own, in their order, read as it is asked for.

    Raises InvalidMessage, at once, only where the body is no list of 1 to `most` events.
    """
    mend = f"send 1 to {most} in a batch"
    # Each value costs many times the bytes it is written with.
    if body.count(b",") > most * _VALUES:
        problem = Problem("body", "holds more values than so many events can", mend)
        raise InvalidMessage(ErrorClass.TOO_LARGE, (problem,))
    events = read_json(body, "body")
    if not isinstance(events, list):
        raise InvalidMessage(
            ErrorClass.INVALID, (Problem("body", "is not a list", "send the events in square brackets"),)
        )
    if not 1 <= len(events) <= most:
        kind = ErrorClass.TOO_LARGE if events else ErrorClass.INVALID
        raise InvalidMessage(kind, (Problem("body", f"holds {len(events)} events", mend),))
    return (_of_one(event, len(body), key, lists, now) for event in events)


def _of_one(
    event: Any, size: int, key: PseudonymKey, lists: CodeLists, now: datetime
) -> Message | InvalidMessage:
    try:
        return _of_event(event, size, key, lists, now)
    except InvalidMessage as invalid:
        return invalid


def _of_event(event: Any, size: int, key: PseudonymKey, lists: CodeLists, now: datetime) -> Message:
    if not isinstance(event, dict):
        raise InvalidMessage(
            ErrorClass.INVALID, (Problem("body", "is not an object", "send one CloudEvent as a JSON object"),)
        )
    data = event.pop("data", None)
    media_type = event.pop("datacontenttype", None)
    reading = read_envelope(event, "", now)
    if problem := media_type_problem("datacontenttype", media_type, JSON):
        reading.problems.append(problem)
    if size > DATA_LIMIT and len(orjson.dumps(data)) > DATA_LIMIT:
        raise _refusal(reading, ErrorClass.TOO_LARGE, (Problem("data", _LARGE, _SHORTEN),))
    return _message(reading, reading.contract, data, key, lists)


def from_http_binary(
    headers: Mapping[str, str], body: bytes, key: PseudonymKey, lists: CodeLists, now: datetime
) -> Message:
    """One event: attributes in `ce-` headers (any case, percent-encoded), data as the JSON body."""
    found = HttpHeaders.read(headers)
    reading = read_envelope(found.attributes, "ce-", now)
    _note_headers(reading, found, JSON)
    if len(body) > DATA_LIMIT:
        raise _refusal(reading, ErrorClass.TOO_LARGE, (Problem("data", _LARGE, _SHORTEN),))
    try:
        data = read_json(body, "data")
    except InvalidMessage as undecodable:
        raise _refusal(reading, undecodable.error_class, undecodable.problems) from None
    return _message(reading, reading.contract, data, key, lists)


def from_kafka(
    flow_of_topic: Flow,
    headers: Sequence[tuple[str, bytes | None]] | None,
    value: bytes | None,
    key: PseudonymKey,
    lists: CodeLists,
    now: datetime,
) -> Message:
    """One record of an inbound topic: attributes in `ce_` headers, data as Avro in the Confluent wire format.

    The topic says which flow it is: the type and the value's schema must agree with it.
    """
    contract = FLOWS[flow_of_topic]
    found = KafkaHeaders.read(headers or ())
    reading = read_envelope(found.attributes, "ce_", now)
    _note_headers(reading, found, AVRO)
    if reading.contract not in (None, contract):
        problem = Problem("ce_type", "belongs to another topic", f"send {contract.type}, or to its own topic")
        reading.problems.append(problem)
    if not value:
        problem = Problem("value", "is empty", "send the data; a message cannot be deleted, only corrected")
        raise _refusal(reading, ErrorClass.NOT_DECODABLE, (problem,))
    if len(value) > DATA_LIMIT:
        raise _refusal(reading, ErrorClass.TOO_LARGE, (Problem("value", _LARGE, _SHORTEN),))
    try:
        schema_name, record = wire.decode(value)
    except InvalidMessage as undecodable:
        raise _refusal(reading, undecodable.error_class, undecodable.problems) from None
    if schema_name != contract.schema_name:
        problem = Problem("value", "has the schema of another flow", f"write it with {contract.schema_name}")
        raise _refusal(reading, ErrorClass.INVALID, (problem,))
    return _message(reading, contract, record, key, lists)


def _note_headers(reading: EnvelopeReading, found: HttpHeaders | KafkaHeaders, media_type: str) -> None:
    if found.problems:
        told = {problem.field for problem in found.problems}
        # An attribute that could not be read is not missing besides.
        reading.problems[:] = [p for p in reading.problems if p.field not in told] + found.problems
    if problem := media_type_problem("content-type", found.media_type, media_type):
        reading.problems.append(problem)


def _message(
    reading: EnvelopeReading, contract: FlowContract | None, data: Any, key: PseudonymKey, lists: CodeLists
) -> Message:
    if contract is None:
        raise _refusal(reading, ErrorClass.INVALID)
    record = _checked(contract, data, reading.problems)
    envelope = reading.envelope
    if record is None or envelope is None or reading.problems or reading.forbidden:
        raise _refusal(reading, ErrorClass.INVALID)
    identity = identity_of(contract.flow, record, key)
    if isinstance(identity, Problem):
        raise _refusal(reading, ErrorClass.INVALID, (identity,))
    return Message(
        envelope,
        record,
        identity.subject,
        identity.case_key,
        warnings_of(envelope, record, lists),
        identity.assigned,
        identity.merged,
    )


def _checked(contract: FlowContract, data: Any, problems: list[Problem]) -> Record | None:
    if data is None:
        problems.append(Problem("data", "is missing", f"send the fields of {contract.flow} as an object"))
        return None
    try:
        return contract.model.model_validate(data).model_dump()
    except ValidationError as error:
        problems.extend(problems_of(error, contract.model))
        return None


def _refusal(
    reading: EnvelopeReading, error_class: ErrorClass, further: tuple[Problem, ...] = ()
) -> InvalidMessage:
    problems = (*reading.problems, *further)
    if reading.forbidden and not problems:
        error_class = ErrorClass.FORBIDDEN
    return InvalidMessage(error_class, (*reading.forbidden, *problems))


def attributes_of(envelope: Envelope, subject: Pseudonym | None) -> dict[str, str]:
    """CloudEvents attributes of a message of this gateway, optional ones where there are any."""
    optional = {
        "subject": subject,
        "correlationid": envelope.correlationid,
        "causationid": envelope.causationid,
        "traceparent": envelope.traceparent,
    }
    return {
        "specversion": SPECVERSION,
        "id": envelope.id,
        "source": envelope.source,
        "type": FLOWS[envelope.flow].type,
        "time": envelope.time.isoformat(),
        **{name: text for name, text in optional.items() if text is not None},
    }


def kafka_headers(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Attributes as headers of Kafka's binary mode."""
    return [
        ("content-type", AVRO.encode()),
        *((f"ce_{name}", text.encode()) for name, text in attributes.items()),
    ]


def to_kafka(message: Message) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    """Key, headers and value for the flow's inbound topic.

    The key is the case key. A correction that names nobody has none: its own id spreads such messages.
    """
    envelope = message.envelope
    key = message.case_key or envelope.id
    value = wire.encode(FLOWS[envelope.flow].schema_name, message.data)
    return key.encode(), kafka_headers(attributes_of(envelope, message.subject)), value


def to_structured(attributes: Mapping[str, str], record: Record) -> dict[str, Any]:
    """An event as a JSON object for files and mailboxes: dates as ISO text, absent fields left out."""
    return {**attributes, "datacontenttype": JSON, "data": _json_of(record)}


def _json_of(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json_of(child) for name, child in value.items() if child is not None}
    if isinstance(value, list | tuple):
        return [_json_of(child) for child in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def content_digest(message: Message) -> bytes:
    """16 bytes that are the same exactly when the sender said the same: type, instant and data.

    Two messages under one (`source`, `id`) with other digests are ID_REUSED.
    """
    envelope = message.envelope
    said = (envelope.flow, envelope.time.timestamp(), message.data)
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()[:_DIGEST_BYTES]
