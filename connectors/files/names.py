"""Names of files that strangers chose: which are taken, and which may be told in a log."""

import re
from typing import Final

_TAKEN: Final = re.compile(r"[^\W_][\w .+()-]{0,150}\.(?:jsonl|csv)", re.IGNORECASE)
_UNFINISHED: Final = (".part", ".tmp", ".filepart")
_LIKE_A_NUMBER: Final = re.compile(r"[0-9]{6}[- ]?[0-9]{4}")
_BYTES: Final = 200


def is_unfinished(name: str) -> bool:
    """Whether the name says that the file is still being written, or is none of ours."""
    return name.startswith(".") or name.casefold().endswith(_UNFINISHED)


def is_taken(name: str) -> bool:
    """Whether a file of this name is taken: letters, digits and `_ .+()-`, ending in .jsonl or .csv."""
    return bool(_TAKEN.fullmatch(name)) and len(name.encode(errors="replace")) <= _BYTES


def shown(name: str) -> str:
    """The name as a log may tell it: without what could be a personal number or would break the line."""
    if not is_taken(name) or _LIKE_A_NUMBER.search(name):
        return "(a name that is not repeated)"
    return name
