"""From Kafka records to checked messages: each input by itself, a sender's fault is a result and no
exception."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.cloudevent import from_kafka
from schemas.code_lists import CodeLists
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.batch import Batch


@dataclass(frozen=True, slots=True)
class Decoder:
    """What decoding needs besides the record."""

    key: PseudonymKey
    lists: CodeLists

    def decode(self, batch: Batch, now: datetime) -> Sequence[Message | InvalidMessage]:
        """One result an input, in their order. Whatever else this raises is our own fault."""
        results: list[Message | InvalidMessage] = []
        for record in batch.inputs:
            try:
                results.append(
                    from_kafka(batch.flow, record.headers, record.value, self.key, self.lists, now)
                )
            except InvalidMessage as invalid:
                results.append(invalid)
        return results
