"""The case of a message. Most carry it; a correction that only retracts belongs to what it retracts."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from psycopg import Cursor

from schemas.identifiers import CaseKey
from schemas.message import Message
from streams.ledger.inbox import Arrival
from streams.ledger.outgoing import GATEWAY
from streams.rules.model import MessageRef


def cases_of(cursor: Cursor[Any], arrivals: Mapping[MessageRef, Arrival]) -> dict[MessageRef, CaseKey]:
    """The case key of each message, asking the inbox for those that a retraction names."""
    known = {ref: a.message.case_key for ref, a in arrivals.items() if a.message.case_key is not None}
    open_ = {ref: retracted(a.message) for ref, a in arrivals.items() if ref not in known}
    if not open_:
        return known
    targets = sorted(set(open_.values()))
    cursor.execute(
        "SELECT source, id, case_key FROM inbox JOIN unnest(%b::text[], %b::text[]) AS t(source, id)"
        " USING (source, id)",
        ([t.source for t in targets], [t.id for t in targets]),
    )
    stored = {MessageRef(source, id_): case_key for source, id_, case_key in cursor.fetchall()}
    for ref, target in open_.items():
        known[ref] = stored.get(target) or known.get(target) or _waiting(target)
    return known


def retracted(message: Message) -> MessageRef:
    """The message that a correction retracts: its own sender's, or, from the operator, that of `of`."""
    sender = message.envelope.source
    source = message.data["of"] if sender == GATEWAY and message.data["of"] else sender
    return MessageRef(source, message.data["retracts"])


def _waiting(target: MessageRef) -> CaseKey:
    """Where the retraction of a message that has not come yet is kept."""
    digest = sha256(f"{target.source}|{target.id}".encode()).hexdigest()
    return CaseKey(f"ref-{digest[:26]}")
