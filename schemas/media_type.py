"""Which content types a message's data may bear."""

from typing import Final

from schemas.problems import Problem
from schemas.shape import shape_of

JSON: Final = "application/json"
AVRO: Final = "application/avro"
_CHARSETS: Final = frozenset({"utf-8", "utf8"})


def media_type_problem(field: str, value: object, expected: str) -> Problem | None:
    """What is wrong with a content type; absent is right. Parameters other than `charset` are ignored."""
    if value is None or value == expected:
        return None
    if not isinstance(value, str):
        return Problem(field, f"is not valid ({shape_of(value)})", f"send {expected} or leave it out")
    kind, *parameters = (part.strip().lower() for part in value.split(";"))
    if kind != expected:
        return Problem(field, "is another type of data than is read here", f"send {expected}")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip().strip('"') not in _CHARSETS:
            return Problem(field, "names another character set", "send UTF-8")
    return None
