"""Bad input straight on a topic: values and headers with one thing wrong, class of the fault, field."""

import json
import struct
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import uuid4

from fastavro import parse_schema, schemaless_writer

from schemas import wire
from schemas.cloudevent import to_kafka
from tests.integration.api_server import notice
from tests.integration.bad_messages import LIMIT, NINE_DIGITS, THIRTY_FIRST_OF_FEBRUARY, UNREADABLE
from tests.integration.ledger_room import checked, event

NOTICE = "dk.overgang.v1.DropoutRisk"


def record(**changes: Any) -> dict[str, Any]:
    """The data of a valid notice as Avro takes it, with changes that only the reader will object to."""
    data = dict(checked(notice(note="as it should be"), datetime.now(UTC)).data)
    citizen = {**data["citizen"], **changes.pop("citizen", {})}
    return data | {"citizen": citizen} | changes


def avro(**changes: Any) -> bytes:
    return wire.encode(NOTICE, record(**changes))


def avro_of(size: int) -> bytes:
    """An Avro value of so many bytes."""
    # Lengths of this order take three bytes each in Avro.
    frame = len(avro(note="x" * 50_000)) - 50_000
    return avro(note="x" * (size - frame))


def avro_with(field: str, type_: Any, value: Any) -> bytes:
    """What a sender writes who has changed a field's type in the schema and kept the schema's id."""
    schema = json.loads(wire.schema_json(wire.schema_id(NOTICE)))
    for known in schema["fields"]:
        if known["name"] == field:
            known["type"] = type_
            break
    else:
        schema["fields"].append({"name": field, "type": type_})
    out = BytesIO(struct.pack(">bI", 0, wire.schema_id(NOTICE)))
    out.seek(5)
    schemaless_writer(out, parse_schema(schema), record() | {field: value})
    return out.getvalue()


def of_another_flow() -> bytes:
    data = {"citizen": {"cpr": "7405034123"}, "event": "CHOSEN", "form": "PHONE", "on": "2026-02-10"}
    form = event("conversation-form", "/municipality/751", "2026-02-10T09:30:00+01:00", data)
    return to_kafka(checked(form))[2]


def with_id(number: int) -> bytes:
    return b"\0" + struct.pack(">I", number) + avro()[5:]


VALUES: dict[str, tuple[bytes | None, str, str]] = {
    "JSON instead of Avro": (json.dumps(notice()["data"]).encode(), "NOT_DECODABLE", "value"),
    **{f"{case} instead of Avro": (body, "NOT_DECODABLE", "value") for case, body in UNREADABLE.items()},
    "no value at all": (None, "NOT_DECODABLE", "value"),
    "half an Avro value": (avro()[:-20], "NOT_DECODABLE", "value"),
    "two Avro values": (avro() + avro()[5:], "NOT_DECODABLE", "value"),
    "zeros": (bytes(200), "UNKNOWN_SCHEMA", "value"),
    "an unknown schema id": (with_id(1_000_000), "UNKNOWN_SCHEMA", "value"),
    "the schema of another flow": (of_another_flow(), "INVALID", "value"),
    "an unknown field": (avro_with("wether", "string", "fine"), "NOT_DECODABLE", "value"),
    "a wrong type": (avro_with("citizen", "string", "nobody in particular"), "NOT_DECODABLE", "value"),
    "a date that no calendar has": (avro_with("observed_on", "int", 2**31 - 1), "NOT_DECODABLE", "value"),
    "a text in Latin-1": (
        avro(note="q" * 40).replace(b"q" * 40, "æ".encode("latin-1") * 40),
        "NOT_DECODABLE",
        "value",
    ),
    "64 KiB and a byte": (avro_of(LIMIT + 1), "TOO_LARGE", "value"),
    "64 KiB in a short field": (avro_of(LIMIT), "INVALID", "data.note"),
    "a CPR of nine digits": (avro(citizen={"cpr": NINE_DIGITS}), "INVALID", "data.citizen.cpr"),
    "a CPR born on 31 February": (
        avro(citizen={"cpr": THIRTY_FIRST_OF_FEBRUARY}),
        "INVALID",
        "data.citizen.cpr",
    ),
    "an unknown choice": (avro(event="PERHAPS"), "INVALID", "data.event"),
    "nobody identified": (avro(citizen={"cpr": None}), "INVALID", "data.citizen"),
    "NUL in a text": (avro(note="a\0b"), "INVALID", "data.note"),
}
"""Values under good headers: with the class of the fault and the field that is named."""

HEADERS: dict[str, tuple[str, bytes | None, str, str]] = {
    "a time without offset": ("ce_time", b"2026-02-10T09:30:00", "INVALID", "ce_time"),
    "a time on 31 February": ("ce_time", b"2026-02-31T09:30:00Z", "INVALID", "ce_time"),
    "a time in the far future": ("ce_time", b"2190-01-01T00:00:00Z", "INVALID", "ce_time"),
    "a sender that may not": ("ce_source", b"/municipality/751", "FORBIDDEN", "ce_source"),
    "an unknown party": ("ce_source", b"/ministry/1", "INVALID", "ce_source"),
    "a sender in Latin-1": ("ce_source", "/skole/å".encode("latin-1"), "INVALID", "ce_source"),
    "an id that is no UUID": ("ce_id", b"7405034123", "INVALID", "ce_id"),
    "an id in UTF-16": ("ce_id", str(uuid4()).encode("utf-16"), "INVALID", "ce_id"),
    "an empty header": ("ce_id", b"", "INVALID", "ce_id"),
    "a header that is null": ("ce_id", None, "INVALID", "ce_id"),
    "the type of another flow": ("ce_type", b"dk.overgang.mentor.v1", "INVALID", "ce_type"),
    "an unknown type": ("ce_type", b"dk.overgang.weather.v1", "INVALID", "ce_type"),
    "another content type": ("content-type", b"application/json", "INVALID", "content-type"),
    "an unknown attribute": ("ce_corelationid", b"c-1", "INVALID", "ce_corelationid"),
}
"""One header of a good message changed or added."""

SEND_RAW_NAME = """
import asyncio, base64, sys
from aiokafka import AIOKafkaProducer


class RawName(str):
    def encode(self, *_):
        return b"ce_\\xff\\xfe"


async def send():
    bootstrap, topic, key, value = sys.argv[1:]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    key, value = base64.b64decode(key), base64.b64decode(value)
    await producer.send_and_wait(topic, key=key, value=value, headers=[(RawName("name"), b"1")])
    await producer.stop()


asyncio.run(send())
"""
