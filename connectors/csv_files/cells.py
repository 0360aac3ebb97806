"""One cell of a CSV file to a typed value, by the kind that its column's table names.

What a flow's contract says about a value is not said again here: this only reads what people and spreadsheets
write. No fault repeats what stands in the cell.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from connectors.csv_files.text_lines import UNREADABLE
from connectors.message_identity import midnight

_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})([-./])([0-9]{1,2})\2([0-9]{4})")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_MEND: Final = "write day-month-year such as 01-09-2025, or 2025-09-01; the day always comes first"
_LOST_ZERO: Final = re.compile(r"[0-9]{5}[- ]?[0-9]{4}")
_ROUNDED: Final = re.compile(r"[0-9][.,][0-9]+[eE]\+?[0-9]+")
_YES: Final = frozenset({"ja", "true", "sand", "yes", "1"})
_NO: Final = frozenset({"nej", "false", "falsk", "no", "0"})
_SEVERAL: Final = re.compile(r"[,|\n]")
_MONTH_AND_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2})\s*[: ]\s*(\S+)")
_MONTHS_MEND: Final = "write each month with the date, such as 2025-10: 03-11-2025, and a comma between two"


class CellFault(ValueError):
    """A cell cannot be read; `problem` and `mend` are words for whoever wrote it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}; {mend}")
        self.problem = problem
        self.mend = mend


def read_cell(kind: str, text: str, choices: Mapping[str, str]) -> Any:
    """The value of a cell that is not blank, its ends trimmed. Raises CellFault.

    `choices`, of the kinds `choice` and `choices`, are the values by what may be written for them, in lower
    case.
    """
    if UNREADABLE in text:
        raise CellFault("has a character that cannot be read", "save the file as CSV UTF-8")
    if kind == "choice":
        # An unknown one goes on as it is: the contract names the known values.
        return choices.get(" ".join(text.lower().split()), text)
    if kind == "choices":
        return [choices.get(" ".join(part.lower().split()), part) for part in _several(text)]
    return KINDS[kind](text)


def _text(text: str) -> str:
    return text


def _cpr(text: str) -> str:
    if _LOST_ZERO.fullmatch(text):
        raise CellFault(
            "has nine digits: a spreadsheet took the zero in front",
            "format the column as text, write all ten digits and save it again",
        )
    if _ROUNDED.fullmatch(text):
        raise CellFault(
            "was rounded by a spreadsheet", "format the column as text before the numbers are put in"
        )
    return text


def _date(text: str) -> date:
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
        if found := _DAY_FIRST.fullmatch(text):
            return date(int(found[4]), int(found[3]), int(found[1]))
    except ValueError:
        raise CellFault("is not a date of the calendar", _DATE_MEND) from None
    raise CellFault("is not a date", _DATE_MEND)


def _time(text: str) -> str:
    """A day is its first instant in Denmark; a time goes on as it is, for the envelope to judge."""
    if _ISO.fullmatch(text) or _DAY_FIRST.fullmatch(text):
        return midnight(_date(text)).isoformat()
    return text


def _yes_no(text: str) -> bool:
    written = text.lower()
    if written in _YES:
        return True
    if written in _NO:
        return False
    raise CellFault("is neither yes nor no", "write ja or nej, or true or false")


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise CellFault("is not a whole number", "write digits only")
    return int(text)


def _several(text: str) -> list[str]:
    return [part.strip() for part in _SEVERAL.split(text) if part.strip()]


def _months(text: str) -> list[tuple[str, date]]:
    """Months, each with a date: of what is done for a month, and when."""
    found = [_MONTH_AND_DATE.fullmatch(part) for part in _several(text)]
    if not all(found):
        raise CellFault("does not name months with their dates", _MONTHS_MEND)
    return [(pair[1], _date(pair[2])) for pair in found if pair]


KINDS: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": _text,
    "cpr": _cpr,
    "date": _date,
    "yes_no": _yes_no,
    "whole_number": _whole_number,
    "several": _several,
    "months": _months,
    "time": _time,
    "choice": _text,
    "choices": _several,
}
"""Every kind that a column may have."""
