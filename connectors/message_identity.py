"""Ids of messages made from rows: a keyed digest of all that one says, so that the same row is the same one.

Other content or another time is another id: such a message is never ID_REUSED. What the row looks like
in its file (encoding, delimiter, language, order of columns, form of dates) is not in it. Without the key
nobody can try personal numbers until one gives the id.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from connectors.cli.message_lines import Line
from schemas.cloudevent import attributes_of, to_structured
from schemas.identifiers import MessageId
from schemas.message import Message
from schemas.pseudonym import PseudonymKey
from streams.rules.facts import COPENHAGEN

AFTER_THE_ONE_BEFORE: Final = timedelta(seconds=1)
_HASHED: Final = 8  # RFC 9562: a version of one's own making


def midnight(day: date) -> datetime:
    """The first instant of the day in Denmark."""
    return datetime(day.year, day.month, day.day, tzinfo=COPENHAGEN)


def identified(message: Message, key: PseudonymKey, time: datetime | None = None) -> Message:
    """The message with the id of its content, raised at `time` where that is given."""
    envelope = replace(message.envelope, time=time or message.envelope.time)
    said = {
        "source": envelope.source,
        "flow": envelope.flow,
        "time": envelope.time.astimezone(UTC).isoformat(),
        "data": _filled(message.data),
    }
    content = b"import:" + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    digest = bytearray(hmac.digest(key, content, "sha256")[:16])
    digest[6] = digest[6] & 0x0F | _HASHED << 4
    digest[8] = digest[8] & 0x3F | 0x80
    return replace(message, envelope=replace(envelope, id=MessageId(str(UUID(bytes=bytes(digest))))))


def is_hashed(message_id: str) -> bool:
    """Whether an id may be one of these."""
    return UUID(message_id).version == _HASHED


def line_of(message: Message, number: int) -> Line:
    """The message as the gateway takes it, with the line of the list that it comes from."""
    event = to_structured(attributes_of(message.envelope, None), message.data)
    return Line(number, orjson.dumps(event))


def _filled(value: Any) -> Any:
    """Without what is absent: a field that a later version adds must not change the ids of old rows."""
    if isinstance(value, Mapping):
        return {name: _filled(child) for name, child in value.items() if child is not None and child != []}
    return value
