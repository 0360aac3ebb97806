"""Messages in a file, one structured CloudEvent a line: checked, and each (`source`, `id`) once."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from schemas.cloudevent import content_digest, from_structured, to_structured
from schemas.code_lists import CodeLists
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.facts import Fact, fact_of
from streams.rules.model import MessageRef

ANY_TIME: Final = datetime(2999, 1, 1, tzinfo=UTC)
"""A file may be of any time: what lies after `--as-of` is not seen, and never refused as in the future."""


@dataclass(slots=True)
class MessageFile:
    """What a file holds. `faults` tell line, field and mend; with any, the rest must not be used."""

    facts: dict[MessageRef, Fact] = field(default_factory=dict)
    warnings: dict[MessageRef, tuple[str, ...]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read_messages(path: Path, key: PseudonymKey, lists: CodeLists) -> MessageFile:
    """Read and check every line; blank ones are passed over.

    Of two contents under one (`source`, `id`) the one with the smaller (time, canonical JSON) stays, and the
    message is warned about as `ID_REUSED`.
    """
    read = MessageFile()
    places = array("q")
    repeats: dict[MessageRef, list[int]] = {}
    with path.open("rb") as opened:
        # What comes through a pipe cannot be read a second time, and a repeated id has to be.
        file = opened if opened.seekable() else BytesIO(opened.read())
        for number, offset, line in _lines(file):
            try:
                message = from_structured(line, key, lists, ANY_TIME)
            except InvalidMessage as invalid:
                read.faults += [f"line {number}: {problem}" for problem in invalid.problems]
                continue
            if read.faults:
                continue
            ref = MessageRef(message.envelope.source, message.envelope.id)
            if ref in read.facts:
                repeats.setdefault(ref, []).append(offset)
            else:
                places.append(offset)
                _keep(read, ref, message)
        if repeats and not read.faults:
            first = [(ref, place) for ref, place in zip(read.facts, places, strict=True) if ref in repeats]
            for ref, place in first:
                again = (_line_at(file, offset) for offset in (place, *repeats[ref]))
                _choose(read, ref, (from_structured(line, key, lists, ANY_TIME) for line in again))
    return read


def _line_at(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.readline()


def _choose(read: MessageFile, ref: MessageRef, messages: Iterable[Message]) -> None:
    """Of a reference that comes more than once keep the content that counts."""
    contents = {content_digest(message): message for message in messages}
    if len(contents) > 1:
        chosen = min(contents.values(), key=rank)
        _keep(read, ref, chosen)
        read.warnings[ref] = (*chosen.warnings, "ID_REUSED")


def _lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and content of each line that is not blank."""
    offset = 0
    for number, line in enumerate(file, 1):
        if not line.isspace():
            yield number, offset, line
        offset += len(line)


def _keep(read: MessageFile, ref: MessageRef, message: Message) -> None:
    read.facts[ref] = fact_of(message)
    if message.warnings:
        read.warnings[ref] = message.warnings


def rank(message: Message) -> tuple[datetime, bytes]:
    """Of two contents under one (`source`, `id`) the smaller counts."""
    event = to_structured({"type": message.envelope.flow}, message.data)
    return message.envelope.time, orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
