"""Who follows a party that was merged, closed or renumbered: read from dated rows with a successor each.

A code that is not listed, or whose rows begin later, has no end: it stands for itself.
"""

from collections.abc import Iterator
from datetime import date
from itertools import chain

from schemas.code_list_files import CodeListFile, CodeTable, fault


def heir(table: CodeTable, code: str, on: date) -> str | None:
    """Who acts for the code on the day: itself until it ends, then its successor; None where it has none."""
    acting: str | None = code
    while acting and (successor := _followed_by(table, acting, on)) is not None:
        acting = successor
    return acting or None


def _followed_by(table: CodeTable, code: str, on: date) -> str | None:
    """The successor in the row that ended last, "" where it names none; None: the code has not ended."""
    begun = [row for row in table.get(code, ()) if row.valid_from <= on]
    return begun[-1].refers_to if begun and not begun[-1].holds(on) else None


def ending(table: CodeTable) -> frozenset[str]:
    """The codes that end on some day: for every other one nobody needs to look for a successor."""
    return frozenset(code for code, rows in table.items() if any(row.valid_to for row in rows))


def turns(table: CodeTable, code: str) -> set[date]:
    """The days from which somebody else may act for the code. A circle of successors is never let in."""
    rows = table.get(code, ())
    days = {row.valid_to + date.resolution for row in rows if row.valid_to}
    days.update(row.valid_from for row in rows[1:])
    return days.union(*(turns(table, successor) for successor in _successors(table, code)))


def line(table: CodeTable, code: str) -> set[str]:
    """The code and all that come after it."""
    found: set[str] = set()
    ahead = [code]
    while ahead:
        code = ahead.pop()
        if code not in found:
            found.add(code)
            ahead += _successors(table, code)
    return found


def check_succession(table: CodeTable, file: CodeListFile) -> None:
    """Raises CodeListError for a row that has a successor and no end, or that leads back to itself."""
    for row in chain.from_iterable(table.values()):
        if row.refers_to and row.valid_to is None:
            raise fault(file.name, row.line, "has a successor and no end; set valid_to")
        if row.refers_to and row.code in line(table, row.refers_to):
            raise fault(file.name, row.line, "is its own successor in the end; break the circle")


def _successors(table: CodeTable, code: str) -> Iterator[str]:
    return (row.refers_to for row in table.get(code, ()) if row.refers_to)
