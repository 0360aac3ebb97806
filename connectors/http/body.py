"""Reading a request's body: which of the three CloudEvents modes it is in, within which size and time."""

import asyncio
from email.message import EmailMessage
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import Request

from connectors.http.problems import Refusal
from schemas.problems import Problem

Mode = Literal["structured", "batch", "binary"]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "application/json"
_MODES: dict[str, Mode] = {STRUCTURED: "structured", BATCH: "batch", BINARY: "binary"}
# After refusing a body unread the connection cannot be used again.
_CLOSE = {"Connection": "close"}


def mode_of(headers: Headers) -> Mode:
    """The CloudEvents mode that the headers announce. Raises `Refusal` (415) with the mend."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _not_read("header content-encoding", "the body is compressed", "send it as it is")
    announced = headers.get("content-type")
    if announced is None:
        raise _not_read("header content-type", "is missing", f"send {STRUCTURED}, {BATCH} or {BINARY}")
    parsed = EmailMessage()
    parsed["content-type"] = announced
    mode = _MODES.get(parsed.get_content_type())
    if mode is None:
        raise _not_read("header content-type", "is not read here", f"send {STRUCTURED}, {BATCH} or {BINARY}")
    if str(parsed.get_param("charset", "utf-8")).lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _not_read("header content-type", "names another charset", "send the body in UTF-8")
    if mode == "binary" and not any(name.startswith("ce-") for name in headers):
        raise _not_read(
            "header content-type",
            "application/json alone says nothing about the sender, the type and the time",
            f"send the attributes in ce-* headers, or the whole event as {STRUCTURED}",
        )
    return mode


async def read_body(request: Request, limit: int, within: float) -> bytes:
    """The body, of at most `limit` bytes and read within `within` seconds.

    Raises `Refusal`: 413 as soon as more than `limit` is announced or has come, 408 when it takes too long.
    """
    if int(request.headers.get("content-length", "0")) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(within):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError as late:
        raise Refusal("too-slow", headers=_CLOSE) from late
    return bytes(body)


def _not_read(field: str, problem: str, mend: str) -> Refusal:
    return Refusal("unsupported-content-type", errors=(Problem(field, problem, mend),), headers=_CLOSE)


def _too_large(limit: int) -> Refusal:
    problem = Problem("body", f"holds more than {limit} bytes", "send less, or in several requests")
    return Refusal("message-too-large", errors=(problem,), headers=_CLOSE)
