"""The database's users and what they may do: what is there, what differs from the file, and making it so.

Nothing here drops a user. Rights that are not in the file are taken from these users, and from everybody
(PUBLIC), on the ledger's own tables and schemas; other tables and other users are not looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import Connection
from psycopg.errors import DuplicateObject, InsufficientPrivilege, UniqueViolation
from psycopg.sql import SQL, Composed, Identifier, Literal

from schemas.problems import OvergangError
from streams.database_roles import DatabaseRoles, Right

EVERYBODY: Final = "PUBLIC"
_LOCK: Final = 7_301_000
"""That of migrations: nobody gives rights on what is being changed."""
_ACL: Final[LiteralString] = (
    "WITH ours AS (SELECT c.oid, n.nspname || '.' || c.relname AS name, relacl FROM pg_class c"
    "  JOIN pg_namespace n ON n.oid = relnamespace WHERE n.nspname || '.' || c.relname = ANY(%(tables)s)),"
    " numbers AS (SELECT c.oid, n.nspname || '.' || c.relname AS name, relacl FROM pg_class c"
    "  JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'i'"
    "  WHERE relkind = 'S' AND d.refobjid IN (SELECT oid FROM ours)),"
    " found AS ("
    "  SELECT 'schema' AS on, nspname::text AS name, '' AS column, acl.* FROM pg_namespace,"
    "   LATERAL aclexplode(nspacl) acl WHERE nspname = ANY(%(schemas)s)"
    "  UNION ALL SELECT 'table', name, '', acl.* FROM ours, LATERAL aclexplode(relacl) acl"
    "  UNION ALL SELECT 'table', name, attname, acl.* FROM ours JOIN pg_attribute ON attrelid = ours.oid,"
    "   LATERAL aclexplode(attacl) acl"
    "  UNION ALL SELECT 'sequence', name, '', acl.* FROM numbers, LATERAL aclexplode(relacl) acl)"
    " SELECT coalesce(rolname, 'PUBLIC'), found.on, name, privilege_type, found.column FROM found"
    " LEFT JOIN pg_roles ON pg_roles.oid = grantee WHERE grantee = 0 OR rolname = ANY(%(users)s)"
)
_NUMBERS: Final[LiteralString] = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'i' JOIN pg_class t ON t.oid = d.refobjid"
    " JOIN pg_namespace tn ON tn.oid = t.relnamespace"
    " WHERE c.relkind = 'S' AND tn.nspname || '.' || t.relname = ANY(%(tables)s)"
)
_BEYOND: Final[LiteralString] = (
    "SELECT rolname, array_remove(ARRAY[CASE WHEN rolsuper THEN 'is a superuser' END,"
    "  CASE WHEN rolcreaterole THEN 'may make users' END,"
    "  CASE WHEN rolcreatedb THEN 'may make databases' END,"
    "  CASE WHEN rolbypassrls THEN 'bypasses row security' END,"
    "  (SELECT 'is a member of ' || string_agg(roleid::regrole::text, ', ' ORDER BY 1) FROM pg_auth_members"
    "   WHERE member = pg_roles.oid)], NULL)"
    " FROM pg_roles WHERE rolname = ANY(%(users)s) ORDER BY rolname"
)


_NOT_OWNER: Final = (
    "this user of the database may not make users or give rights; run it as the owner of the tables who may "
    "make users (ALTER ROLE ... CREATEROLE), as `overgang migrate` is"
)


class RolesNotApplied(OvergangError):
    """The database refused a change; none was made."""


@dataclass(frozen=True, slots=True)
class RolesPlan:
    """What differs. `beyond`: what a user may do that no right on a table takes away, by user."""

    make_users: tuple[str, ...]
    give: tuple[Right, ...]
    take: tuple[Right, ...]
    beyond: tuple[tuple[str, str], ...]

    def of(self, user: str) -> "RolesPlan":
        """What of it concerns one user."""
        return RolesPlan(
            tuple(name for name in self.make_users if name == user),
            tuple(right for right in self.give if right.user == user),
            tuple(right for right in self.take if right.user in (user, EVERYBODY)),
            tuple(pair for pair in self.beyond if pair[0] == user),
        )

    def __bool__(self) -> bool:
        return bool(self.make_users or self.give or self.take or self.beyond)


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom a connection is in the database."""

    user: str
    superuser: bool
    owner: bool
    """Owns the ledger's tables, or is a member of who does; so may do everything with them."""


