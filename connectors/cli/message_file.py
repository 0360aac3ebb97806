"""Messages in a file, one structured CloudEvent a line: checked, and each (`source`, `id`) once."""

from collections.abc import Iterator
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
    reused: dict[MessageRef, list[Message]] = {}
    digests: dict[MessageRef, tuple[bytes, int]] = {}
    with path.open("rb") as opened:
        # What comes through a pipe cannot be read a second time, and a reused id has to be.
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
            digest = content_digest(message)
            if ref not in digests:
                digests[ref] = digest, offset
                _keep(read, ref, message)
            elif digests[ref][0] != digest:
                reused.setdefault(ref, []).append(message)
        if not read.faults:
            for ref, others in reused.items():
                file.seek(digests[ref][1])
                first = from_structured(file.readline(), key, lists, ANY_TIME)
                chosen = min((first, *others), key=rank)
                read.warnings.pop(ref, None)
                _keep(read, ref, chosen)
                read.warnings[ref] = (*chosen.warnings, "ID_REUSED")
    return read


def _lines(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and content of each line that is not blank."""
    offset = 0
    for number, line in enumerate(file, 1):
        if line.strip():
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
