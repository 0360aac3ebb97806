"""Confluent wire format: 0x00, the schema's id in 4 bytes, the Avro value. Kafka carries nothing else.

Schemas and their ids are read and parsed once, at import. A value of an older release is read as the
current schema, by Avro's rules of schema resolution.
"""

import json
import struct
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Any, Final, NamedTuple

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from schemas.message import Record
from schemas.problems import ErrorClass, InvalidMessage, Problem

AVRO: Final = files("schemas") / "avro"
_HEADER: Final = struct.Struct(">bI")
_MAGIC: Final = 0
_NOT_AVRO: Final = (
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
    struct.error,
    SchemaResolutionError,
)
"""All that fastavro raises on bytes that are not a value of the schema."""


class _Release(NamedTuple):
    name: str
    written: Any
    current: Any
    header: bytes


def stem_of(schema_name: str) -> str:
    """File name of a schema without its ending: `dk.overgang.v1.DropoutRisk` -> `dropout-risk.v1`."""
    *_, version, record = schema_name.split(".")
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in record)
    return f"{words.lstrip('-')}.{version}"


def released_file(schema_name: str, release: int) -> str:
    """Text of a released schema; releases are numbered from 1."""
    # setuptools leaves directories with a dot in their name out of a wheel.
    return (AVRO / "released" / stem_of(schema_name).replace(".", "-") / f"{release}.avsc").read_text(
        encoding="utf-8"
    )


def ids_by_name() -> Mapping[str, list[int]]:
    """Schema ids by full name, one a release; the last is the current one."""
    ids: dict[str, list[int]] = json.loads((AVRO / "ids.json").read_text(encoding="utf-8"))
    return ids


def _parsed(text: str) -> Any:
    return parse_schema(json.loads(text))


def _load() -> tuple[dict[int, _Release], dict[str, _Release]]:
    by_id: dict[int, _Release] = {}
    current: dict[str, _Release] = {}
    for name, ids in ids_by_name().items():
        texts = [released_file(name, number) for number in range(1, len(ids) + 1)]
        newest = _parsed(texts[-1])
        for schema_id, text in zip(ids, texts, strict=True):
            written = newest if schema_id == ids[-1] else _parsed(text)
            by_id[schema_id] = _Release(name, written, newest, _HEADER.pack(_MAGIC, schema_id))
        current[name] = by_id[ids[-1]]
    return by_id, current


_BY_ID, _CURRENT = _load()


def encode(schema_name: str, record: Record) -> bytes:
    """The record as a Kafka value under the schema's current release.

    `record` has every field of the schema, None where optional and absent. KeyError for an unknown schema,
    ValueError or TypeError for a record that does not fit: the caller's fault, never a sender's.
    """
    release = _CURRENT[schema_name]
    out = BytesIO()
    out.write(release.header)
    schemaless_writer(out, release.current, record, strict=True)
    return out.getvalue()


def decode(value: bytes) -> tuple[str, Record]:
    """Full schema name and record of a Kafka value; whether it belongs here is the caller's to check.

    Raises InvalidMessage: UNKNOWN_SCHEMA for an id that is not in the committed list, NOT_DECODABLE for
    anything that is not exactly one value of that schema.
    """
    if len(value) < _HEADER.size or value[0] != _MAGIC:
        raise _undecodable(
            "is not in the Confluent wire format", "send 0x00, the schema id in 4 bytes, the value"
        )
    _, schema_id = _HEADER.unpack_from(value)
    release = _BY_ID.get(schema_id)
    if release is None:
        problem = Problem(
            "value", f"has the unknown schema id {schema_id}", "use an id from the schema registry"
        )
        raise InvalidMessage(ErrorClass.UNKNOWN_SCHEMA, (problem,))
    source = BytesIO(value)
    source.seek(_HEADER.size)
    reader = None if release.written is release.current else release.current
    try:
        record = schemaless_reader(source, release.written, reader)
    except _NOT_AVRO:
        raise _undecodable(
            f"is not a value of {release.name}", "write it with the schema of its id"
        ) from None
    if source.tell() != len(value):
        raise _undecodable(f"goes on after a value of {release.name}", "send one value a message")
    if not isinstance(record, dict):
        raise _undecodable(f"is not a record of {release.name}", "write it with the schema of its id")
    return release.name, record


def _undecodable(problem: str, mend: str) -> InvalidMessage:
    return InvalidMessage(ErrorClass.NOT_DECODABLE, (Problem("value", problem, mend),))


@cache
def schema_json(schema_id: int) -> str:
    """Text of a schema by its id. KeyError for an unknown id."""
    name = _BY_ID[schema_id].name
    return released_file(name, ids_by_name()[name].index(schema_id) + 1)


def schema_id(schema_name: str) -> int:
    """Id of the current release of a schema. KeyError for an unknown name."""
    return ids_by_name()[schema_name][-1]
