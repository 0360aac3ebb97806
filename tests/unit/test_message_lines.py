"""How a file of messages falls into messages."""

from io import BytesIO

import orjson
import pytest

from connectors.cli.message_lines import lines_of
from schemas.cloudevent import EVENT_LIMIT

EVENT = {"id": "1", "data": {"notes": ["{", "}"], "inner": {}}}


def pretty(event: object) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def test_a_line_is_a_message_and_a_blank_one_is_none() -> None:
    assert list(lines_of(BytesIO(b'{"a":1}\n\n  \r\n{"b":2}'))) == [(1, b'{"a":1}'), (4, b'{"b":2}')]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_event_over_several_lines_counts_as_one_under_its_first(end: bytes) -> None:
    text = b'{"a":1}\n' + pretty(EVENT) + pretty({"id": "2", "data": {}}) + b'{"b":2}\n'
    found = list(lines_of(BytesIO(text.replace(b"\n", end))))
    last = 1 + pretty(EVENT).count(b"\n")
    assert [line.number for line in found] == [1, 2, last + 1, text.count(b"\n")]
    assert [orjson.loads(line.content) for line in found] == [
        {"a": 1},
        EVENT,
        {"id": "2", "data": {}},
        {"b": 2},
    ]


def test_a_brace_that_is_never_closed_takes_no_more_than_an_event_may_have() -> None:
    filler = b'  "x": "' + b"y" * 1_000 + b'",\n'
    endless = BytesIO(b"{\n" + filler * (3 * EVENT_LIMIT // len(filler)) + b'{"b":2}\n')
    found = list(lines_of(endless))
    assert max(len(line.content) for line in found) < EVENT_LIMIT + 2 * len(filler)
    assert found[-1].content == b'{"b":2}'


def test_a_brace_that_stands_alone_takes_no_message_with_it() -> None:
    found = lines_of(BytesIO(b'{\n{"a":1}\n  "left": 1,\n}\n{"b":2}\n{\n'))
    assert [line.content for line in found] == [b"{", b'{"a":1}', b'"left": 1,', b"}", b'{"b":2}', b"{"]


def test_progress_counts_every_byte() -> None:
    text = pretty(EVENT) + b'{"b":2}\n'
    told: list[int] = []
    assert len(list(lines_of(BytesIO(text), told.append))) == 2
    assert told[-1] == len(text)
    assert told == sorted(told)
