"""Messages that come more than once under one (`source`, `id`): of several contents one counts."""

from collections import defaultdict
from collections.abc import Sequence

from connectors.cli.message_file import ANY_TIME, rank
from connectors.whatif.lines import lines_at
from connectors.whatif.partitioning import FileDesk
from connectors.whatif.spill import Block
from schemas.cloudevent import content_digest, from_structured
from schemas.message import Message

Offset = int


def not_counted(desk: FileDesk, blocks: Sequence[Block]) -> set[Offset]:
    """Places of the messages that give way to another content under the same name.

    `blocks` hold the names of one partition. The smaller (time, canonical JSON) counts, as for
    `overgang decide`.
    """
    places: defaultdict[bytes, list[Offset]] = defaultdict(list)
    for block in blocks:
        for name, offset in desk.spill.get(block):
            places[name].append(offset)
    return {loser for found in places.values() if len(found) > 1 for loser in _giving_way(desk, found)}


def _giving_way(desk: FileDesk, offsets: Sequence[Offset]) -> set[Offset]:
    lines = list(lines_at(desk.path, offsets))
    if len({line.content for line in lines}) == 1:
        return set()
    contents: defaultdict[bytes, list[Offset]] = defaultdict(list)
    messages: dict[bytes, Message] = {}
    for line in lines:
        message = from_structured(line.content, desk.key, desk.lists, ANY_TIME)
        digest = content_digest(message)
        messages.setdefault(digest, message)
        contents[digest].append(line.offset)
    counts = min(messages, key=lambda digest: rank(messages[digest]))
    return {offset for digest, found in contents.items() if digest != counts for offset in found}
