"""Errors as `application/problem+json` (RFC 9457): what is wrong, every wrong field at once, and the mend.

One table says which kinds there are; each has a page at `/problems/<slug>`, its `type`. No text here ever
holds a value that a client sent, nor anything of the inside of the gateway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

from connectors.http.fault_examples import FAULTS
from schemas.problems import ErrorClass, InvalidMessage, OvergangError, Problem

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of refusal: the last part of its `type`, the HTTP status, a title, and what to do about it."""

    slug: str
    status: int
    title: str
    meaning: str


def _table(*kinds: Kind) -> dict[str, Kind]:
    return {kind.slug: kind for kind in kinds}


KINDS = _table(
    Kind(
        "unreadable-message",
        400,
        "The message cannot be read",
        "Send JSON in UTF-8, not nested deeper than the contract allows. `errors` says where "
        "reading stopped.",
    ),
    Kind(
        "invalid-message",
        422,
        "The message is not as its contract says",
        "Mend every field that `errors` names and send it again under the same id; nothing of it was stored.",
    ),
    Kind(
        "sender-not-allowed",
        403,
        "This sender may not send this flow",
        "See the contract for who may send which flow, and send from that party's own address.",
    ),
    Kind(
        "no-credential",
        401,
        "The request bears no credential",
        "Send a token in the header `Authorization: Bearer ...`, or connect with a client certificate. The "
        "operator registers systems; `overgang parties token` issues tokens in the embedded profile.",
    ),
    Kind(
        "not-proved",
        401,
        "The credential does not count",
        "`detail` says what is wrong with it; get a new one, or ask the operator.",
    ),
    Kind(
        "no-grant",
        403,
        "This system may not do that for this party",
        "`GET /v1/access` says what it may do; ask the operator for what is missing.",
    ),
    Kind(
        "sender-suspended",
        403,
        "This system may send nothing for now",
        "Too much of what it wrote could not be accepted; `detail` says what. Mend that, then ask the "
        "operator to resume the system. It may still read.",
    ),
    Kind(
        "operator-only",
        403,
        "This is for the operator only",
        "`GET /v1/access` says what this system may do.",
    ),
    Kind(
        "registry-refused",
        422,
        "This change of the registry makes no sense",
        "Mend what `detail` names.",
    ),
    Kind(
        "access-unknown",
        503,
        "Who may do what is not known at the moment",
        "Ask again after the seconds in Retry-After.",
    ),
    Kind(
        "message-too-large",
        413,
        "The message is too large",
        "Data may hold 64 KiB. Leave out what the contract does not ask for, or send a batch in parts.",
    ),
    Kind(
        "unsupported-content-type",
        415,
        "The content type is not one that is read here",
        "Send application/cloudevents+json, application/cloudevents-batch+json, or "
        "application/json with the attributes in ce-* headers; uncompressed, in UTF-8.",
    ),
    Kind(
        "invalid-request",
        422,
        "The request's address or query is malformed",
        "Mend what `errors` names.",
    ),
    Kind(
        "not-decided",
        404,
        "There is no outcome for this message",
        "It is still on its way, or it never came in: ask again after the seconds in Retry-After;"
        " if it was answered 4xx or 503, send it.",
    ),
    Kind(
        "not-found",
        404,
        "There is nothing at this address",
        "The API's description at /openapi.json lists every address.",
    ),
    Kind(
        "method-not-allowed",
        405,
        "This address does not know this method",
        "The header Allow lists the methods.",
    ),
    Kind(
        "unknown-host",
        421,
        "The request is for another host",
        "Use the address that the gateway printed at its start; other names are set in OVERGANG_HTTP_NAMES.",
    ),
    Kind(
        "too-slow",
        408,
        "The request's body took too long",
        "Send the body in one go.",
    ),
    Kind(
        "busy",
        503,
        "The gateway has as much in hand as it can hold",
        "Send the same messages again, under the same ids, after the seconds in Retry-After.",
    ),
    Kind(
        "rate-limited",
        429,
        "This system has sent as much as it may for now",
        "Send the same again after the seconds in Retry-After, under the same ids; `errors` names the limit",
    ),
    Kind(
        "too-much-at-once",
        429,
        "This system has as much in hand as one may",
        "Wait for the answers to what was sent; `errors` names the limit. Send the same again after the "
        "seconds in Retry-After.",
    ),
    Kind(
        "too-many-polls",
        429,
        "This system waits at this mailbox too often at a time",
        "One waiting request a mailbox is enough: end the others, and ask again after the seconds in "
        "Retry-After.",
    ),
    Kind(
        "broker-unavailable",
        503,
        "Kafka did not acknowledge the message in time",
        "Send it again under the same id after the seconds in Retry-After: should the first have "
        "arrived after all, the second is recognised as a duplicate.",
    ),
    Kind(
        "database-unavailable",
        503,
        "The database does not answer",
        "Ask again after the seconds in Retry-After. Messages can be sent meanwhile.",
    ),
    Kind(
        "internal-error",
        500,
        "The gateway has a fault of its own",
        "Report the id in `detail` to the operator, who finds it in the log.",
    ),
)

