"""Seals of records on the inbound topics: what they cover, and the gateway's own (HMAC-SHA256).

A record bears one header of proof: `overgang-seal`, made by the HTTP edge for whom it has authenticated, or
`overgang-signature`, made by a system that writes to Kafka itself (schemas/signature.py). Both cover the same
bytes, see `covered`. Why it is so: docs/decisions/0019.
"""

import base64
import hmac
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Final

from schemas.identifiers import SystemId
from schemas.problems import OvergangError

SEAL_HEADER: Final = "overgang-seal"
SIGNATURE_HEADER: Final = "overgang-signature"
Headers = Sequence[tuple[str, bytes | None]]

_RECORD: Final = b"overgang.record.v1"
_SEAL: Final = b"overgang.seal.v1"
_KEY: Final = b"overgang.seal-key.v1"
_NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = struct.Struct(">I").pack
_BY_NAME: Final = itemgetter(0)
_TEXT: Final = re.compile(r"v1\.([0-9a-f]{16})\.([0-9]{1,15})\.([a-z][a-z0-9-]{1,39})\.([A-Za-z0-9_-]{43})")


class SealBroken(OvergangError):
    """A seal or signature that does not hold; the text says why, and holds nothing of the record."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A secret that seals are made with. `id` says nothing about it and stands in each seal."""

    secret: bytes = field(repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hmac.digest(self.secret, _KEY, sha256).hex()[:16])


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who was proved to have sent a record, and when it was sealed or signed, in ms of the Unix epoch."""

    system: SystemId
    at_ms: int


def covered(topic: str, headers: Headers, value: bytes | None) -> bytes:
    """What every proof covers, as one string of bytes that no other record has.

    It is a list of parts, each with its length in 4 bytes, big-endian, before it: `overgang.record.v1`, the
    full name of the topic, then name and value of each header that is `content-type` or begins with `ce_`,
    sorted by name, then the record's value. A null counts as the length 0xFFFFFFFF and no bytes.
    """
    parts = [_begin(topic)]
    for name, content in sorted(headers, key=_BY_NAME):
        if (told := _covered_name(name)) is not None:
            parts += (told, *_part(content))
    return b"".join((*parts, *_part(value)))


def _part(content: bytes | None) -> tuple[bytes, bytes]:
    return (_NULL, b"") if content is None else (_LENGTH(len(content)), content)


@lru_cache(maxsize=256)
def _covered_name(name: str) -> bytes | None:
    covers = name.startswith("ce_") or name == "content-type"
    return b"".join(_part(name.encode())) if covers else None


@lru_cache(maxsize=64)
def _begin(topic: str) -> bytes:
    return b"".join((*_part(_RECORD), *_part(topic.encode())))


def seal(key: SealKey, record: bytes, stamp: Stamp) -> tuple[str, bytes]:
    """The header that seals a record, given as `covered` gives it."""
    text = f"v1.{key.id}.{stamp.at_ms}.{stamp.system}."
    return SEAL_HEADER, text.encode() + _mac(key, text, record)


def unsealed(header: bytes | None, record: bytes, key_of: Callable[[str], SealKey | None]) -> Stamp:
    """Who a seal says has sent the record, once it holds. Raises SealBroken."""
    text = (header or b"").decode("latin-1")
    parts = _TEXT.fullmatch(text)
    if parts is None:
        raise SealBroken("is not of the form that the gateway writes")
    key = key_of(parts[1])
    if key is None:
        raise SealBroken("was made with a key that is not in OVERGANG_SEAL_KEYS_FILE of this worker")
    if not hmac.compare_digest(_mac(key, text[: parts.start(4)], record), parts[4].encode()):
        raise SealBroken("does not fit: attributes, value or topic are not what was sealed")
    return Stamp(SystemId(parts[3]), int(parts[2]))


def _mac(key: SealKey, text: str, record: bytes) -> bytes:
    told = text.encode()
    covered_here = b"".join((_LENGTH(len(_SEAL)), _SEAL, _LENGTH(len(told)), told, record))
    return base64.urlsafe_b64encode(hmac.digest(key.secret, covered_here, sha256)).rstrip(b"=")
