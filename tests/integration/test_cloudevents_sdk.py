"""The CloudEvents project's own SDK: what it makes is taken, what the gateway delivers it reads."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.integration.api_server import BATCH, notice, served
from tests.integration.mailbox_room import MailboxRoom, mailbox_room, relay_room
from tests.integration.relay_room import SCHOOL
from tests.integration.webhook_room import AARHUS, WebhookRoom, room

__all__ = ["mailbox_room", "relay_room", "room"]
FORMAT = JSONFormat()


@pytest.fixture
def api(kafka: str, mailbox_room: MailboxRoom, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, mailbox_room.database_url, topic_prefix) as client:
        yield client


def made() -> CloudEvent:
    given = notice()
    attributes = {name: value for name, value in given.items() if name != "data"}
    attributes |= {"id": str(uuid4()), "time": datetime.now(UTC), "datacontenttype": "application/json"}
    return CloudEvent(attributes=attributes, data=given["data"])


def read(headers: dict[str, str], body: bytes) -> Any:
    return http.from_http(http.HTTPMessage(headers=headers, body=body), FORMAT, CloudEvent)


def test_what_the_sdk_makes_is_taken_and_a_mailbox_is_read_by_it(
    api: httpx.Client, mailbox_room: MailboxRoom
) -> None:
    for message in (http.to_structured(made(), FORMAT), http.to_binary(made(), FORMAT)):
        answer = api.post("/v1/messages", content=message.body, headers=message.headers)
        assert answer.status_code == 202, answer.text
    batch = b"[" + b",".join(FORMAT.write(made()) for _ in range(3)) + b"]"
    answer = api.post("/v1/messages", content=batch, headers=BATCH)
    assert answer.status_code == 202, answer.text
    mailbox_room.tell("one", "two")
    mailbox_room.number()
    answer = api.get("/v1/mailbox", params={"party": SCHOOL, "after": 0})
    events = [FORMAT.read(CloudEvent, json.dumps(event).encode()) for event in answer.json()]
    assert [event.get_extension("sequence") for event in events] == ["1", "2"]
    assert [event.get_type() for event in events] == ["dk.overgang.task.v1"] * 2
    assert [event.get_data()["reasons"] for event in events] == [["one"], ["two"]]


def test_a_delivery_to_a_webhook_is_read_by_the_sdk(room: WebhookRoom) -> None:
    receiver = room.receiver()
    secret = room.add(AARHUS, receiver)
    room.write(AARHUS, "a")
    room.turn(AARHUS)
    [got] = receiver.posts
    got.verified_by(secret)
    event = read(dict(got.headers), got.body)
    assert (event.get_source(), event.get_extension("sequence")) == (SCHOOL, "1")
    assert event.get_data()["event"] == "RAISED"
