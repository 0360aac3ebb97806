"""The rows of a flow's CSV file as messages, checked as the gateway would check them, in constant memory."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

import orjson

from connectors.csv_files.columns import flow_table
from connectors.csv_files.problems import UnreadableCsv
from connectors.csv_files.rows import CsvRows, Row
from connectors.message_identity import identified
from schemas.cloudevent import from_structured
from schemas.code_lists import CodeLists
from schemas.envelope import SPECVERSION
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress
from schemas.message import Message
from schemas.problems import InvalidMessage, Problem
from schemas.pseudonym import PseudonymKey

_ANY_ID: Final = "00000000-0000-4000-8000-000000000000"
_AFTER_A_FLOW: Final = re.compile(r"[-_. ].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RowMessage:
    """A row as the message that it makes, or with all that is wrong, each problem told by its column."""

    line: int
    message: Message | None
    problems: tuple[Problem, ...] = ()


def flow_of_name(name: str) -> Flow:
    """The flow that a file's name begins with: `enrolment-2026-11-21.csv`. Raises UnreadableCsv."""
    written = name.casefold().replace("_", "-")
    for flow in FLOWS:
        if written.startswith(flow) and _AFTER_A_FLOW.fullmatch(written.removeprefix(flow)):
            return flow
    raise UnreadableCsv(
        f"the file's name does not begin with its flow; begin it with one of {', '.join(FLOWS)}, "
        "such as enrolment-2026-11-21.csv"
    )


class CsvMessages:
    """Messages of one sender. A row without `message_id` gets the id of its content under the key.

    Raises UnreadableCsv at once where the first line is not what it should be.
    """

    def __init__(
        self,
        file: BinaryIO,
        flow: Flow,
        sender: PartyAddress,
        key: PseudonymKey,
        lists: CodeLists,
        clock: Callable[[], datetime],
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._rows = CsvRows(file, flow_table(flow), advance)
        self._envelope = {"specversion": SPECVERSION, "source": sender, "type": FLOWS[flow].type}
        self._key, self._lists, self._clock = key, lists, clock

    def __iter__(self) -> Iterator[RowMessage]:
        """Raises UnreadableCsv where the file turns out to be no text."""
        return map(self._read, self._rows)

    def _read(self, row: Row) -> RowMessage:
        if any(problem.field == "row" for problem in row.problems):
            return RowMessage(row.line, None, row.problems)
        data = dict(row.record)
        said = {"id": _ANY_ID, **data.pop("envelope", {})}
        event = orjson.dumps({**self._envelope, **said, "data": data})
        try:
            message = from_structured(event, self._key, self._lists, self._clock())
        except InvalidMessage as invalid:
            told = [self._rows.told(problem) for problem in invalid.problems]
            problems = (*row.problems, *self._rows.not_told(row.problems, told))
            return RowMessage(row.line, None, problems)
        if row.problems:
            return RowMessage(row.line, None, row.problems)
        return RowMessage(row.line, message if said["id"] != _ANY_ID else identified(message, self._key))
