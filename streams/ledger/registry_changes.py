"""Changes the registry: each in one transaction with its line of audit, one at a time."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress, SystemId, parse_party
from streams.ledger.audit import audited_change, note
from streams.ledger.engine import engine_for
from streams.ledger.tables import (
    credentials,
    grants,
    parties,
    receipt_wishes,
    sender_faults,
    systems,
)
from streams.registry import (
    EVERY_PARTY,
    LOCAL,
    OPERATOR,
    CredentialKind,
    Party,
    Receipts,
    RegistryRefused,
    Right,
)

_SYSTEM = re.compile(r"[a-z][a-z0-9-]{1,39}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SIGNING_KEY = re.compile(r"[A-Za-z0-9_-]{43} [A-Za-z0-9_-]{43}")
"""The operator's own machine in the embedded profile: may do everything for every party."""


@dataclass(frozen=True, slots=True)
class RegistryChanges:
    """What an actor changes, at an instant. `everybody` allows grants for every party at once."""

    engine: Engine
    actor: str
    now: datetime
    everybody: bool = False

    def put_party(self, party: Party) -> None:
        """Register a party, or change what is known of it. Raises RegistryRefused."""
        _checked_address(party.address, "address")
        name = _readable(party.name, "name")
        if party.successor is not None:
            _checked_address(party.successor, "successor")
        if party.valid_to is not None and party.valid_to < party.valid_from:
            raise RegistryRefused("valid_to: is before valid_from; give the last day")
        with self._change() as connection:
            if party.successor is not None:
                _there(connection, parties.c.address, party.successor, "successor", "overgang parties add")
            values = {
                "name": name,
                "valid_from": party.valid_from,
                "valid_to": party.valid_to,
                "successor": party.successor,
            }
            put = upsert(parties).values(address=party.address, **values)
            connection.execute(put.on_conflict_do_update(index_elements=["address"], set_=values))
            self._note(connection, "put-party", party.address, values)

    def want_receipts(
        self, party: PartyAddress, receipts: Receipts, valid_from: datetime | None = None
    ) -> None:
        """Which receipts a party gets from now or from a later instant on. Raises RegistryRefused."""
        begins = valid_from or self.now
        if begins < self.now:
            raise RegistryRefused("valid_from: has passed; leave it out for now, or give a later instant")
        if _checked_address(party, "party") == OPERATOR:
            raise RegistryRefused(
                f"party: nothing is sent to {OPERATOR}; name an institution or a municipality"
            )
        with self._change() as connection:
            put = upsert(receipt_wishes).values(party=party, valid_from=begins, receipts=receipts)
            connection.execute(
                put.on_conflict_do_update(
                    index_elements=["party", "valid_from"], set_={"receipts": put.excluded.receipts}
                )
            )
            self._note(connection, "want-receipts", party, {"receipts": receipts, "valid_from": begins})

    def put_system(self, system: SystemId, name: str) -> None:
        """Register a system, or rename it. Raises RegistryRefused."""
        if not _SYSTEM.fullmatch(system):
            raise RegistryRefused("system: write 2 to 40 lower-case letters, digits and hyphens")
        told = {"name": _readable(name, "name")}
        with self._change() as connection:
            put = upsert(systems).values(id=system, **told)
            connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=told))
            self._note(connection, "put-system", system, told)

    def grant(
        self,
        system: SystemId,
        party: str,
        right: Right,
        flow: Flow | None = None,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
    ) -> int:
        """Let a system do something for a party; the grant's number. Raises RegistryRefused."""
        begins = valid_from or self.now
        self._sensible(party, right, flow)
        _span(begins, valid_to)
        with self._change() as connection:
            _there(connection, systems.c.id, system, "system", "overgang parties system")
            if party not in (EVERY_PARTY, OPERATOR):
                _there(connection, parties.c.address, party, "party", "overgang parties add")
            values = {
                "system": system,
                "party": party,
                "right": right,
                "flow": flow,
                "valid_from": begins,
                "valid_to": valid_to,
            }
            n = int(connection.execute(insert(grants).values(values).returning(grants.c.n)).scalar_one())
            self._note(connection, "grant", system, values | {"n": n})
            return n

    def end_grant(self, n: int, at: datetime | None = None) -> None:
        """End a grant, now where nothing else is said. Raises RegistryRefused."""
        end = at or self.now
        with self._change() as connection:
            ended = connection.execute(
                update(grants)
                .where(grants.c.n == n, (grants.c.valid_to.is_(None)) | (grants.c.valid_to > end))
                .values(valid_to=end)
                .returning(grants.c.system)
            ).scalar_one_or_none()
            if ended is None:
                raise RegistryRefused("n: no grant of that number is in force; see `overgang parties`")
            self._note(connection, "end-grant", ended, {"n": n, "valid_to": end})

    def add_credential(
        self,
        system: SystemId,
        kind: CredentialKind,
        value: str,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
    ) -> int:
        """Let a system prove itself by this; the credential's number. Raises RegistryRefused."""
        if kind is CredentialKind.CERTIFICATE and not _FINGERPRINT.fullmatch(value):
            raise RegistryRefused("value: write the certificate's SHA-256 in 64 lower-case digits 0-9 a-f")
        _readable(value, "value")
        if kind is CredentialKind.SUBJECT and len(value.split()) != 2:
            raise RegistryRefused("value: write the issuer, a blank and the subject of its tokens")
        if kind is CredentialKind.SIGNING_KEY and not _SIGNING_KEY.fullmatch(value):
            raise RegistryRefused("value: write the key's thumbprint, a blank and the public key, base64url")
        begins = valid_from or self.now
        _span(begins, valid_to)
        with self._change() as connection:
            _there(connection, systems.c.id, system, "system", "overgang parties system")
            other = select(credentials.c.system).where(
                credentials.c.kind == kind,
                credentials.c.value == value,
                credentials.c.system != system,
                credentials.c.revoked_at.is_(None),
            )
            if connection.execute(other.limit(1)).first() is not None:
                raise RegistryRefused("value: proves another system already; give each system its own")
            values = {
                "system": system,
                "kind": kind,
                "value": value,
                "valid_from": begins,
                "valid_to": valid_to,
            }
            put = insert(credentials).values(values).returning(credentials.c.n)
            n = int(connection.execute(put).scalar_one())
            self._note(connection, "add-credential", system, values | {"n": n})
            return n

    def revoke(self, n: int) -> None:
        """A credential proves nothing from now on. Raises RegistryRefused."""
        with self._change() as connection:
            revoked = connection.execute(
                update(credentials)
                .where(credentials.c.n == n, credentials.c.revoked_at.is_(None))
                .values(revoked_at=self.now)
                .returning(credentials.c.system)
            ).scalar_one_or_none()
            if revoked is None:
                raise RegistryRefused("n: no credential of that number is in force; see `overgang parties`")
            self._note(connection, "revoke", revoked, {"n": n})

    def suspend(self, system: SystemId, because: str) -> None:
        """A system may do nothing until it is resumed. Raises RegistryRefused."""
        self._stand(system, "suspend", self.now, _readable(because, "because"))

    def resume(self, system: SystemId) -> None:
        """A suspended system may do again what it was granted, and its faults so far are forgotten.

        Raises RegistryRefused.
        """
        self._stand(system, "resume", None, None)

    def _sensible(self, party: str, right: Right, flow: Flow | None) -> None:
        if party == EVERY_PARTY:
            if not self.everybody:
                raise RegistryRefused(
                    "party: name one party; every party at once is for a machine of one's own"
                )
        else:
            _checked_address(party, "party")
        if right in (Right.OPERATE, Right.MONITOR) and party != OPERATOR:
            raise RegistryRefused(f"party: {right} is granted for {OPERATOR} only")
        if flow is None:
            return
        if right is not Right.SEND:
            raise RegistryRefused(f"flow: {right} is not granted by flow; leave it out")
        if flow not in FLOWS:
            raise RegistryRefused(f"flow: there is no such flow; write one of {', '.join(sorted(FLOWS))}")
        if party != EVERY_PARTY and parse_party(party)[0] not in FLOWS[flow].senders:
            senders = " or ".join(sorted(FLOWS[flow].senders))
            raise RegistryRefused(f"flow: {flow} is sent by {senders} only; leave it out")

    def _stand(self, system: SystemId, action: str, at: datetime | None, because: str | None) -> None:
        with self._change() as connection:
            _there(connection, systems.c.id, system, "system", "overgang parties system")
            connection.execute(
                update(systems)
                .where(systems.c.id == system)
                .values(suspended_at=at, suspended_because=because)
            )
            if at is None:
                resumed = {"sending_suspended_at": None, "sending_suspended_because": None}
                connection.execute(update(systems).where(systems.c.id == system).values(resumed))
                forgiven = update(sender_faults).where(sender_faults.c.system == system)
                connection.execute(forgiven.values(forgiven=True))
            self._note(connection, action, system, {"because": because} if because else {})

    def _change(self) -> AbstractContextManager[Connection]:
        return audited_change(self.engine)

    def _note(self, connection: Connection, action: str, what: str, detail: dict[str, Any]) -> None:
        note(connection, self.now, self.actor, action, what, detail)


