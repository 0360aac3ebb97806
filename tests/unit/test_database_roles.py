"""Every table tells what each part of the gateway may do with it, and nobody may do what nobody should."""

from typing import Any

import pytest

from streams.database_roles import Right, RolesRefused, read_roles, shipped_roles
from streams.ledger.tables import metadata

ROLES = shipped_roles()
TABLES = {f"{table.schema or 'public'}.{table.name}": table for table in metadata.tables.values()}


def may(part: str) -> set[tuple[str, str]]:
    """Privileges and tables, also of some columns only."""
    rights = (right for right in ROLES.rights() if right.user == ROLES.users[part] and right.on == "table")
    return {(right.privilege, right.name) for right in rights}


def test_every_table_and_no_other_is_told_for_every_part() -> None:
    assert ROLES.tables.keys() == TABLES.keys() | {"public.alembic_version"}


def test_every_column_that_is_named_is_there() -> None:
    named = {(right.name, right.column) for right in ROLES.rights() if right.column}
    assert named
    assert {(table, name) for table, name in named if name not in TABLES[table].c} == set()


def test_nobody_changes_or_deletes_a_line_of_the_audit_trail() -> None:
    assert {p for part in ROLES.users for p, table in may(part) if table == "public.audit"} == {
        "SELECT",
        "INSERT",
    }


def test_only_who_opens_what_is_sealed_reads_case_keys_and_only_the_worker_makes_them() -> None:
    keys = "keyring.case_keys"
    assert {part for part in ROLES.users if ("SELECT", keys) in may(part)} == {
        *("worker", "api", "deliver", "operator", "backup"),
    }
    assert {
        part for part in ROLES.users if may(part) & {(p, keys) for p in ("INSERT", "UPDATE", "DELETE")}
    } == {"worker"}


@pytest.mark.parametrize("table", ["tasks", "task_revisions", "facts", "cases", "inbox", "positions"])
def test_what_was_decided_is_written_by_neither_api_nor_deliverer(table: str) -> None:
    for part in ("api", "deliver"):
        assert {privilege for privilege, name in may(part) if name == f"public.{table}"} <= {"SELECT"}


def test_whoever_looks_or_copies_changes_nothing() -> None:
    for part in ("reader", "backup"):
        assert {privilege for privilege, _ in may(part)} == {"SELECT"}
    assert "keyring" not in {right.name for right in ROLES.rights() if right.user == ROLES.users["reader"]}


def told(words: str, *, part: str = "api") -> dict[str, Any]:
    tables = {"public": {"inbox": {part: words}}}
    return {"users": {"api": "overgang-api"}, "tables": tables, "sequences": {"read_by": []}}


def test_a_right_on_a_column_is_of_that_column_alone() -> None:
    user = "overgang-api"
    assert read_roles(told("select update(warnings, digest)")).rights() == {
        Right(user, "schema", "public", "USAGE"),
        Right(user, "table", "public.inbox", "SELECT"),
        Right(user, "table", "public.inbox", "UPDATE", "warnings"),
        Right(user, "table", "public.inbox", "UPDATE", "digest"),
    }


@pytest.mark.parametrize("words", ["truncate", "select,insert", "select()", "SELECT", "select  insert"])
def test_what_is_no_right_is_refused_with_its_place(words: str) -> None:
    with pytest.raises(RolesRefused, match=r"public\.inbox: api: .* is no right; write select, insert"):
        read_roles(told(words))


def test_a_table_that_leaves_a_part_out_is_refused() -> None:
    with pytest.raises(RolesRefused, match=r"public\.inbox: tell what api, worker may do"):
        read_roles(told("select", part="worker"))
