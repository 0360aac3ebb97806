"""The lines of a file of messages, JSON or CSV, each checked as the gateway would check it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import typer

from connectors.cli.input_file import opened
from connectors.cli.message_lines import Line, message_lines
from connectors.csv_files.messages import CsvMessages, flow_of_name
from connectors.message_identity import line_of
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress
from schemas.message import Message
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey


class CheckedLine(NamedTuple):
    """A line with the message that it holds, or with all that is wrong. `content` is what to send."""

    number: int
    content: bytes
    message: Message | None
    problems: tuple[Problem, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those that the content alone gives."""
        return self.message.warnings if self.message else ()


def named_flow(text: str) -> Flow:
    """A flow as a command's option."""
    for flow in FLOWS:
        if flow == text:
            return flow
    raise typer.BadParameter(f"choose one of {', '.join(FLOWS)}")


def checked_lines(file: Path, flow: Flow | None, sender: PartyAddress | None) -> Iterator[CheckedLine]:
    """Every line that is not blank. `flow` given, or the name ending in `.csv`: a CSV file of the sender."""
    # Pseudonyms are made and thrown away here: any key will do, and none is written.
    key = PseudonymKey(os.urandom(32))
    if not is_csv(file, flow):
        return _events(file, sender, key)
    if sender is None:
        raise typer.BadParameter("name the party that sends the CSV file with --as, /institution/280051")
    return _rows(file, flow or flow_of_name(file.name), sender, key)


def is_csv(file: Path, flow: Flow | None) -> bool:
    """Whether a file is read as CSV."""
    return flow is not None or file.suffix.casefold() == ".csv"


def _events(file: Path, sender: PartyAddress | None, key: PseudonymKey) -> Iterator[CheckedLine]:
    lists = shipped()
    for line in message_lines(file, "checking"):
        try:
            message = from_structured(line.content, key, lists, datetime.now(UTC))
        except InvalidMessage as invalid:
            yield CheckedLine(line.number, line.content, None, invalid.problems)
            continue
        other = sender not in (None, message.envelope.source)
        problem = Problem("source", "is another party", f"send {sender}, as --as says")
        yield CheckedLine(line.number, line.content, message, (problem,) if other else ())


def _rows(file: Path, flow: Flow, sender: PartyAddress, key: PseudonymKey) -> Iterator[CheckedLine]:
    with opened(file, "checking") as (content, advance):
        for row in CsvMessages(content, flow, sender, key, shipped(), lambda: datetime.now(UTC), advance):
            line = line_of(row.message, row.line) if row.message else Line(row.line, b"")
            yield CheckedLine(row.line, line.content, row.message, row.problems)
