"""The whole OpenAPI document: what FastAPI finds at the routes, and what holds for every one of them."""

from functools import cache
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from connectors.http import access, description
from connectors.http.problems import MEDIA_TYPE, ProblemDetails, documented
from connectors.http.schemas import RegistryError, SchemaLookup

_ALWAYS: Final = ("unknown-host", "internal-error")
_CLOSED: Final = (
    "no-credential",
    "not-proved",
    "rate-limited",
    "too-much-at-once",
    "access-unknown",
)
_AUTOMATIC: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own answer to a malformed request, which this API answers as `invalid-request`."""
_NAMED: Final[tuple[type[BaseModel], ...]] = (ProblemDetails, RegistryError, SchemaLookup)
"""Models that routes refer to by name."""
_BEARER: Final = {
    "type": "http",
    "description": "JSON Web Token of an issuer that the operator trusts; "
    "`overgang parties token` makes one.",
    "scheme": "bearer",
    "bearerFormat": "JWT",
}
_MUTUAL_TLS: Final = {
    "type": "mutualTLS",
    "description": "A client certificate that the operator has registered, instead of a token.",
}

Json = dict[str, Any]


def operation_id(route: APIRoute) -> str:
    """A name for client code, `messages_post_messages`: it stays when the address changes."""
    return "_".join((*map(str, route.tags), route.name))


def complete(app: FastAPI) -> None:
    """Have `app.openapi()` give the whole document."""
    generate = app.openapi

    @cache
    def openapi() -> Json:
        document = generate()
        # Relative: the document is the same wherever it is served.
        document["servers"] = [{"url": "/", "description": "The gateway that serves this document"}]
        document["security"] = [{"bearer": []}, {"mutualTLS": []}]
        document["tags"] = [{"name": name, "description": text} for name, text in description.TAGS.items()]
        document["components"]["securitySchemes"] = {"bearer": _BEARER, "mutualTLS": _MUTUAL_TLS}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(operation, is_open=path in access.OPEN)
        _add_schemas(document["components"]["schemas"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(operation: Json, *, is_open: bool) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        responses |= _texts(documented("invalid-request"))
    operation.pop("security", None)
    if is_open:
        operation["security"] = []
    for slug in _ALWAYS if is_open else (*_ALWAYS, *_CLOSED):
        for status, found in _texts(documented(slug)).items():
            _add_problem(responses.setdefault(status, found), found)
    operation["responses"] = dict(sorted(responses.items()))


def _add_problem(response: Json, found: Json) -> None:
    """Add a kind of problem to a status that the route may have told something of already."""
    known = response["content"].setdefault(MEDIA_TYPE, found["content"][MEDIA_TYPE])
    known["examples"] |= found["content"][MEDIA_TYPE]["examples"]
    if found["description"] not in response["description"]:
        response["description"] += f" / {found['description']}"


def _texts(responses: dict[int | str, Json]) -> dict[str, Json]:
    return {str(status): response for status, response in responses.items()}


def _add_schemas(known: Json) -> None:
    for name in _AUTOMATIC:
        known.pop(name, None)
    for model in _NAMED:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        known |= schema.pop("$defs", {}) | {model.__name__: schema}
    for name, schema in description.components().items():
        if known.setdefault(name, schema) != schema:
            raise ValueError(f"two schemas of the name {name}: rename the route's model")
