"""A file's lines sent, and answered: one line of the result file for each, in their order."""

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TextIO

from connectors.cli.batch_sender import BATCH_BYTES, BATCH_ITEMS, BatchSender
from connectors.cli.message_lines import Line
from connectors.files.reading import ReadLine
from schemas.problems import Problem

HEADER: Final = ("line", "id", "result", "field", "problem", "mend")
_RUN_BY_SPREADSHEETS: Final = ("=", "+", "-", "@", "\t", "\r")


class Counts(NamedTuple):
    accepted: int
    refused: int


def answer(
    lines: Iterable[ReadLine], sender: BatchSender, result: TextIO, go_on: Callable[[], None]
) -> Counts:
    """Send what can be sent and write every line's result. Raises SendFailed, and what `go_on` raises.

    The result is whole only when this returns. Several problems stand in one cell, ` | ` between two.
    """
    writer = csv.writer(result, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    accepted = refused = 0
    for group in _groups(lines):
        go_on()
        faults = {line.number: line.problems for line in group if line.problems}
        waiting = [Line(line.number, line.content) for line in group if not line.problems]
        for refusal in sender.send(waiting) if waiting else ():
            faults[refusal.line] = tuple(Problem(f["field"], f["problem"], f["mend"]) for f in refusal.faults)
        for line in group:
            writer.writerow(_row(line, faults.get(line.number, ())))
        refused += len(faults)
        accepted += len(group) - len(faults)
    return Counts(accepted, refused)


def _groups(lines: Iterable[ReadLine]) -> Iterator[list[ReadLine]]:
    group: list[ReadLine] = []
    size = 0
    for line in lines:
        if group and (len(group) == BATCH_ITEMS or size + len(line.content) > BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line.content)
    if group:
        yield group


def _row(line: ReadLine, problems: tuple[Problem, ...]) -> tuple[str, ...]:
    told = (
        " | ".join(parts) for parts in zip(*((p.field, p.problem, p.mend) for p in problems), strict=True)
    )
    outcome = "REFUSED" if problems else "ACCEPTED"
    cells = (str(line.number or ""), line.id, outcome, *(told if problems else ("", "", "")))
    return tuple(f"'{cell}" if cell.startswith(_RUN_BY_SPREADSHEETS) else cell for cell in cells)
