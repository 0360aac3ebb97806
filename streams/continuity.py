"""Whether reading may go on where the ledger left off; `auto.offset.reset=error` alone does not tell.

A re-created topic reads on silently, a truncated one too, and what retention has deleted unread is gone
without a word. In each of these cases the flow stops, and a person decides.
"""

from collections.abc import Mapping
from uuid import UUID

from schemas.identifiers import Flow
from streams.failures import FlowStopped
from streams.handover import Place
from streams.ledger.positions import StoredPosition
from streams.partition_feed import PartitionFeed
from streams.topic_state import OffsetRange


def starting_offset(
    flow: Flow,
    place: Place,
    stored: StoredPosition | None,
    topic_id: UUID | None,
    held: OffsetRange | None,
) -> int:
    """The offset to read a partition from: the stored position, or 0 where nothing was ever stored.

    `topic_id` and `held` are what the broker says of the topic now; None where it is not there.

    Raises:
        FlowStopped: the topic is gone or another one, or the position is outside what it holds.
    """
    topic, partition = place
    if topic_id is None or held is None:
        raise FlowStopped(flow, f"{topic} [{partition}] is not on the broker")
    if stored is not None and stored.topic_id != topic_id:
        raise FlowStopped(flow, f"{topic} was re-created: it is {topic_id} now, {stored.topic_id} was read")
    position = stored.next if stored else 0
    if position < held.start:
        lost = f"offsets {position} to {held.start - 1} were deleted before they were read"
        raise FlowStopped(flow, f"{topic} [{partition}]: {lost}")
    if position > held.end:
        cut = f"the position {position} is past the end {held.end}, inputs were cut off"
        raise FlowStopped(flow, f"{topic} [{partition}]: {cut}")
    return position


def changed_topics(feeds: Mapping[Place, PartitionFeed], ids: Mapping[str, UUID]) -> dict[Flow, str]:
    """The flows whose topic is no longer the one that is being read, with the reason to stop them."""
    return {
        feed.flow: f"{feed.topic} was deleted or re-created while it was read"
        for feed in feeds.values()
        if ids.get(feed.topic) != feed.topic_id
    }
