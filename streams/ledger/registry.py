"""Reads the registry of parties, systems, grants and credentials as one picture."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, func, select

from schemas.identifiers import PartyAddress, SystemId
from streams.ledger.tables import audit, credentials, grants, parties, receipt_wishes, systems
from streams.registry import (
    Credential,
    CredentialKind,
    Grant,
    Party,
    Receipts,
    ReceiptWish,
    Registry,
    Right,
    System,
)

_T = TypeVar("_T")


def registry_version(connection: Connection) -> int:
    """Number of the last change; 0 before the first. Every change writes one line of audit."""
    return int(connection.execute(select(func.coalesce(func.max(audit.c.n), 0))).scalar_one())


def read_registry(connection: Connection) -> Registry:
    """The registry as it is now.

    The version is read first: a change in between is in the picture and read once more, never missed.
    """
    version = registry_version(connection)
    by_system: dict[SystemId, list[Grant]] = defaultdict(list)
    for row in _rows(connection, grants):
        by_system[row.system].append(_as(Grant, row, right=Right(row.right)))
    by_value: dict[tuple[CredentialKind, str], list[Credential]] = defaultdict(list)
    for row in _rows(connection, credentials):
        kind = CredentialKind(row.kind)
        credential = _as(Credential, row, kind=kind)
        by_value[kind, credential.shown].append(credential)
    return Registry(
        version,
        {PartyAddress(row.address): _as(Party, row) for row in _rows(connection, parties)},
        {SystemId(row.id): _as(System, row) for row in _rows(connection, systems)},
        {system: tuple(found) for system, found in by_system.items()},
        {value: tuple(found) for value, found in by_value.items()},
        tuple(
            _as(ReceiptWish, row, receipts=Receipts(row.receipts))
            for row in _rows(connection, receipt_wishes)
        ),
    )


def receipt_wishes_of(connection: Connection, party: PartyAddress) -> list[ReceiptWish]:
    """Which receipts a party wants, the latest wish first."""
    query = select(receipt_wishes).where(receipt_wishes.c.party == party)
    rows = connection.execute(query.order_by(receipt_wishes.c.valid_from.desc()))
    return [_as(ReceiptWish, row, receipts=Receipts(row.receipts)) for row in rows]


def audited(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Changes, the latest first: `n, at, actor, action, object, detail`."""
    query = select(audit).order_by(audit.c.n.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.n < before)
    return [dict(row._mapping) for row in connection.execute(query)]


def _rows(connection: Connection, table: Table) -> Iterable[Row[Any]]:
    return connection.execute(select(table).order_by(*table.primary_key))


def _as(made: type[_T], row: Row[Any], **changed: Any) -> _T:
    names = {field.name for field in fields(made)}  # type: ignore[arg-type] # a dataclass
    return made(**{name: value for name, value in row._mapping.items() if name in names} | changed)
