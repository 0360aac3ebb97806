"""Bodies and headers that a broken or hostile sender might post, made of valid messages by a seeded hand."""

import gzip
import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final
from uuid import UUID

from bench.raw_http import post
from schemas.examples.events import example
from schemas.flows import FLOWS

_PATH: Final = "/v1/messages"
_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_BINARY: Final = "application/json"
_EVENTS: Final = [example(contract.type) for contract in FLOWS.values()]
_VALUES: Final[list[Any]] = [
    None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, -0.0, 0.1, "", " ", "\0", "x" * 70_000,
    "a\r\nb",
    "\ud800", "\udfff\ud800", "😀" * 50, "‮", "1e999", [], [[]], {}, {"": {}},
    [None] * 1000, "2026-02-31", "9" * 50,
]  # fmt: skip
_TYPES: Final = (
    "text/plain", "application/xml", "", "/", "application/cloudevents+json; charset=utf-16",
    "application/json;;;",
    "application/cloudevents+json; charset=", "multipart/form-data",
    "APPLICATION/CLOUDEVENTS+JSON", "a" * 5_000,
)  # fmt: skip

Json = dict[str, Any]


class Hostile:
    """Requests without end, the same for the same seed. `credential` gives the header's value of now."""

    def __init__(self, seed: int, credential: Callable[[], str]) -> None:
        self._random = random.Random(seed)
        self._token = credential
        self._kinds: list[Callable[[], bytes]] = [
            self._valid,
            self._wrong_value,
            self._wrong_value,
            self._cut,
            self._flipped,
            self._deep,
            self._other_charset,
            self._other_type,
            self._compressed,
            self._odd_headers,
            self._odd_json,
            self._batch,
            self._batch,
        ]

    def request(self) -> bytes:
        """The next one."""
        return self._random.choice(self._kinds)()

    @property
    def _credential(self) -> tuple[str, str]:
        return "authorization", self._token()

    def _event(self) -> Json:
        event: Json = json.loads(json.dumps(self._random.choice(_EVENTS)))
        return event | {"id": str(UUID(int=self._random.getrandbits(128)))}

    def _post(self, body: bytes, kind: str = _STRUCTURED, *headers: Any) -> bytes:
        return post(_PATH, body, ("content-type", kind), self._credential, *headers)

    def _valid(self) -> bytes:
        return self._post(_text(self._event()))

    def _broken(self) -> Json:
        event = self._event()
        for _ in range(self._random.randint(1, 3)):
            place: Any = event
            while True:
                keys = list(place) if isinstance(place, dict) else list(range(len(place)))
                if not keys:
                    break
                key = self._random.choice(keys)
                if isinstance(place[key], dict | list) and self._random.random() < 0.8:
                    place = place[key]
                    continue
                self._change(place, key)
                break
        return event

    def _change(self, place: Any, key: Any) -> None:
        match self._random.randrange(4):
            case 0 if isinstance(place, dict):
                place[str(key) + self._random.choice(("x", "\0", "\ud800", ""))] = place.pop(key)
            case 1:
                del place[key]
            case _:
                place[key] = deepcopy(self._random.choice(_VALUES))

    def _wrong_value(self) -> bytes:
        return self._post(_text(self._broken()))

    def _cut(self) -> bytes:
        body = _text(self._event())
        return self._post(body[: self._random.randrange(len(body))])

    def _flipped(self) -> bytes:
        body = bytearray(_text(self._event()))
        for _ in range(self._random.randint(1, 8)):
            body[self._random.randrange(len(body))] = self._random.randrange(256)
        return self._post(bytes(body))

    def _deep(self) -> bytes:
        depth = self._random.choice((33, 1_000, 40_000))
        opening, closing = self._random.choice(((b"[", b"]"), (b'{"a":', b"}")))
        nested = (opening * depth + b"1" + closing * depth)[: 79 * 1024]
        event = _text(self._event() | {"data": 0}).replace(b'"data": 0', b'"data": ' + nested[: 70 * 1024])
        return self._post(self._random.choice((nested, event)), self._random.choice((_STRUCTURED, _BATCH)))

    def _other_charset(self) -> bytes:
        text = _text(self._event() | {"correlationid": "æøå"}).decode()
        charset = self._random.choice(("utf-16", "utf-16-be", "utf-32", "latin-1", "utf-8-sig"))
        return self._post(
            text.encode(charset), self._random.choice((_STRUCTURED, f"{_STRUCTURED}; charset={charset}"))
        )

    def _other_type(self) -> bytes:
        return self._post(_text(self._event()), self._random.choice(_TYPES))

    def _compressed(self) -> bytes:
        body = gzip.compress(_text(self._event()), 1)
        return self._post(
            body, _STRUCTURED, ("content-encoding", self._random.choice(("gzip", "br", "identity")))
        )

    def _odd_headers(self) -> bytes:
        event = self._event()
        headers = [(f"ce-{name}", str(value)) for name, value in event.items() if name != "data"]
        odd: list[tuple[Any, Any]] = [
            ("ce-id", "x"), ("ce-source", "%00%ff"), ("ce-time", "%E2%82"), ("CE-Type", ""), ("ce-", "x"),
            ("ce-é", "x"), ("ce-subject", "a" * 20_000), (b"ce-extra", b"\xff\xfe"), (b"ce-nul", b"a\0b"),
            ("ce-data", "1"), ("content-type", _STRUCTURED), ("x" * 9_000, "y"),
            ("transfer-encoding", "gzip"),
            ("expect", "100-continue "), ("ce-traceparent", "00-" + "f" * 400),
        ]  # fmt: skip
        chosen = self._random.sample(odd, self._random.randint(0, 3))
        given = [h for h in headers if self._random.random() < 0.97]
        return post(_PATH, _text(event["data"]), ("content-type", _BINARY), self._credential, *given, *chosen)

    def _odd_json(self) -> bytes:
        body = _text(self._event())
        return self._post(
            self._random.choice(
                (
                    b"",
                    b" ",
                    b"null",
                    b"0",
                    b'"x"',
                    b"[]",
                    b"{}",
                    b"\0" * 100,
                    b"[" * 80_000,
                    b"{" * 80_000,
                    b"1" * 80_000,
                    b'"' + b"\\u0000" * 13_000 + b'"',
                    b"NaN",
                    b"-",
                    b"1e999999",
                    b"{}{}",
                    body + body,
                    b"\xef\xbb\xbf" + body,
                    body.replace(b"{", b'{"id":"a",', 1),
                    body.replace(b'"data"', b'"data": NaN, "data"', 1),
                    body + b"\0",
                    body + b" " * 90_000,
                )
            )
        )

    def _batch(self) -> bytes:
        size = self._random.choice((0, 1, 1, 2, 3, 3, 5, 20, 20, 501, 10_000))
        if size > 100:
            inner = self._random.choice((b"{}", b"[]", b"0", b'""'))
            return self._post(b"[" + b",".join([inner] * size) + b"]", _BATCH)
        events = [self._random.choice((self._event, self._broken))() for _ in range(size)]
        body = _text(events)
        return self._post(body if self._random.random() < 0.9 else body[:-2], _BATCH)


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()
