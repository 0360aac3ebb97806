"""Intake on a real broker: positions come from the ledger, and where they cannot hold the flow stops."""

import psycopg
from confluent_kafka import Producer, TopicPartition

from streams.failures import StopWorker
from streams.ledger.ledger import Ledger
from tests.integration.stream_room import StreamRoom, room

__all__ = ["room"]


def test_what_was_sent_is_stored_once_and_a_restart_reads_on(room: StreamRoom) -> None:
    room.send(room.admissions(3))
    with room.worker():
        room.wait_until(lambda: room.inbox() == 3)
    assert room.position() == 3
    room.send(room.admissions(2))
    with room.worker():
        room.wait_until(lambda: room.inbox() == 5)
    assert (room.position(), room.duplicates()) == (5, 0)


def test_a_recreated_topic_stops_its_flow_and_no_other(room: StreamRoom) -> None:
    with room.worker() as running:
        room.send(room.admissions(3))
        room.wait_until(lambda: room.position() == 3)
        recreate(room, "enrolment")
        # As many as were read before and more: the old position is inside the new topic.
        room.send(room.admissions(6))
        room.wait_until(lambda: "enrolment" in room.stopped(), 30)
        room.send(room.forms(2))
        room.wait_until(lambda: room.inbox("conversation-form") == 2)
        assert list(room.stopped()) == ["enrolment"]
        assert "re-created" in room.stopped()["enrolment"]
        assert room.inbox() == 3
        ledger = running.worker.ledger
        topic = room.topic("enrolment")
        ledger.move_position(topic, running.worker.intake._topic_state.ids([topic])[topic], 0, 0)
        ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 9)
    assert room.position() == 6


def test_a_topic_recreated_while_nobody_reads_stops_its_flow(room: StreamRoom) -> None:
    room.send(room.admissions(3))
    with room.worker():
        room.wait_until(lambda: room.position() == 3)
    recreate(room, "enrolment")
    room.send(room.admissions(6))
    with room.worker():
        room.wait_until(lambda: "enrolment" in room.stopped())
    assert "re-created" in room.stopped()["enrolment"]
    assert (room.inbox(), room.position()) == (3, 3)


def test_what_retention_deleted_unread_stops_the_flow(room: StreamRoom) -> None:
    room.send(room.admissions(10))
    gone = room.admin.delete_records([TopicPartition(room.topic("enrolment"), 0, 6)])
    for deleted in gone.values():
        assert deleted.result(20).low_watermark == 6
    room.send(room.forms(1))
    with room.worker():
        room.wait_until(lambda: "enrolment" in room.stopped() and room.inbox("conversation-form") == 1)
    assert "offsets 0 to 5 were deleted" in room.stopped()["enrolment"]
    assert (room.inbox(), room.position()) == (0, None)


def test_aborted_transactions_leave_gaps_that_no_batch_trips_over(room: StreamRoom) -> None:
    writer = Producer({"bootstrap.servers": room.bootstrap, "transactional.id": room.prefix})
    writer.init_transactions(20)
    with room.worker():
        for sent, commit in ((2, True), (3, False), (2, True)):
            writer.begin_transaction()
            room.send(room.admissions(sent), writer)
            writer.commit_transaction(20) if commit else writer.abort_transaction(20)
        room.wait_until(lambda: room.inbox() == 4)
    with room.worker():
        room.send(room.admissions(1))
        room.wait_until(lambda: room.inbox() == 5)
    # 2 records, marker, 3 aborted, marker, 2 records, marker, 1 record.
    assert (room.position(), room.stopped(), room.duplicates()) == (11, {}, 0)


def test_a_position_moved_by_somebody_else_is_read_anew_once_then_the_worker_stops(room: StreamRoom) -> None:
    def move_to(offset: int) -> None:
        with psycopg.connect(room.database_url) as connection:
            connection.execute(
                "UPDATE positions SET next = %s WHERE topic = %s", (offset, room.topic("enrolment"))
            )

    with room.worker() as running:
        room.send(room.admissions(5))
        room.wait_until(lambda: room.position() == 5)
        move_to(3)
        room.send(room.admissions(1))
        room.wait_until(lambda: room.position() == 6)
        assert (room.inbox(), room.duplicates()) == (6, 2)
        move_to(3)
        room.send(room.admissions(1))
        assert running.ended.wait(20)
        assert isinstance(running.failure, StopWorker)
    assert room.position() == 3


def test_a_flow_that_the_operator_stops_waits_and_goes_on_where_it_was(room: StreamRoom) -> None:
    with room.worker() as running:
        room.send(room.admissions(2))
        room.wait_until(lambda: room.position() == 2)
        ledger: Ledger = running.worker.ledger
        ledger.stop_flow("enrolment", "the operator looks into something")
        feeds = running.worker.intake._assignment.feeds
        room.wait_until(lambda: all(feed.flow != "enrolment" for feed in list(feeds.values())))
        room.send(room.admissions(2))
        room.send(room.forms(1))
        room.wait_until(lambda: room.inbox("conversation-form") == 1)
        assert room.inbox() == 2
        ledger.resume_flow("enrolment")
        room.wait_until(lambda: room.inbox() == 4)
    assert (room.position(), room.duplicates()) == (4, 0)


def test_kafkas_own_offsets_follow_the_ledger_for_lag_tools(room: StreamRoom) -> None:
    with room.worker() as running:
        room.send(room.admissions(3))
        room.wait_until(lambda: room.position() == 3)
        consumer = running.worker.intake._consumer
        here = [TopicPartition(room.topic("enrolment"), 0)]
        room.wait_until(lambda: consumer.committed(here, 10)[0].offset == 3)


def recreate(room: StreamRoom, flow: str) -> None:
    """Delete the flow's topic and make it anew, as somebody might by hand."""
    topic = room.topic(flow)
    room.admin.delete_topics([topic])[topic].result(20)
    room.wait_until(lambda: topic not in room.admin.list_topics(timeout=10).topics)
    room.make_topics()
