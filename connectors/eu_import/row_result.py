"""What became of a row of the list, as it may be told: never a personal number or a name."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from schemas.identifiers import PartyAddress
from schemas.message import Record
from schemas.problems import Problem

_PLAIN: Final = re.compile(r"[^\W_][\w ./:-]{0,99}")
_LIKE_A_NUMBER: Final = re.compile(r"[0-9]{6}[- ]?[0-9]{4}")


class Outcome(StrEnum):
    WOULD_SEND = "would send"
    SENT = "sent"
    ALREADY_THERE = "already there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RowResult:
    """`messages` is how many were sent, `update` that the list said something else of the case before.

    `case` is the case's reference, empty where it could be somebody's number or name.
    """

    line: int
    outcome: Outcome
    case: str = ""
    handled_by: PartyAddress | None = None
    messages: int = 0
    update: bool = False
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    note: str = ""


def shown_reference(reference: Any, citizen: Record) -> str:
    """The case's reference, unless it holds what is personal or what a spreadsheet would run."""
    if not isinstance(reference, str) or not _PLAIN.fullmatch(reference) or _LIKE_A_NUMBER.search(reference):
        return ""
    foreign = citizen.get("foreign_id") or {}
    personal = (citizen.get("family_name"), citizen.get("forename"), foreign.get("number"))
    folded = reference.casefold()
    return "" if any(text and text.casefold() in folded for text in personal) else reference
