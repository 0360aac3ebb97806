"""A file of messages in any order, read once: its facts by partition, so that a case is in one of them.

Merged citizens must meet, so corrections are looked for first; they are few and stay in memory.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import orjson

from connectors.cli.message_file import ANY_TIME
from connectors.whatif.flat_facts import flat
from connectors.whatif.judging import Judging
from connectors.whatif.lines import PlacedLine, Stretch, lines_in
from connectors.whatif.spill import Block, Spill
from schemas.cloudevent import from_structured
from schemas.code_lists import CodeLists
from schemas.flows import FLOWS
from schemas.identifiers import CaseKey
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.facts import fact_of
from streams.rules.corrections import root
from streams.rules.facts import CorrectionFact, Fact

FAULTS_KEPT: Final = 20
_CORRECTION: Final = FLOWS["correction"].type


@dataclass(slots=True)
class FileDesk:
    """What every process that reads one file works with. `into` is set before the processes begin."""

    path: Path
    partitions: int
    key: PseudonymKey
    judging: Judging
    spill: Spill
    into: Mapping[CaseKey, CaseKey]

    @property
    def lists(self) -> CodeLists:
        return self.judging.lists

    def partition_of(self, name: str) -> int:
        return crc32(name.encode()) % self.partitions

    def fact_at(self, line: PlacedLine) -> Fact:
        """Raises InvalidMessage."""
        return fact_of(from_structured(line.content, self.key, self.lists, ANY_TIME))


class Fault(NamedTuple):
    """A line that is no valid message; `told` are field, problem and mend of each fault."""

    offset: int
    told: tuple[str, ...]


@dataclass(slots=True)
class Part:
    """What one stretch of the file came to. Blocks by partition: facts of cases, names of messages."""

    messages: int = 0
    facts: dict[int, Block] = field(default_factory=dict)
    names: dict[int, Block] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    more_faults: int = 0


def corrections_in(path: Path, size: int, key: PseudonymKey, lists: CodeLists) -> dict[int, CorrectionFact]:
    """The valid corrections of a file by their place; what is wrong with others is told when all is read."""
    found: dict[int, CorrectionFact] = {}
    for line in _may_correct(path, size):
        try:
            fact = fact_of(from_structured(line.content, key, lists, ANY_TIME))
        except InvalidMessage:
            continue
        if isinstance(fact, CorrectionFact):
            found[line.offset] = fact
    return found


def _may_correct(path: Path, size: int) -> Iterator[PlacedLine]:
    for line in lines_in(path, Stretch(0, size)):
        # JSON may write any letter as an escape.
        if b".correction." in line.content or b"\\u" in line.content:
            try:
                event = orjson.loads(line.content)
            except orjson.JSONDecodeError:
                continue
            if isinstance(event, dict) and event.get("type") == _CORRECTION:
                yield line


def read_stretch(desk: FileDesk, stretch: Stretch) -> Part:
    """Check every message of the stretch and put its fact with those of its case."""
    part = Part()
    facts: defaultdict[int, list[tuple[object, ...]]] = defaultdict(list)
    names: defaultdict[int, list[tuple[bytes, int]]] = defaultdict(list)
    for line in lines_in(desk.path, stretch):
        try:
            fact = desk.fact_at(line)
        except InvalidMessage as invalid:
            if len(part.faults) < FAULTS_KEPT:
                part.faults.append(Fault(line.offset, tuple(map(str, invalid.problems))))
            else:
                part.more_faults += 1
            continue
        part.messages += 1
        name = blake2b(f"{fact.source} {fact.id}".encode(), digest_size=16).digest()
        names[name[0] % desk.partitions].append((name, line.offset))
        if fact.case_key is not None and not isinstance(fact, CorrectionFact):
            partition = desk.partition_of(root(desk.into, fact.case_key))
            facts[partition].append((line.offset, *flat(fact)))
    if not part.faults:
        part.facts = {partition: desk.spill.put(rows) for partition, rows in facts.items()}
        part.names = {partition: desk.spill.put(rows) for partition, rows in names.items()}
    return part
