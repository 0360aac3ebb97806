"""What the gateway is measured against: one consumer loop with its state in a dict, which promises nothing.

It decodes, checks, decides and encodes with the very code that the worker uses, and publishes what follows;
a crash loses its state, a repeat doubles its tasks. Run as a process: bootstrap, prefix, key file, how many.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer, Producer

from schemas.cloudevent import from_kafka
from schemas.code_lists import shipped as shipped_lists
from schemas.flows import FLOWS
from schemas.message import Message
from schemas.outbound import TASK_TYPE, outbound_schema
from schemas.pseudonym import load_or_make_key
from schemas.wire import encode
from streams.facts import fact_of
from streams.forwarding import citizen_as_seen, visible_record
from streams.rules.decide import decide
from streams.rules.facts import Fact
from streams.rules.model import MessageRef, Task
from streams.rules.rule_files import shipped as shipped_rules

WARM = 50
"""Messages before the clock starts: by then the group has its partitions and the code is loaded."""


def run(bootstrap: str, prefix: str, key_file: Path, wanted: int) -> None:
    """Take `wanted` messages from the inbound topics and publish all that follows from them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bare-{uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": True,
        }
    )
    consumer.subscribe([prefix + contract.topic for contract in FLOWS.values()])
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "acks": "all"})
    flow_of = {prefix + contract.topic: flow for flow, contract in FLOWS.items()}
    key, lists, book = load_or_make_key(key_file), shipped_lists(), shipped_rules()
    state = State()
    seen = 0
    while seen < wanted:
        for record in consumer.consume(500, 0.1):
            now = datetime.now(UTC)
            flow = flow_of[record.topic()]
            message = from_kafka(flow, record.headers(), record.value(), key, lists, now)
            case = str(message.case_key)
            facts = state.take(case, message)
            decision = decide(list(facts.values()), book, lists, now)
            for ref, recipient in decision.forwards:
                if (ref, recipient) not in state.sent:
                    state.sent.add((ref, recipient))
                    sent = state.messages[ref]
                    value = encode(
                        FLOWS[sent.envelope.flow].schema_name,
                        visible_record(sent.envelope.flow, sent.data, recipient),
                    )
                    producer.produce(f"{prefix}bare", value=value, key=case)
            for task in decision.tasks:
                if state.tasks.get(task.task_id) != task and task.recipient is not None:
                    state.tasks[task.task_id] = task
                    producer.produce(f"{prefix}bare", value=_encoded(task, message), key=case)
            seen += 1
            if seen == WARM:
                print("warm", flush=True)  # noqa: T201
        producer.poll(0)
    producer.flush()
    print("done", flush=True)  # noqa: T201
    consumer.close()


class State:
    """All that the loop knows, until it ends."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[MessageRef, Fact]] = {}
        self.messages: dict[MessageRef, Message] = {}
        self.sent: set[tuple[MessageRef, str]] = set()
        self.tasks: dict[str, Task] = {}

    def take(self, case: str, message: Message) -> dict[MessageRef, Fact]:
        """The facts of the case, with this message's."""
        ref = MessageRef(message.envelope.source, message.envelope.id)
        self.messages[ref] = message
        facts = self.facts.setdefault(case, {})
        facts[ref] = fact_of(message)
        return facts


def _encoded(task: Task, message: Message) -> bytes:
    assert task.recipient is not None
    fields = {name: getattr(task, name) for name in Task.__slots__}
    fields |= {
        "revision": 1,
        "state": task.state.value,
        "warnings": list(task.warnings),
        "caused_by": list(task.caused_by),
        "citizen": citizen_as_seen(message.data["citizen"], task.recipient),
    }
    del fields["recipient"], fields["subject"]
    return encode(outbound_schema(TASK_TYPE), fields)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
