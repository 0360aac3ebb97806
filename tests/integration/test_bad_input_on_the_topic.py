"""Bad input straight on the topic: quarantined with its original bytes, the next message not delayed."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from schemas.cloudevent import to_kafka
from streams.ledger.case_keys import GATEWAY
from streams.ledger.sealing import load_or_make_wrapping_key
from tests.conftest import fresh_database
from tests.integration.api_server import notice, until
from tests.integration.bad_messages import NINE_DIGITS, THIRTY_FIRST_OF_FEBRUARY
from tests.integration.bad_records import HEADERS, SEND_RAW_NAME, VALUES
from tests.integration.ledger_room import checked
from tests.integration.stream_room import StreamRoom
from tests.processes import Processes

NOT_DELAYED = 5.0
Headers = list[tuple[str, bytes | None]]


@pytest.fixture(scope="module")
def room(
    shared_kafka: str, shared_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StreamRoom]:
    """One running worker for all cases: what one case leaves behind must not trouble the next either."""
    with fresh_database(shared_postgres) as database_url:
        here = StreamRoom(
            shared_kafka,
            database_url,
            f"bad_{uuid4().hex[:12]}.",
            tmp_path_factory.mktemp("bad"),
            lambda condition, timeout=20, what="": until(condition, timeout),
        )
        with here.worker():
            yield here


def good() -> tuple[bytes, Headers, bytes]:
    key, headers, value = to_kafka(checked(notice(), datetime.now(UTC)))
    return key, list(headers), value


def changed(headers: Headers, name: str, content: bytes | None) -> Headers:
    return [(known, value) for known, value in headers if known != name] + [(name, content)]


def between_good_ones(
    room: StreamRoom, key: bytes | None, headers: Headers | None, value: bytes | None
) -> None:
    """Puts an input on the topic between two good ones; the one behind it must soon be accepted."""
    before = room.inbox("dropout-risk")
    produce(room, good(), (key, headers, value), good())
    room.wait_until(lambda: room.inbox("dropout-risk") == before + 2, NOT_DELAYED)


def produce(room: StreamRoom, *given: tuple[bytes | None, Headers | None, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": room.bootstrap})
    for key, headers, value in given:
        producer.produce(room.topic("dropout-risk"), key=key, headers=headers, value=value)
    assert producer.flush(10) == 0


def quarantined(room: StreamRoom) -> tuple[str, list[dict[str, str]], dict[str, Any]]:
    """Class, reasons and original of the latest input in quarantine, which is the one before the last."""
    [(n, position, offset, error_class, reasons, original)] = room.rows(
        'SELECT n, (SELECT max(next) FROM positions), "offset", error_class, reasons, original'
        " FROM quarantine ORDER BY n DESC LIMIT 1"
    )
    assert offset == position - 2
    assert room.stopped() == {}
    assert room.rows("SELECT attempts FROM quarantine WHERE n = %s", n) == [(1,)]
    seal = load_or_make_wrapping_key(room.directory / "wrapping.key")
    return error_class, reasons, json.loads(seal.open(original, GATEWAY))


def text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def expect(
    room: StreamRoom, key: bytes | None, headers: Headers, value: bytes | None, error_class: str, field: str
) -> None:
    found, reasons, original = quarantined(room)
    assert found == error_class
    assert field in {reason["field"] for reason in reasons}
    assert all(reason["problem"] and reason["mend"] for reason in reasons)
    told = json.dumps(reasons)
    assert not any(secret in told for secret in (NINE_DIGITS, THIRTY_FIRST_OF_FEBRUARY, "7405034123"))
    assert original == {
        "key": text(key),
        "headers": [[name, text(content)] for name, content in headers],
        "value": text(value),
    }


@pytest.mark.parametrize("case", VALUES)
def test_a_bad_value_is_quarantined_as_it_came_and_the_next_message_goes_on(
    room: StreamRoom, case: str
) -> None:
    value, error_class, field = VALUES[case]
    key, headers, _ = good()
    between_good_ones(room, key, headers, value)
    expect(room, key, headers, value, error_class, field)


@pytest.mark.parametrize("case", HEADERS)
def test_a_bad_header_is_quarantined_as_it_came_and_the_next_message_goes_on(
    room: StreamRoom, case: str
) -> None:
    name, content, error_class, field = HEADERS[case]
    key, headers, value = good()
    headers = changed(headers, name, content)
    between_good_ones(room, key, headers, value)
    expect(room, key, headers, value, error_class, field)


def test_a_header_that_stands_there_twice_is_quarantined(room: StreamRoom) -> None:
    key, headers, value = good()
    headers.append(("ce_source", b"/institution/999999"))
    between_good_ones(room, key, headers, value)
    expect(room, key, headers, value, "INVALID", "ce_source")


def test_without_headers_and_key_it_is_quarantined_with_all_that_is_missing(room: StreamRoom) -> None:
    _, _, value = good()
    between_good_ones(room, None, None, value)
    expect(room, None, [], value, "INVALID", "ce_id")
    _, reasons, _ = quarantined(room)
    missing = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"}
    assert missing <= {reason["field"] for reason in reasons}


def test_a_header_name_that_is_no_utf_8_is_quarantined_with_key_and_value(
    room: StreamRoom, processes: Processes
) -> None:
    """The client gives no header of such a record."""
    key, _, value = good()
    sender = processes.start(
        "python",
        "-c",
        SEND_RAW_NAME,
        room.bootstrap,
        room.topic("dropout-risk"),
        str(text(key)),
        str(text(value)),
        environment={"AIOKAFKA_NO_EXTENSIONS": "1"},
    )
    assert sender.wait(30) == 0, sender.output
    before = room.inbox("dropout-risk")
    produce(room, good())
    room.wait_until(lambda: room.inbox("dropout-risk") == before + 1, NOT_DELAYED)
    error_class, reasons, original = quarantined(room)
    assert error_class == "INVALID"
    assert "ce_name-not-utf8" in {reason["field"] for reason in reasons}
    assert (original["key"], original["value"]) == (text(key), text(value))


def test_a_key_of_the_senders_own_is_ignored(room: StreamRoom) -> None:
    before = room.inbox("dropout-risk")
    _, headers, value = good()
    produce(room, (b"another", headers, value))
    room.wait_until(lambda: room.inbox("dropout-risk") == before + 1)
    assert len(room.rows("SELECT DISTINCT case_key FROM inbox")) == 1


def test_in_a_flood_of_bad_input_every_good_message_is_accepted(room: StreamRoom) -> None:
    before, refused = room.inbox("dropout-risk"), room.rows("SELECT count(*) FROM quarantine")[0][0]
    bad = [value or b"?" for value, _, _ in VALUES.values()]
    keys_headers_values = [good() for _ in range(1_000)]
    produce(
        room,
        *(
            (key, headers, bad[n % len(bad)] if n % 10 else value)
            for n, (key, headers, value) in enumerate(keys_headers_values)
        ),
    )
    room.wait_until(lambda: room.inbox("dropout-risk") == before + 100)
    room.wait_until(lambda: room.rows("SELECT count(*) FROM quarantine")[0][0] == refused + 900)
    assert room.stopped() == {}
