"""What intake hands to an agent: consecutive inputs of one partition, and the position they take it to."""

from dataclasses import dataclass
from uuid import UUID

from schemas.identifiers import Flow, MessageId, PartyAddress, parse_party


@dataclass(frozen=True, slots=True)
class Input:
    """One Kafka record as it lay on the topic; nothing in it has been checked.

    `appended_ms` is when the broker took it, in ms of the Unix epoch; None where only its writer says so.
    """

    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None
    appended_ms: int | None = None

    def claimed_source(self) -> PartyAddress | None:
        """The party that it names as its sender; None where that is no party's address."""
        try:
            text = self._header("ce_source")
            parse_party(text)
        except ValueError:
            return None
        return PartyAddress(text)

    def claimed_id(self) -> MessageId | None:
        """The id that it bears; None where that is no UUID."""
        try:
            return MessageId(str(UUID(self._header("ce_id"))))
        except ValueError:
            return None

    def claimed_traceparent(self) -> str | None:
        """The trace that it says it belongs to; None where it says nothing that is text."""
        try:
            return self._header("ce_traceparent") or None
        except ValueError:
            return None

    def _header(self, name: str) -> str:
        return (dict(self.headers).get(name) or b"").decode()


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs of one partition in the order of their offsets, never empty.

    `topic` is the full topic name with its prefix, `topic_id` Kafka's UUID of it (a re-created topic has
    another). `epoch` counts the assignments of this worker: a batch of an older epoch may be dropped, since
    whoever has the partition now reads its inputs again. `after` is the end of the previous batch that intake
    delivered on this partition (at first the stored position), not the first offset: transactions leave gaps.
    `next` is the last offset + 1.
    """

    topic: str
    topic_id: UUID
    flow: Flow
    partition: int
    epoch: int
    after: int
    next: int
    inputs: tuple[Input, ...]