def standing(database_url: str) -> Standing:
    """Raises psycopg.Error."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT current_user, rolsuper, coalesce((SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class"
            " WHERE oid = to_regclass('public.inbox')), false) FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row is not None, "every connection has a user"
    return Standing(*row)


def plan(connection: Connection[Any], roles: DatabaseRoles) -> RolesPlan:
    """What differs; nothing is changed. Raises psycopg.Error."""
    users, tables = list(roles.users.values()), list(roles.tables)
    given = {"users": users, "tables": tables, "schemas": sorted({t.partition(".")[0] for t in tables})}
    numbers = [name for (name,) in connection.execute(_NUMBERS, given)]
    wanted = roles.rights() | {
        Right(roles.users[part], "sequence", name, "SELECT")
        for part in roles.sequences_read_by
        for name in numbers
    }
    # Everybody may name what is in `public`, in any database; what is there needs a right of its own.
    usual = {Right(EVERYBODY, "schema", "public", "USAGE")}
    found = {
        Right(user, on, name, privilege, column)
        for user, on, name, privilege, column in connection.execute(_ACL, given)
    }
    beyond: dict[str, list[str]] = dict(connection.execute(_BEYOND, given).fetchall())
    return RolesPlan(
        tuple(user for user in users if user not in beyond),
        tuple(sorted(wanted - found)),
        tuple(sorted(found - wanted - usual)),
        tuple((user, reason) for user, reasons in sorted(beyond.items()) for reason in reasons),
    )


def apply(
    connection: Connection[Any], roles: DatabaseRoles, changes: RolesPlan, passwords: Mapping[str, str]
) -> None:
    """Make the plan come true in one transaction, and set these users' passwords.

    The database gets a password's SCRAM verifier, never the password itself, so no log can hold it. Raises
    RolesNotApplied; psycopg.Error.
    """
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for user in changes.make_users:
                _make(connection, user)
            for right in changes.give:
                connection.execute(_statement("GRANT {} TO {}", right))
            for right in changes.take:
                connection.execute(_statement("REVOKE {} FROM {}", right))
            for user, password in passwords.items():
                verifier = connection.pgconn.encrypt_password(
                    password.encode(), user.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(user), Literal(verifier))
                )
            # Whoever owns nothing but may do something gets a warning instead of a refusal.
            left = plan(connection, roles)
            if left.make_users or left.give or left.take:
                raise RolesNotApplied(_NOT_OWNER)
    except InsufficientPrivilege:
        raise RolesNotApplied(_NOT_OWNER) from None


def _make(connection: Connection[Any], user: str) -> None:
    """Users belong to the whole server: another database's run may make the same one at this moment."""
    try:
        with connection.transaction():
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(user)))
    except (DuplicateObject, UniqueViolation):
        return


def _statement(verb: LiteralString, right: Right) -> Composed:
    what: Composed | SQL = SQL(_known(right.privilege))
    if right.column:
        what = SQL("{} ({})").format(what, Identifier(right.column))
    on = SQL("{} ON {} {}").format(what, _KINDS[right.on], Identifier(*right.name.split(".")))
    who = SQL("PUBLIC") if right.user == EVERYBODY else Identifier(right.user)
    return SQL(verb).format(on, who)


_KINDS: Final = {"schema": SQL("SCHEMA"), "table": SQL("TABLE"), "sequence": SQL("SEQUENCE")}


def _known(privilege: str) -> LiteralString:
    known: tuple[LiteralString, ...] = (
        *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
        *("USAGE", "CREATE"),
    )
    return next(word for word in known if word == privilege)


def told(plan: RolesPlan) -> Iterator[tuple[str, str, str]]:
    """Every difference in words: what is done, with whom, and what it is about; in the order it is done."""
    for user in plan.make_users:
        yield "make", f"user {user}", "logs in by the password that `--passwords` gives it"
    for action, rights in (("give", plan.give), ("take", plan.take)):
        grouped: dict[tuple[str, str], list[str]] = {}
        for right in rights:
            words = f"{right.privilege}({right.column})" if right.column else right.privilege
            grouped.setdefault((right.user, f"{right.on} {right.name}"), []).append(words)
        for (user, what), words_of in grouped.items():
            yield action, user, f"{', '.join(words_of)} on {what}"
    for user, reason in plan.beyond:
        yield "by hand", f"user {user}", f"{reason}; take that with ALTER ROLE or REVOKE"
