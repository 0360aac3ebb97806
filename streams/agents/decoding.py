"""From Kafka records to checked messages of known senders: each input by itself, a sender's fault is a result
and no exception."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.cloudevent import from_kafka
from schemas.code_lists import CodeLists
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.batch import Batch
from streams.proving import Prover


@dataclass(frozen=True, slots=True)
class Decoder:
    """What decoding needs besides the record."""

    key: PseudonymKey
    lists: CodeLists
    prover: Prover

    def decode(self, batch: Batch, now: datetime) -> Sequence[Message | InvalidMessage]:
        """One result an input, in their order. Raises RegistryUnknown; all else is our own fault."""
        results: list[Message | InvalidMessage] = []
        for record in batch.inputs:
            sender = None
            try:
                sender = self.prover.prove(batch.topic, batch.flow, record, now)
                results.append(
                    from_kafka(batch.flow, record.headers, record.value, self.key, self.lists, now)
                )
            except InvalidMessage as invalid:
                invalid.sender = invalid.sender or sender
                results.append(invalid)
        return results
