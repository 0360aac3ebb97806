"""What must hold when a run of kills is over, whatever was killed."""

from tests.integration.stream_room import StreamRoom
from tests.promises.aftermath import (
    decided_tasks,
    first_occurrences,
    ledger_tasks,
    on_topics,
    quiet_moment,
    told_tasks,
)
from tests.promises.chaos import Chaos


def every_input_has_one_outcome(chaos: Chaos, room: StreamRoom) -> None:
    assert chaos.outcomes() == chaos.inputs
    assert room.rows("SELECT count(*) FROM quarantine") == [(chaos.unreadable,)]
    assert room.rows("SELECT sum(next) FROM positions") == [(chaos.inputs,)]
    sent = {(event["source"], event["id"]) for event in chaos.events}
    assert set(room.rows("SELECT source, id FROM inbox")) == sent
    assert set(room.rows("SELECT source, id FROM facts")) == sent
    assert room.stopped() == {}
    assert room.rows("SELECT key FROM cases WHERE stuck_at IS NOT NULL") == []


def the_tasks_are_those_of_decide(chaos: Chaos, room: StreamRoom) -> None:
    expected = decided_tasks(room, chaos.events, quiet_moment(room))
    assert len(expected) > chaos.plan.messages / 10
    assert ledger_tasks(room) == expected


def the_topics_hold_each_message_in_order(room: StreamRoom) -> int:
    """Returns how many records are repeats."""
    repeats = 0
    told: dict[str, str] = {}
    for recipient, records in on_topics(room).items():
        first = first_occurrences(records)
        repeats += len(records) - len(first)
        rows = room.rows(
            "SELECT sequence, source, message_id, type FROM outbound WHERE recipient = %s ORDER BY sequence",
            recipient,
        )
        assert [(r.sequence, r.source, r.id, r.type) for r in first] == rows
        assert [record.sequence for record in first] == list(range(1, len(first) + 1))
        assert len({(record.source, record.id) for record in first}) == len(first)
        tasks = told_tasks(first)
        assert told.keys().isdisjoint(tasks), "two recipients have the same task"
        told |= {id_: f"{recipient} {task['state']}" for id_, task in tasks.items()}
    routed = [task for task in ledger_tasks(room).values() if task["recipient"] is not None]
    assert told == {task["task_id"]: f"{task['recipient']} {task['state']}" for task in routed}
    return repeats
