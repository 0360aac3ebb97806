"""Reading JSON that a stranger sent: every fault becomes one problem, and none repeats what was sent."""

from typing import Any, Final, NoReturn

import orjson

from schemas.problems import ErrorClass, InvalidMessage, Problem

NESTING_LIMIT: Final = 32
"""Objects and lists within each other; no contract needs more than five."""
_NESTS: Final = frozenset({dict, list})
_OTHER_ENCODINGS: Final = (b"\xff\xfe", b"\xfe\xff")


def read_json(body: bytes, field: str) -> Any:
    """The JSON value in a body that is called `field` in problems. Raises InvalidMessage NOT_DECODABLE."""
    if not body or body.isspace():
        _refuse(field, "is empty", "send a JSON object")
    if body.startswith(b"\xef\xbb\xbf"):
        _refuse(field, "begins with a byte order mark", "send UTF-8 without one")
    if body.startswith(_OTHER_ENCODINGS) or b"\x00" in body[:4]:
        _refuse(field, "is not UTF-8", "send UTF-8, not UTF-16 or UTF-32")
    position: tuple[int, int] | None = None
    value: Any = None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        position = (error.lineno, error.colno)
    # Outside the handler: the decoder's error holds the whole document and must not travel on as a cause.
    if position is not None:
        _refuse_undecodable(body, field, *position)
    if body.count(b"{") + body.count(b"[") > NESTING_LIMIT and _depth_exceeds(value, NESTING_LIMIT):
        _refuse(field, f"is nested more than {NESTING_LIMIT} deep", "send the fields of the contract only")
    return value


def _refuse_undecodable(body: bytes, field: str, line: int, column: int) -> NoReturn:
    if not _is_utf8(body):
        _refuse(field, "is not UTF-8", "send UTF-8, not Latin-1 or Windows-1252")
    _refuse(
        field,
        f"is not JSON (line {line}, column {column})",
        "send one JSON value; text may not hold half of a surrogate pair",
    )


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value] if type(value) in _NESTS else []
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in _NESTS
        ]
    return bool(level)


def _refuse(field: str, problem: str, mend: str) -> NoReturn:
    raise InvalidMessage(ErrorClass.NOT_DECODABLE, (Problem(field, problem, mend),))
