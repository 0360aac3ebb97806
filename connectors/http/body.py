"""Reading a request's body: which of the three CloudEvents modes it is in, within which size and time."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from functools import lru_cache
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import Request

from connectors.http.limits import Hold
from connectors.http.problems import Refusal
from schemas.problems import OvergangError, Problem

Mode = Literal["structured", "batch", "binary"]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = "application/json"
_MODES: dict[str, Mode] = {STRUCTURED: "structured", BATCH: "batch", BINARY: "binary"}
# A connection with an unread body cannot be used again, and its end may take the answer with it: up to this
# much more is read and thrown away, so that a client that merely sends too much learns why it is refused.
_DISCARDED_BYTES = 16 * 1024 * 1024
_CLOSE = {"Connection": "close"}


def mode_of(headers: Headers) -> Mode:
    """The CloudEvents mode that the headers announce. Raises `Refusal` (415) with the mend."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _not_read("header content-encoding", "the body is compressed", "send it as it is")
    announced = headers.get("content-type")
    if announced is None:
        raise _not_read("header content-type", "is missing", f"send {STRUCTURED}, {BATCH} or {BINARY}")
    media_type, charset = _read_type(announced)
    mode = _MODES.get(media_type)
    if mode is None:
        raise _not_read("header content-type", "is not read here", f"send {STRUCTURED}, {BATCH} or {BINARY}")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise _not_read("header content-type", "names another charset", "send the body in UTF-8")
    if mode == "binary" and not any(name.startswith("ce-") for name in headers):
        raise _not_read(
            "header content-type",
            "application/json alone says nothing about the sender, the type and the time",
            f"send the attributes in ce-* headers, or the whole event as {STRUCTURED}",
        )
    return mode


@lru_cache(maxsize=64)
def _read_type(announced: str) -> tuple[str, str]:
    """Media type and character set of the header; nearly every request bears one of a few."""
    parsed = EmailMessage()
    parsed["content-type"] = announced
    return parsed.get_content_type(), str(parsed.get_param("charset", "utf-8")).lower()


async def read_body(request: Request, limit: int, within: float, hold: Hold | None = None) -> bytes:
    """The body, of at most `limit` bytes and read within `within` seconds; never more of it is held.

    Raises `Refusal`: 413 when it is longer, 408 when it takes too long; and what `hold` raises, which is told
    of every part before it is kept.
    """
    body = bytearray()
    seen = 0
    refused: OvergangError | None = None
    try:
        async with asyncio.timeout(within):
            async for part in request.stream():
                seen += len(part)
                if seen <= limit and refused is None:
                    refused = _no_room(hold, len(part))
                    if refused is None:
                        body += part
                    else:
                        body.clear()
                elif seen > limit + _DISCARDED_BYTES:
                    break
    except TimeoutError as late:
        raise Refusal("too-slow", headers=_CLOSE) from late
    if refused is not None:
        raise refused
    if seen > limit:
        problem = Problem("body", f"holds more than {limit} bytes", "send less, or in several requests")
        raise Refusal("message-too-large", errors=(problem,), headers=_CLOSE)
    return bytes(body)


def _no_room(hold: Hold | None, size: int) -> OvergangError | None:
    try:
        if hold is not None:
            hold(size)
    except OvergangError as refused:
        return refused
    return None


async def discard_body(request: Request, within: float) -> None:
    """Read and throw away a body that will be refused whatever it holds."""
    with suppress(Refusal):
        await read_body(request, 0, within)


def _not_read(field: str, problem: str, mend: str) -> Refusal:
    return Refusal("unsupported-content-type", errors=(Problem(field, problem, mend),), headers=_CLOSE)
