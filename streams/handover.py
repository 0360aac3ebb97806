"""Batches on their way from the consumer to the agents: bounded, and withdrawn when a partition goes.

The consumer's thread offers, agents begin and end. At most `IN_CHANNEL` batches of a flow are in its
channel or in its agent's hand, so a put never blocks; what was read beyond that waits here, up to a number of
bytes, and then intake pauses the flow's partitions until the crowd is gone.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future

from schemas.identifiers import Flow
from streams.batch import Batch

IN_CHANNEL = 2
CROWDED_BYTES = 2 * 1024 * 1024
"""A flow with more than this waiting outside its channel is read no further. Pausing at the first waiting
batch would be simpler, and slow: a resumed partition comes back only with the consumer's next fetch, and what
was fetched ahead is thrown away (3,000 messages in batches of 20: 25 s instead of 2 s)."""
ROOMY_BYTES = CROWDED_BYTES // 4
_OVERHEAD = 256
"""Bytes an input about costs besides its value: headers, key, objects."""

Place = tuple[str, int]
"""Topic and partition."""


Deliver = Callable[[Batch], "Future[object]"]
"""Put a batch into its flow's channel, in the order of the calls, without blocking the calling thread."""


def place_of(batch: Batch) -> Place:
    return batch.topic, batch.partition


class Handover:
    """Thread-safe: the consumer's thread and the event loop meet here and nowhere else."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._changed = threading.Condition()
        self._epochs: dict[Place, int] = {}
        self._waiting: dict[Flow, deque[Batch]] = {}
        self._waiting_bytes: dict[Flow, int] = {}
        self._in_channel: dict[Flow, int] = {}
        self._in_hand: dict[Place, Batch] = {}
        self._sends: set[Future[object]] = set()
        self._stored: dict[Place, int] = {}
        self._halted: set[Flow] = set()

    # The consumer's thread

    def open(self, place: Place, flow: Flow, epoch: int) -> None:
        """From now on batches of this partition are worth processing if they bear this epoch.

        A halted flow goes on: its partitions are read anew from their stored positions.
        """
        with self._changed:
            self._halted.discard(flow)
            self._epochs[place] = epoch

    def offer(self, batch: Batch) -> None:
        """Hand over a batch, or keep it in order until its flow has room."""
        with self._changed:
            self._waiting.setdefault(batch.flow, deque()).append(batch)
            self._waiting_bytes[batch.flow] = self._waiting_bytes.get(batch.flow, 0) + _size(batch)
            self._fill(batch.flow)

    def halted(self) -> frozenset[Flow]:
        """Flows of which nothing begins until their partitions are opened anew."""
        with self._changed:
            return frozenset(self._halted)

    def withdraw(self, places: Collection[Place], wait: float) -> bool:
        """Discard what is queued of these partitions; wait up to `wait` seconds for batches in hand to end.

        Return whether none is in hand any more.
        """
        with self._changed:
            for place in places:
                self._epochs.pop(place, None)
            for flow, batches in self._waiting.items():
                self._waiting[flow] = deque(batch for batch in batches if self._current(batch))
                self._waiting_bytes[flow] = sum(map(_size, self._waiting[flow]))
            return self._changed.wait_for(lambda: not any(p in self._in_hand for p in places), timeout=wait)

    def crowded(self, flow: Flow) -> bool:
        """Whether so much waits outside the flow's channel that its partitions should pause."""
        with self._changed:
            return self._waiting_bytes.get(flow, 0) > CROWDED_BYTES

    def roomy(self, flow: Flow) -> bool:
        """Whether the agent would soon have nothing to do: the time to read on."""
        with self._changed:
            return self._waiting_bytes.get(flow, 0) <= ROOMY_BYTES

    def take_stored(self) -> dict[Place, int]:
        """Next offsets that the ledger stored since the last call, for Kafka's lag tools."""
        with self._changed:
            stored, self._stored = self._stored, {}
            return stored

    def cancel_sends(self) -> None:
        with self._changed:
            sends = tuple(self._sends)
        for send in sends:
            send.cancel()

    # Agents

    def begin(self, batch: Batch) -> bool:
        """Take a batch in hand, also again before a retry; False: its partition was withdrawn, drop it."""
        with self._changed:
            if not self._current(batch):
                return False
            self._in_hand[place_of(batch)] = batch
            return True

    def end(self, batch: Batch, *, stored: bool) -> None:
        """The agent is done with a batch that came out of its channel; `stored`: the ledger has it."""
        with self._changed:
            if self._in_hand.get(place_of(batch)) is batch:
                del self._in_hand[place_of(batch)]
            if stored:
                self._stored[place_of(batch)] = batch.next
            self._in_channel[batch.flow] -= 1
            self._fill(batch.flow)
            self._changed.notify_all()

    def halt(self, flow: Flow) -> None:
        """No further batch of this flow may begin: the one before it was not consumed."""
        with self._changed:
            self._halted.add(flow)
            self._waiting.pop(flow, None)
            self._waiting_bytes.pop(flow, None)

    def _current(self, batch: Batch) -> bool:
        return batch.flow not in self._halted and self._epochs.get(place_of(batch)) == batch.epoch

    def _fill(self, flow: Flow) -> None:
        waiting = self._waiting.get(flow)
        while waiting and self._in_channel.get(flow, 0) < IN_CHANNEL:
            batch = waiting.popleft()
            self._waiting_bytes[flow] -= _size(batch)
            self._in_channel[flow] = self._in_channel.get(flow, 0) + 1
            send = self._deliver(batch)
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)


def _size(batch: Batch) -> int:
    return sum(len(record.value or b"") + _OVERHEAD for record in batch.inputs)
