"""Changes of webhooks by a party's own systems and by the operator: each audited as registry changes are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, Row, case, func, insert, or_, select, update

from schemas.identifiers import PartyAddress, parse_party
from streams.ledger.audit import audited_change, note
from streams.ledger.sealing import Seal
from streams.ledger.tables import cursors, webhook_exceptions, webhooks
from streams.ledger.webhook_secrets import WebhookSecret, new_secret, open_secrets, seal_secrets
from streams.registry import RegistryRefused
from streams.webhooks import DeliveryState, EndpointState

SECRETS: Final = 4
"""As many may sign at a time."""
_REDELIVERED = (DeliveryState.FAILED.value, DeliveryState.EXPIRED.value)


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """What an actor changes, at an instant. `seal` is the gateway's own. Each raises RegistryRefused."""

    engine: Engine
    seal: Seal
    actor: str
    now: datetime

    def put(self, party: PartyAddress, url: str, after: int | None = None) -> WebhookSecret | None:
        """Register a party's endpoint, or give it another address; the secret where it is new.

        Messages go there once the endpoint has agreed: those numbered beyond `after`, by default those that
        come from now on. An endpoint that is known goes on where it was. `url` was checked by the caller.
        """
        _checked(party)
        with audited_change(self.engine) as connection:
            known = connection.execute(select(webhooks.c.party).where(webhooks.c.party == party)).first()
            if known is not None and after is not None:
                raise RegistryRefused("after: the endpoint is known and goes on where it was; leave it out")
            fresh = None if known else new_secret()
            values = {"url": url, **self._asked_again()}
            if fresh is None:
                connection.execute(update(webhooks).where(webhooks.c.party == party).values(values))
            else:
                began = _newest(connection, party) if after is None else after
                values |= {
                    "secrets": seal_secrets(self.seal, party, [fresh]),
                    "cursor": began,
                    "began": began,
                    "added_at": self.now,
                }
                connection.execute(insert(webhooks).values(party=party, **values))
            self._note(connection, "put-webhook", party, {"url": url, "after": after})
            return fresh

    def rotate(self, party: PartyAddress, keep: timedelta) -> WebhookSecret:
        """Sign by a new secret, and for `keep` longer by those of before; the new one."""
        with audited_change(self.engine) as connection:
            row = _known(connection, party)
            before = open_secrets(self.seal, party, row.secrets, self.now)
            if len(before) >= SECRETS:
                raise RegistryRefused(f"secrets: {SECRETS} sign already; wait until one has ended")
            end = self.now + keep
            kept = [WebhookSecret(s.text, end if s.ends_at is None else min(s.ends_at, end)) for s in before]
            fresh = new_secret()
            sealed = seal_secrets(self.seal, party, [fresh, *(s for s in kept if s.ends_at != self.now)])
            connection.execute(update(webhooks).where(webhooks.c.party == party).values(secrets=sealed))
            self._note(connection, "rotate-webhook", party, {"old_until": end})
            return fresh

    def pause(self, party: PartyAddress, because: str) -> None:
        """Send nothing until it is resumed; what waits goes on to age."""
        reason = because.strip()
        if not reason or not reason.isprintable():
            raise RegistryRefused("because: write one line of text")
        with audited_change(self.engine) as connection:
            _known(connection, party)
            values = {"state": EndpointState.PAUSED.value, "because": reason, "validate_at": None}
            connection.execute(update(webhooks).where(webhooks.c.party == party).values(values))
            self._note(connection, "pause-webhook", party, {"because": reason})

    def resume(self, party: PartyAddress) -> None:
        """Ask the endpoint again whether it agrees; then it gets what waits."""
        with audited_change(self.engine) as connection:
            _known(connection, party)
            connection.execute(update(webhooks).where(webhooks.c.party == party).values(self._asked_again()))
            self._note(connection, "resume-webhook", party, {})

    def redeliver(self, party: PartyAddress, ttl: timedelta, sequence: int | None = None) -> int:
        """Try messages again that failed or expired, one or all; return how many. They have `ttl` anew."""
        table = webhook_exceptions
        chosen = [table.c.recipient == party, table.c.state.in_(_REDELIVERED)]
        if sequence is not None:
            chosen.append(table.c.sequence == sequence)
        place = func.row_number().over(partition_by=table.c.order_key, order_by=table.c.sequence)
        first = case((or_(table.c.order_key.is_(None), place == 1), self.now)).label("at")
        with audited_change(self.engine) as connection:
            _known(connection, party)
            rows = select(table.c.sequence, first).where(*chosen).subquery()
            again = {
                "state": DeliveryState.WAITING.value,
                "attempts": 0,
                "next_attempt_at": rows.c.at,
                "expires_at": self.now + ttl,
                "round": table.c.round + 1,
            }
            count = connection.execute(
                update(table)
                .where(table.c.recipient == party, table.c.sequence == rows.c.sequence)
                .values(again)
            ).rowcount
            if sequence is not None and not count:
                raise RegistryRefused(
                    "sequence: no message of that number failed or expired; see `overgang webhooks failed`"
                )
            self._note(connection, "redeliver-webhook", party, {"sequence": sequence, "messages": count})
            return count

    def _asked_again(self) -> dict[str, object]:
        return {
            "state": EndpointState.PENDING.value,
            "because": "the handshake is yet to come",
            "validate_at": self.now,
            "validations": 0,
            "held_until": None,
        }

    def _note(
        self, connection: Connection, action: str, party: PartyAddress, detail: dict[str, object]
    ) -> None:
        note(connection, self.now, self.actor, action, party, detail)


def _checked(party: PartyAddress) -> None:
    try:
        role, _ = parse_party(party)
    except ValueError as mend:
        raise RegistryRefused(f"party: is no party's address; {mend}") from None
    if role == "gateway":
        raise RegistryRefused("party: nothing is sent to /gateway; name an institution or a municipality")


def _known(connection: Connection, party: PartyAddress) -> Row[tuple[object, ...]]:
    row = connection.execute(select(webhooks).where(webhooks.c.party == party).with_for_update()).first()
    if row is None:
        raise RegistryRefused("party: has no webhook; run `overgang webhooks add` first")
    return row


def _newest(connection: Connection, party: PartyAddress) -> int:
    known = select(cursors.c.last_sequence).where(cursors.c.recipient == party)
    return int(connection.execute(known).scalar_one_or_none() or 0)
