"""What is left when a run is over: tasks in the ledger and of `overgang decide`, records on topics."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas.outbound import TASK_TYPE, outbound_topic
from schemas.wire import decode
from streams.broker_access import client_settings
from streams.rules.model import Task
from tests.integration.api_server import watermarks
from tests.integration.stream_room import StreamRoom

FIELDS = tuple(Task.__slots__)


@dataclass(frozen=True)
class Record:
    """One record of an outbound topic."""

    sequence: int
    source: str
    id: str
    type: str
    subject: str | None
    value: bytes

    @property
    def data(self) -> Any:
        return decode(self.value)[1]


def ledger_tasks(room: StreamRoom) -> dict[str, dict[str, Any]]:
    """The tasks that stand in the ledger, as `overgang decide` prints them; withdrawn ones are none."""
    rows = room.rows(f"SELECT {', '.join(FIELDS)} FROM tasks WHERE state <> 'WITHDRAWN'")
    plain = json.loads(json.dumps([dict(zip(FIELDS, row, strict=True)) for row in rows], default=str))
    return {task["task_id"]: task for task in plain}


def decided_tasks(
    room: StreamRoom, events: Iterable[dict[str, Any]], as_of: datetime
) -> dict[str, dict[str, Any]]:
    """What `overgang decide` makes of a file of these messages, under the pseudonym key of the room."""
    file = Path(room.directory / "messages.jsonl")
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OVERGANG_")}
    done = subprocess.run(
        [Path(sys.executable).with_name("overgang"), "decide", "--as-of", as_of.isoformat(), file],
        env={**ours, "OVERGANG_PSEUDONYM_KEY_FILE": str(room.directory / "pseudonym.key")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({task["task_id"] for task in printed}) == len(printed)
    return {task["task_id"]: task for task in printed}


def quiet_moment(room: StreamRoom) -> datetime:
    """A moment at which every case stands as it was last decided: no deadline has passed since."""

    def undecided() -> bool:
        return room.rows("SELECT EXISTS (SELECT FROM cases WHERE next_change <= %s)", now) == [(True,)]

    now = datetime.now(UTC)
    room.wait_until(lambda: not undecided(), what="every case decided")
    return now


def on_topics(room: StreamRoom) -> dict[str, list[Record]]:
    """Every recipient's topic from its beginning to its end, in the order of the offsets."""
    recipients = [str(recipient) for (recipient,) in room.rows("SELECT DISTINCT recipient FROM outbound")]
    by_topic = {room.prefix + outbound_topic(recipient): recipient for recipient in recipients}  # type: ignore[arg-type]
    consumer = Consumer(
        {
            **client_settings(room.bootstrap, room.login),
            "group.id": "aftermath",
            "enable.auto.commit": False,
        }
    )
    found: dict[str, list[Record]] = defaultdict(list)
    try:
        ends = {topic: watermarks(consumer, topic, 0)[1] for topic in by_topic}
        consumer.assign([TopicPartition(topic, 0, 0) for topic in by_topic])
        for _ in range(sum(ends.values())):
            message = consumer.poll(20)
            assert message is not None, "the topics could not be read to their ends"
            assert message.error() is None, message.error()
            headers = {name: text.decode() for name, text in message.headers()}
            found[by_topic[message.topic()]].append(
                Record(
                    int(headers["ce_sequence"]),
                    headers["ce_source"],
                    headers["ce_id"],
                    headers["ce_type"],
                    headers.get("ce_subject"),
                    message.value(),
                )
            )
    finally:
        consumer.close()
    return found


def first_occurrences(records: Iterable[Record]) -> list[Record]:
    """Without repeats; fails where a repeat differs from the first in anything at all."""
    first: dict[int, Record] = {}
    for record in records:
        assert first.setdefault(record.sequence, record) == record, "a repeat that is not the same message"
    return list(first.values())


def told_tasks(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """The tasks of a recipient who keeps the highest revision of each and drops what is withdrawn."""
    latest: dict[str, dict[str, Any]] = {}
    for record in records:
        if record.type == TASK_TYPE:
            task = record.data
            assert latest.get(task["task_id"], {"revision": 0})["revision"] < task["revision"]
            latest[task["task_id"]] = task
    return {id_: task for id_, task in latest.items() if task["state"] != "WITHDRAWN"}
