"""The lines of a dropped file: what each would send in its party's name, or what is wrong with it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, NamedTuple

from connectors.cli.message_lines import Line, lines_of
from connectors.csv_files.messages import CsvMessages, flow_of_name
from connectors.csv_files.problems import UnreadableCsv
from connectors.csv_files.text_lines import other_format
from connectors.message_identity import line_of
from schemas.cloudevent import EVENT_LIMIT
from schemas.code_lists import CodeLists
from schemas.identifiers import PartyAddress
from schemas.json_body import read_json
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey

_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BEGINNING: Final = 8
_SAVE: Final = "send one CloudEvent a line, in UTF-8"


class ReadLine(NamedTuple):
    """A line of the file, 0 for the file as a whole. Without `problems`, `content` is to be sent."""

    number: int
    id: str
    content: bytes
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReading:
    """Reads files by the ending of their names. Never raises for what stands in them."""

    key: PseudonymKey
    lists: CodeLists
    clock: Callable[[], datetime]

    def lines(self, file: BinaryIO, name: str, party: PartyAddress) -> Iterator[ReadLine]:
        """Every line that is not blank; a file that is not what its name says ends with line 0."""
        if name.casefold().endswith(".csv"):
            return self._csv(file, name, party)
        return _jsonl(file, party)

    def _csv(self, file: BinaryIO, name: str, party: PartyAddress) -> Iterator[ReadLine]:
        try:
            flow = flow_of_name(name)
            for row in CsvMessages(file, flow, party, self.key, self.lists, self.clock):
                if row.message is None:
                    yield ReadLine(row.line, "", b"", row.problems)
                else:
                    content = line_of(row.message, row.line).content
                    yield ReadLine(row.line, row.message.envelope.id, content)
        except UnreadableCsv as unreadable:
            problem, _, mend = str(unreadable).partition("; ")
            yield whole_file(problem, mend)


def whole_file(problem: str, mend: str) -> ReadLine:
    """What is wrong with the file as a whole."""
    return ReadLine(0, "", b"", (Problem("file", problem, mend),))


def source_problem(event: object, party: PartyAddress) -> Problem | None:
    """A folder speaks for its own party only."""
    if not isinstance(event, dict):
        return Problem("body", "is not an object", "send one CloudEvent as a JSON object")
    if event.get("source") != party:
        fault = "is not the party of this folder" if "source" in event else "is missing"
        return Problem("source", fault, f"send {party}; a folder takes messages of its own party only")
    return None


def _jsonl(file: BinaryIO, party: PartyAddress) -> Iterator[ReadLine]:
    what = other_format(file.read(_BEGINNING))
    file.seek(0)
    if what:
        yield whole_file(f"the file {what}", _SAVE)
        return
    none = True
    for line in lines_of(file):
        none = False
        yield _event(line, party)
    if none:
        yield whole_file("the file is empty", _SAVE)


def _event(line: Line, party: PartyAddress) -> ReadLine:
    if len(line.content) > EVENT_LIMIT:
        problem = Problem("body", f"has more than {EVENT_LIMIT} bytes", "shorten its texts")
        return ReadLine(line.number, "", b"", (problem,))
    try:
        event = read_json(line.content, "body")
    except InvalidMessage as invalid:
        return ReadLine(line.number, "", b"", invalid.problems)
    message_id = event.get("id") if isinstance(event, dict) else None
    shown = message_id if isinstance(message_id, str) and _UUID.fullmatch(message_id) else ""
    if problem_of_source := source_problem(event, party):
        return ReadLine(line.number, shown, b"", (problem_of_source,))
    return ReadLine(line.number, shown, line.content)
