"""Which case a message belongs to, and cases that turn out to be one.

A message names its case; a correction may name several, or only a message that it retracts. Whoever was ever
said to be one citizen is kept in one case: the rules decide, with the facts, who is whom on a given day. The
case that goes on has the facts and tasks of the others, which point to it from then on (`merged_into`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from psycopg import Cursor

from schemas.identifiers import CaseKey
from schemas.message import Message
from streams.ledger.cases import Case, StoredFact, lock
from streams.ledger.inbox import Arrival
from streams.ledger.outgoing import GATEWAY
from streams.ledger.sealing import Seal
from streams.rules.model import MessageRef


@dataclass(slots=True)
class Belonging:
    """Locked cases and the case that each key leads to. `joined` are cases that go on in another."""

    cases: dict[CaseKey, Case] = field(default_factory=dict)
    leads_to: dict[CaseKey, CaseKey] = field(default_factory=dict)
    joined: dict[CaseKey, list[CaseKey]] = field(default_factory=dict)

    def root(self, key: CaseKey) -> CaseKey:
        """The case that goes on with what this key names."""
        while key in self.leads_to:
            key = self.leads_to[key]
        return key


def own_case(message: Message) -> CaseKey:
    """The case that a message names; of a correction that only retracts, the place where it waits."""
    return message.case_key or waiting_place(retracted(message))


def retracted(message: Message) -> MessageRef:
    """The message that a correction retracts: its own sender's, or, from the operator, that of `of`."""
    sender = message.envelope.source
    source = message.data["of"] if sender == GATEWAY and message.data["of"] else sender
    return MessageRef(source, message.data["retracts"])


def waiting_place(target: MessageRef) -> CaseKey:
    """Where retractions of a message are kept until it comes."""
    return CaseKey(f"ref-{sha256(f'{target.source}|{target.id}'.encode()).hexdigest()[:26]}")


def no_message_between(cursor: Cursor[Any], messages: Iterable[Message]) -> None:
    """Where a batch has retractions, keep new messages out until it is stored.

    Else a retraction and its target, in two transactions at once, would miss each other for ever.
    """
    if any(message.envelope.flow == "correction" and message.data["retracts"] for message in messages):
        cursor.execute("LOCK TABLE inbox IN SHARE ROW EXCLUSIVE MODE")


def belonging(cursor: Cursor[Any], accepted: Sequence[Arrival]) -> Belonging:
    """Lock every case that the messages concern, and find which of them are one."""
    groups = _Groups()
    for arrival in accepted:
        groups.join(_named(arrival.message))
    _join_retractions(cursor, accepted, groups)
    cases: dict[CaseKey, Case] = {}
    while missing := groups.keys - cases.keys():
        for case in lock(cursor, missing):
            cases[case.key] = case
            if case.merged_into is not None:
                groups.join([case.key, case.merged_into])
    found = Belonging()
    for members in groups.members():
        going_on = max((cases[key] for key in members if not cases[key].merged_into), key=_standing)
        found.cases[going_on.key] = going_on
        for key in members - {going_on.key}:
            found.leads_to[key] = going_on.key
            if cases[key].merged_into is None:
                found.joined.setdefault(going_on.key, []).append(key)
                found.cases[key] = cases[key]
    return found


def moved_facts(
    into: CaseKey, others: Iterable[Case], seals: Mapping[str, Seal]
) -> dict[MessageRef, StoredFact]:
    """The facts of cases that go on in another, sealed anew by its key; each remembers whose it was."""
    moved: dict[MessageRef, StoredFact] = {}
    for other in others:
        for ref, stored in other.facts.items():
            value = seals[other.key].open(stored.sealed, other.key.encode())
            moved[ref] = replace(
                stored,
                sealed=seals[into].seal(value, into.encode()),
                attributes={"case": other.key, **stored.attributes},
            )
    return moved


def store_joined(cursor: Cursor[Any], into: CaseKey, joined: Sequence[CaseKey]) -> None:
    """Take the rows of cases that go on in another; their facts are written there with the next decision."""
    cursor.execute("DELETE FROM facts WHERE case_key = ANY(%b)", (joined,))
    cursor.execute("UPDATE tasks SET case_key = %s WHERE case_key = ANY(%b)", (into, joined))
    cursor.execute(
        "UPDATE cases SET merged_into = %s, version = version + 1, next_change = NULL,"
        " stuck_at = NULL, stuck_because = NULL WHERE key = ANY(%b)",
        (into, joined),
    )


def _named(message: Message) -> list[CaseKey]:
    return [own_case(message), *(CaseKey(key) for key in message.merged or ())]


def _join_retractions(cursor: Cursor[Any], accepted: Sequence[Arrival], groups: "_Groups") -> None:
    """Bring retractions and what they retract together, whichever came first."""
    targets = {
        retracted(a.message)
        for a in accepted
        if a.message.envelope.flow == "correction" and a.message.data["retracts"]
    }
    if targets:
        cursor.execute(
            "SELECT source, id, case_key FROM inbox JOIN unnest(%b::text[], %b::text[]) AS t(source, id)"
            " USING (source, id)",
            ([t.source for t in targets], [t.id for t in targets]),
        )
        for source, id_, case_key in cursor.fetchall():
            groups.join([waiting_place(MessageRef(source, id_)), case_key])
        for arrival in accepted:
            if (message := arrival.message).envelope.flow == "correction" and message.data["retracts"]:
                groups.join([waiting_place(retracted(message)), own_case(message)])
    place_of = {waiting_place(a.ref): own_case(a.message) for a in accepted}
    cursor.execute("SELECT key FROM cases WHERE key = ANY(%b)", (list(place_of),))
    for (place,) in cursor.fetchall():
        groups.join([place, place_of[place]])


def _standing(case: Case) -> tuple[bool, bool, int, CaseKey]:
    """A citizen goes on rather than an EU case, a case rather than a waiting place, the older of two."""
    return not case.key.startswith("ref-"), not case.key.startswith("eu-"), case.version, case.key


class _Groups:
    """Disjoint sets of case keys."""

    def __init__(self) -> None:
        self._group_of: dict[CaseKey, set[CaseKey]] = {}

    @property
    def keys(self) -> set[CaseKey]:
        return set(self._group_of)

    def join(self, keys: Sequence[CaseKey]) -> None:
        together: set[CaseKey] = set(keys)
        for key in keys:
            together |= self._group_of.get(key, set())
        for key in together:
            self._group_of[key] = together

    def members(self) -> list[set[CaseKey]]:
        return list({id(group): group for group in self._group_of.values()}.values())