def _checked_address(address: str, field: str) -> PartyAddress:
    try:
        parse_party(address)
    except ValueError as mend:
        raise RegistryRefused(f"{field}: is no party's address; {mend}") from None
    return PartyAddress(address)


def _there(connection: Connection, column: Any, value: str, field: str, mend: str) -> None:
    if connection.execute(select(column).where(column == value)).first() is None:
        raise RegistryRefused(f"{field}: is not registered; run `{mend}` first")


def _readable(text: str, field: str) -> str:
    if not (kept := text.strip()):
        raise RegistryRefused(f"{field}: is empty; write it")
    if not kept.isprintable():
        raise RegistryRefused(f"{field}: holds a control character; write one line of text")
    return kept


def _span(begins: datetime, ends: datetime | None) -> None:
    if ends is not None and ends <= begins:
        raise RegistryRefused("valid_to: is not after valid_from; give a later instant")


def seed_local(database_url: str) -> None:
    """Register `local` with every right, once: this machine's operator, in the embedded profile only."""
    engine = engine_for(database_url)
    with engine.connect() as connection:
        if connection.execute(select(grants.c.n).where(grants.c.system == LOCAL).limit(1)).first():
            return
    changes = RegistryChanges(engine, "overgang", datetime.now(UTC), everybody=True)
    changes.put_system(LOCAL, "This machine's operator")
    changes.grant(LOCAL, EVERY_PARTY, Right.SEND)
    changes.grant(LOCAL, EVERY_PARTY, Right.READ)
    changes.grant(LOCAL, OPERATOR, Right.OPERATE)