_BY_ERROR_CLASS = {
    ErrorClass.NOT_DECODABLE: "unreadable-message",
    ErrorClass.UNKNOWN_SCHEMA: "invalid-message",
    ErrorClass.INVALID: "invalid-message",
    ErrorClass.FORBIDDEN: "sender-not-allowed",
    ErrorClass.TOO_LARGE: "message-too-large",
}


class FieldProblem(BaseModel):
    """One fault of one field."""

    field: str = Field(description="Path of the field, such as `data.citizen.cpr`.")
    problem: str = Field(description="What is wrong with it; never the value itself.")
    mend: str = Field(description="What to send instead.")


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="Relative address of a page about this kind of problem.")
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(description="Every fault at once; empty where no field is at fault.")


class Refusal(OvergangError):
    """A request that is refused. `slug` is a key of `KINDS`; `headers` go out with the answer."""

    def __init__(
        self,
        slug: str,
        detail: str = "",
        errors: Sequence[Problem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.kind = KINDS[slug]
        self.detail = detail or self.kind.meaning
        self.errors = tuple(errors)
        self.headers = headers or {}
        super().__init__(self.detail)

    @classmethod
    def of(cls, invalid: InvalidMessage) -> "Refusal":
        """The answer to a message that its contract refuses."""
        count = len(invalid.problems)
        detail = f"{count} fault{'s' if count != 1 else ''} in the message; nothing of it was stored."
        return cls(_BY_ERROR_CLASS[invalid.error_class], detail, invalid.problems)

    def body(self) -> dict[str, Any]:
        """The problem details as JSON values."""
        return {
            "type": f"/problems/{self.kind.slug}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "errors": [{"field": e.field, "problem": e.problem, "mend": e.mend} for e in self.errors],
        }

    def response(self) -> Response:
        """The whole answer."""
        return Response(orjson.dumps(self.body()), self.kind.status, self.headers, MEDIA_TYPE)


def page(slug: str) -> str | None:
    """The page at `/problems/<slug>` as plain text, None where there is no such kind."""
    kind = KINDS.get(slug)
    return None if kind is None else f"{kind.title} (HTTP {kind.status})\n\n{kind.meaning}\n"


def documented(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for the kinds of problem that a route answers with, each with an example."""
    found: dict[int | str, dict[str, Any]] = {}
    for slug in slugs:
        kind, faults = KINDS[slug], [FAULTS[slug]] if slug in FAULTS else []
        shown = {"summary": kind.title, "value": Refusal(slug, errors=faults).body()}
        if kind.status not in found:
            content = {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "examples": {}}
            }
            found[kind.status] = {"description": kind.title, "content": content}
        else:
            found[kind.status]["description"] += f" / {kind.title}"
        found[kind.status]["content"][MEDIA_TYPE]["examples"][slug] = shown
    return found
