"""P8: SIGTERM: unready, drain, position stored, exit 0 within 20 s."""

import time
from collections import Counter

from tests.integration.stream_room import StreamRoom, room
from tests.processes import Processes, Running

__all__ = ["room"]

MESSAGES = 6_000


def test_sigterm_under_load_stores_what_is_in_hand_and_the_next_start_does_the_rest_once(
    room: StreamRoom, processes: Processes
) -> None:
    room.send(room.admissions(MESSAGES))
    first = start(room, processes)
    room.wait_until(lambda: 0 < room.inbox() < MESSAGES, 40, "some of the load done")
    asked = time.monotonic()
    assert first.stop(20) == 0, first.output
    assert time.monotonic() - asked < 20
    done = room.inbox()
    assert done < MESSAGES, "the load was over before SIGTERM came"
    assert room.position() == done
    second = start(room, processes)
    room.wait_until(lambda: room.inbox() == MESSAGES, 60)
    assert second.stop(20) == 0, second.output
    assert (room.position(), room.duplicates()) == (MESSAGES, 0)
    kinds = Counter(kind for (kind,) in room.rows("SELECT kind FROM tasks"))
    assert kinds == {"GUIDE_MENTOR_RIGHT": MESSAGES, "SEND_CONTACT": MESSAGES}


def test_sigterm_while_idle_exits_0_and_an_unreachable_broker_exits_1_with_one_line(
    room: StreamRoom, processes: Processes
) -> None:
    idle = start(room, processes)
    idle.wait_for_line("relay leads")
    assert idle.stop(20) == 0, idle.output
    lost = start(room, processes, OVERGANG_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert lost.wait(60) == 1
    ours = [line for line in lost.output.splitlines() if line.startswith("overgang: ")]
    assert len(ours) == 1, lost.output
    assert "OVERGANG_KAFKA_BOOTSTRAP" in ours[0]
    assert "Traceback" not in lost.output


def start(room: StreamRoom, processes: Processes, **more: str) -> Running:
    """`overgang worker` as an operator starts it, in small batches."""
    return processes.start(
        "overgang",
        "worker",
        environment={
            "OVERGANG_KAFKA_BOOTSTRAP": room.bootstrap,
            "OVERGANG_DATABASE_URL": room.database_url,
            "OVERGANG_DATA_DIRECTORY": str(room.directory),
            "OVERGANG_TOPIC_PREFIX": room.prefix,
            "OVERGANG_INBOUND_PARTITIONS": "1",
            "OVERGANG_BATCH_SIZE": "20",
            **more,
        },
    )
