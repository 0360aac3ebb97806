"""Who may do what in the database, read and checked from `database_roles.toml`."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from schemas.problems import OvergangError

PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_WORD: Final = re.compile(r"(select|insert|update|delete)(?:\(([a-z_]+(?:, [a-z_]+)*)\))?(?: |$)")


class RolesRefused(OvergangError):
    """The file of database roles is malformed; the text names the place."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What a database user may do with a table, one of its columns, a sequence, or a schema."""

    user: str
    on: Literal["schema", "table", "sequence"]
    name: str
    """With its schema, but for a schema: `public.tasks`."""
    privilege: str
    column: str = ""
    """Empty: every column."""


@dataclass(frozen=True, slots=True)
class DatabaseRoles:
    """The file. `users`: the database's user of each part; `tables`: what each part may do with each."""

    users: Mapping[str, str]
    tables: Mapping[str, Mapping[str, str]]
    sequences_read_by: tuple[str, ...]

    def rights(self) -> frozenset[Right]:
        """All that the users may do, less what concerns sequences: those have no names here."""
        found = set()
        for table, told in self.tables.items():
            for part, words in told.items():
                for privilege, column in _words(table, part, words):
                    found.add(Right(self.users[part], "table", table, privilege, column))
                    schema = table.partition(".")[0]
                    found.add(Right(self.users[part], "schema", schema, "USAGE"))
        return frozenset(found)


@cache
def shipped_roles() -> DatabaseRoles:
    """Raises RolesRefused."""
    text = files("streams").joinpath("database_roles.toml").read_text(encoding="utf-8")
    return read_roles(tomllib.loads(text))


def read_roles(data: Mapping[str, Any]) -> DatabaseRoles:
    """Raises RolesRefused: a table leaves a part out, or a right is none."""
    users = dict(data["users"])
    tables = {
        f"{schema}.{name}": dict(told)
        for schema, there in data["tables"].items()
        for name, told in there.items()
    }
    for table, told in tables.items():
        if told.keys() != users.keys():
            differs = ", ".join(sorted(told.keys() ^ users.keys()))
            raise RolesRefused(f'database_roles.toml: {table}: tell what {differs} may do, "" for nothing')
    roles = DatabaseRoles(users, tables, tuple(data["sequences"]["read_by"]))
    roles.rights()
    return roles


def _words(table: str, part: str, words: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(words):
        found = _WORD.match(words, place)
        if found is None:
            raise RolesRefused(
                f"database_roles.toml: {table}: {part}: {words[place:]!r} is no right; write select, insert, "
                "update, update(column, ...) or delete, with a blank between"
            )
        for column in (found[2] or "").split(", "):
            yield found[1].upper(), column
        place = found.end()
