"""What-if over a file of messages, one structured CloudEvent a line, in any order."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from connectors.cli.progress import progress
from connectors.whatif.flat_facts import facts_of
from connectors.whatif.judging import Judge, Judging, Outcome
from connectors.whatif.lines import line_numbers, stretches
from connectors.whatif.partitioning import FAULTS_KEPT, FileDesk, Part, corrections_in, read_stretch
from connectors.whatif.reused import not_counted
from connectors.whatif.spill import Block, Spill
from connectors.whatif.workers import Workers
from schemas.problems import OvergangError
from schemas.pseudonym import PseudonymKey
from streams.cases import group
from streams.rules.corrections import merged_into
from streams.rules.facts import CorrectionFact

_READ: Final = 500
_WHOLE: Final = 1_000
"""Steps of the progress bar: reading, and all."""


class Pieces(NamedTuple):
    """Bytes of the file that are read in one go, and that one partition has about."""

    stretch: int
    partition: int


PIECES: Final = Pieces(4 << 20, 8 << 20)


class InvalidLines(OvergangError):
    """Lines of the file are no valid messages; the text names line, field and mend."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition's facts, every correction of the file, and the places of messages that do not count."""

    blocks: Sequence[Block]
    corrections: Sequence[CorrectionFact]
    not_counted: frozenset[int]


def outcomes_of_file(
    path: Path, key: PseudonymKey, judging: Judging, pieces: Pieces = PIECES
) -> Iterator[Outcome]:
    """What the file, and then each partition, comes to; a bar on a terminal tells how far the work is.

    Raises:
        InvalidLines: the file holds what is no message; nothing was yielded.
        NoRoom, WorkerLost
    """
    size = path.stat().st_size
    corrections = corrections_in(path, size, key, judging.lists)
    into = merged_into(sorted(corrections.values(), key=lambda fact: fact.order))
    with Spill() as spill:
        desk = FileDesk(path, 1 + size // pieces.partition, key, judging, spill, into)
        # The bar is a thread of its own: it begins after the processes.
        with Workers(desk) as workers, progress("comparing", _WHOLE) as advance:
            todo = stretches(size, pieces.stretch)
            parts: list[Part] = []
            for part in workers.map(read_stretch, todo):
                parts.append(part)
                advance(_READ * len(parts) // len(todo))
            if any(part.faults for part in parts):
                raise InvalidLines(_told(path, parts))
            names = _by_partition(part.names for part in parts)
            lost = frozenset[int]().union(*workers.map(not_counted, names.values()))
            standing = [fact for offset, fact in corrections.items() if offset not in lost]
            facts = _by_partition(part.facts for part in parts)
            yield Outcome(messages=sum(part.messages for part in parts))
            jobs = [Partition(blocks, standing, lost) for _, blocks in sorted(facts.items())]
            for done, outcome in enumerate(workers.map(judge_partition, jobs), 1):
                advance(_READ + (_WHOLE - _READ) * done // len(jobs))
                yield outcome


def judge_partition(desk: FileDesk, partition: Partition) -> Outcome:
    """Group the facts of a partition into cases and judge each under both rule sets."""
    rows = (row for block in partition.blocks for row in desk.spill.get(block))
    facts = facts_of(row[1:] for row in rows if row[0] not in partition.not_counted)
    judge = Judge(desk.judging)
    for case in group([*facts, *partition.corrections]).values():
        # A correction about a case of another partition has no facts here.
        if not all(isinstance(fact, CorrectionFact) for fact in case):
            judge.take(case)
    return judge.outcome()


def _by_partition(parts: Iterator[Mapping[int, Block]]) -> dict[int, list[Block]]:
    found: defaultdict[int, list[Block]] = defaultdict(list)
    for blocks in parts:
        for partition, block in blocks.items():
            found[partition].append(block)
    return found


def _told(path: Path, parts: Sequence[Part]) -> str:
    faults = [fault for part in parts for fault in part.faults]
    numbers = line_numbers(path, [fault.offset for fault in faults[:FAULTS_KEPT]])
    told = [
        f"line {numbers[fault.offset]}: {problem}" for fault in faults[:FAULTS_KEPT] for problem in fault.told
    ]
    more = len(faults) - FAULTS_KEPT + sum(part.more_faults for part in parts)
    return "\novergang: ".join([*told, f"and {more} more lines"] if more > 0 else told)
