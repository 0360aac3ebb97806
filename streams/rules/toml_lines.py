"""Where a field stands in a TOML text: the parser does not tell, and a lawyer looks for the line."""

import re
from collections.abc import Sequence

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_FIELD = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")


def line_of(text: str, path: Sequence[str]) -> int:
    """The line, from 1, of a field such as ("rules", "eu-final", "kind"); where it is missing, of its table.

    A field of an inline table is on the line of that table; what stands nowhere is on the first line.
    """
    places: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            places.setdefault(table, number)
        elif field := _FIELD.match(line):
            places.setdefault((*table, field[1].strip("\"'")), number)
    wanted = tuple(path)
    while wanted and wanted not in places:
        wanted = wanted[:-1]
    return places.get(wanted, 1)
