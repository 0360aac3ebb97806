"""What a value looks like, in words that give nothing of the value away: "7 characters, digits"."""

import re
from collections.abc import Mapping

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,49}")
_KINDS = {
    "letters": re.compile(r"[^\W\d_]+"),
    "digits": re.compile(r"\d+"),
    "letters and digits": re.compile(r"[^\W_]+"),
    "spaces": re.compile(r"\s+"),
}


def shape_of(value: object) -> str:
    """The shape of a value that a stranger sent: its kind, its length, its sort of characters."""
    if isinstance(value, str):
        kind = next((name for name, form in _KINDS.items() if form.fullmatch(value)), "mixed characters")
        return f"{len(value)} characters, {kind}" if value else "an empty text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "an object" if isinstance(value, Mapping) else "a list"


def field_name(name: str) -> str:
    """A field's name as it may be shown: itself, or its shape where it could hide a value."""
    if _FIELD_NAME.fullmatch(name) and sum(map(str.isdigit, name)) < 6:
        return name
    return f"(a name of {shape_of(name)})"
