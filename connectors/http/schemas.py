"""The shipped schemas on a Confluent registry's routes, read-only, so that any Confluent client can decode.

Subjects are the records' full names (RecordNameStrategy), a version is a release. Answers and errors have the
registry's shape (`error_code`, `message`), since its clients read nothing else. Source: the REST interface of
Confluent's schema registry.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request
from fastavro.schema import SchemaParseException, UnknownType, to_parsing_canonical_form
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import Response

from connectors.http.body import read_body
from connectors.http.parts import OpenParts
from connectors.http.problems import documented
from schemas.wire import ids_by_name, schema_json

router = APIRouter(tags=["schemas"])
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_IDS: Final[Mapping[str, list[int]]] = ids_by_name()
_KNOWN_IDS: Final = frozenset(schema_id for ids in _IDS.values() for schema_id in ids)
_NOT_AVRO = (SchemaParseException, UnknownType, KeyError, TypeError, ValueError, RecursionError)
_Subject = Annotated[str, Path(description="Full name of a record, `dk.overgang.v1.DropoutRisk`.")]


class RegistryError(BaseModel):
    """An error as Confluent's clients read it."""

    error_code: int
    message: str


class SchemaLookup(BaseModel):
    """Asks under which id and version a schema is known."""

    schema_text: str = Field(alias="schema")


def _registry(description: str, example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "content": {_MEDIA_TYPE: {"example": example}}}}


_ERROR = {"content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/RegistryError"}}}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "Unknown"} | _ERROR}
_MALFORMED: dict[int | str, dict[str, Any]] = {422: {"description": "Malformed"} | _ERROR}


@router.get("/schemas/types", summary="Kinds of schema", responses=_registry("Avro only", ["AVRO"]))
async def types() -> Response:
    """Always Avro."""
    return _answer(["AVRO"])


@router.get(
    "/schemas/ids/{schema_id}",
    summary="A schema by the id in a message",
    responses=_registry("The schema", {"schema": "..."}) | _UNKNOWN,
)
async def by_id(schema_id: str) -> Response:
    """What a client asks for when it meets an id for the first time."""
    number = _number(schema_id)
    if number is None or number not in _KNOWN_IDS:
        return _refuse(404, 40403, "Schema not found")
    return _answer({"schema": schema_json(number), "schemaType": "AVRO"})


@router.get("/subjects", summary="All subjects", responses=_registry("Names", list(_IDS)))
async def subjects() -> Response:
    """Full names of all records."""
    return _answer(list(_IDS))


@router.get(
    "/subjects/{subject}/versions",
    summary="Versions of a subject",
    responses=_registry("Versions", [1]) | _UNKNOWN,
)
async def versions(subject: _Subject) -> Response:
    """Releases from 1 on."""
    if subject not in _IDS:
        return _refuse(404, 40401, "Subject not found")
    return _answer(list(range(1, len(_IDS[subject]) + 1)))


@router.get(
    "/subjects/{subject}/versions/{version}",
    summary="One version of a subject, or `latest`",
    responses=_registry("The version", {"subject": "...", "id": 1, "version": 1, "schema": "..."})
    | _UNKNOWN
    | _MALFORMED,
)
async def version(subject: _Subject, version: str) -> Response:
    """`latest` and -1 are the current release."""
    if subject not in _IDS:
        return _refuse(404, 40401, "Subject not found")
    newest = len(_IDS[subject])
    number = newest if version in ("latest", "-1") else _number(version)
    if number is None:
        return _refuse(422, 42202, "A version is a number from 1 on, or latest")
    if not 1 <= number <= newest:
        return _refuse(404, 40402, "Version not found")
    return _answer(_registered(subject, number))


@router.post(
    "/subjects/{subject}",
    summary="Under which id and version a schema is known",
    responses=_registry("The version", {"subject": "...", "id": 1, "version": 1, "schema": "..."})
    | _UNKNOWN
    | _MALFORMED
    | documented("too-slow", "message-too-large"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/SchemaLookup"}}},
        }
    },
)
async def lookup(subject: _Subject, request: Request, parts: OpenParts) -> Response:
    """Equal in Avro's parsing canonical form; nothing is registered."""
    body = await read_body(request, parts.config.single_body_limit, parts.config.body_within)
    if subject not in _IDS:
        return _refuse(404, 40401, "Subject not found")
    try:
        asked = to_parsing_canonical_form(json.loads(SchemaLookup.model_validate_json(body).schema_text))
    except (ValidationError, *_NOT_AVRO):
        return _refuse(422, 42201, 'Send {"schema": "..."} with an Avro schema as a JSON text')
    for number, schema_id in enumerate(_IDS[subject], start=1):
        if to_parsing_canonical_form(json.loads(schema_json(schema_id))) == asked:
            return _answer(_registered(subject, number))
    return _refuse(404, 40403, "Schema not found")


def _registered(subject: str, number: int) -> dict[str, Any]:
    schema_id = _IDS[subject][number - 1]
    return {
        "subject": subject,
        "id": schema_id,
        "version": number,
        "schemaType": "AVRO",
        "schema": schema_json(schema_id),
    }


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _answer(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type=_MEDIA_TYPE)


def _refuse(status: int, code: int, message: str) -> Response:
    return Response(orjson.dumps({"error_code": code, "message": message}), status, media_type=_MEDIA_TYPE)
