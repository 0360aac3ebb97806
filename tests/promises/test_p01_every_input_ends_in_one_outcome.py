"""P1: every input ends in exactly one recorded outcome."""

import re
from collections import Counter

from confluent_kafka import Consumer

from schemas.flows import FLOWS
from streams.ledger.engine import engine_for
from streams.ledger.queries import outcome_of
from tests.integration.api_server import watermarks
from tests.promises.finished_run import PARTITIONS, FinishedRun, outcomes


def test_as_many_outcomes_are_recorded_as_inputs_came_in(run: FinishedRun) -> None:
    assert len(run.flows) == len(FLOWS), "the run should be of every flow"
    assert outcomes(run.room) == len(run.sent) + run.unreadable
    assert dict(run.room.rows("SELECT topic, sum(next) FROM positions GROUP BY topic")) == on_topics(run)
    assert run.room.rows("SELECT count(*) FROM quarantine") == [(run.unreadable,)]
    distinct = {(event["source"], event["id"]) for event in run.sent}
    assert set(run.room.rows("SELECT source, id FROM inbox")) == distinct
    assert run.room.duplicates() == len(run.sent) - len(distinct)


def test_each_flow_counts_what_came_in(run: FinishedRun) -> None:
    counted: Counter[str] = Counter()
    pattern = r'overgang_inputs_total\{flow="([a-z-]+)",outcome="[a-z]+"\} ([0-9.e+]+)'
    for flow, count in re.findall(pattern, run.numbers["worker"]):
        counted[run.room.topic(flow)] += int(float(count))
    assert counted == on_topics(run)


def test_every_message_has_one_answer_to_what_became_of_it(run: FinishedRun) -> None:
    times = Counter((event["source"], event["id"]) for event in run.sent)
    with engine_for(run.room.database_url).connect() as connection:
        for (source, id_), count in times.items():
            found = outcome_of(connection, source, id_)
            assert found is not None
            assert (found.outcome, found.duplicates) == ("ACCEPTED", count - 1)
        for event in run.refused:
            assert outcome_of(connection, event["source"], event["id"]) is None


def on_topics(run: FinishedRun) -> dict[str, int]:
    """Records on each inbound topic that has any."""
    consumer = Consumer({"bootstrap.servers": run.room.bootstrap, "group.id": "counting"})
    try:
        found = {
            run.room.topic(flow): sum(
                watermarks(consumer, run.room.topic(flow), partition)[1] for partition in range(PARTITIONS)
            )
            for flow in FLOWS
        }
    finally:
        consumer.close()
    return {topic: count for topic, count in found.items() if count}
