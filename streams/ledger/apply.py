"""The one transaction: position, inbox, cases, facts, tasks and outbound rows, or nothing.

Locks are taken in one order everywhere: the position, inbox ids sorted, cases sorted. Any other order
deadlocks under load.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import Cursor

from schemas.flows.registry import FLOWS
from schemas.identifiers import CaseKey, SystemId
from schemas.message import Message
from schemas.problems import InvalidMessage
from schemas.wire import encode
from streams.batch import Batch
from streams.ledger import outgoing, quarantine
from streams.ledger.belonging import belonging, moved_facts, no_message_between, own_case, store_joined
from streams.ledger.case_keys import CaseVault
from streams.ledger.cases import Case, CaseCache, StoredFact, load, lock_due, stored_fact
from streams.ledger.deciding import Deciding, Rulebook
from streams.ledger.inbox import Arrival, admit, count_repeats, sort
from streams.ledger.positions import advance, tally
from streams.ledger.receipt_wishes import wanting_all
from streams.ledger.receipts import receipts
from streams.ledger.sealing import Seal
from streams.ledger.suspending import Tolerance, count_faults
from streams.rules.model import MessageRef


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to: inputs by outcome, changed tasks, messages to send.

    `quarantined` counts by error class and the system that proved to have sent it. `stuck` are cases that
    could not be decided; their facts are kept. `suspended` are systems that may send no more, by this batch.
    `repeated` are the offsets of the duplicates.
    """

    accepted: int
    duplicates: int
    quarantined: Mapping[tuple[str, SystemId | None], int]
    tasks: int
    outgoing: int
    stuck: tuple[CaseKey, ...]
    suspended: tuple[SystemId, ...]
    repeated: frozenset[int]


@dataclass(frozen=True, slots=True)
class Room:
    """What a transaction works with besides its cursor."""

    vault: CaseVault
    cache: CaseCache
    rulebook: Rulebook
    tolerance: Tolerance


@dataclass(slots=True)
class Remembered:
    """What to keep in memory once the transaction has committed, and only then."""

    seals: dict[str, Seal] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)


def apply(
    cursor: Cursor[Any],
    room: Room,
    batch: Batch,
    decoded: Sequence[Message | InvalidMessage],
    now: datetime,
) -> tuple[Applied, Remembered]:
    """Take a batch inside the cursor's transaction: every input ends accepted, repeated or quarantined.

    Raises:
        Fenced: the stored position is not where the batch starts; nothing was done.
    """
    advance(cursor, batch)
    arrived = sort(batch.inputs, decoded)
    no_message_between(cursor, (a.message for a in arrived.first.values()))
    case_of = {ref: own_case(a.message) for ref, a in arrived.first.items()}
    new = admit(cursor, arrived.first.values(), case_of, now)
    accepted = [a for ref, a in arrived.first.items() if ref in new]
    known = [a for ref, a in arrived.first.items() if ref not in new]
    repeats = count_repeats(cursor, known + arrived.again)

    found = belonging(cursor, accepted)
    seals = room.vault.seals(cursor, found.cases)
    cases = load(cursor, list(found.cases.values()), seals, room.cache)
    facts = _new_facts(accepted, {ref: found.root(key) for ref, key in case_of.items()}, seals)
    for into, others in found.joined.items():
        gone = [cases.pop(key) for key in others]
        tasks = {id_: task for case in (*gone, cases[into]) for id_, task in case.tasks.items()}
        cases[into] = replace(cases[into], tasks=tasks)
        facts[into] = moved_facts(into, gone, seals) | facts.get(into, {})
        store_joined(cursor, into, others)
    deciding = Deciding(room.rulebook, now)
    stored: dict[MessageRef, StoredFact] = {}
    for key, case in cases.items():
        stored |= deciding.decide(case, facts[key], seals[key]).facts
    deciding.write(cursor)

    quarantine.store(cursor, room.vault, batch, arrived.refused, now)
    wanting = wanting_all(cursor, {ref.source for ref in arrived.first}, now)
    told = list(receipts(room.vault, batch, accepted, repeats, arrived.refused, stored, wanting, now))
    outgoing.write(cursor, told, now)
    tally(cursor, batch, len(accepted), len(repeats))
    suspended = count_faults(cursor, arrived.refused, room.tolerance, now)
    done = Applied(
        accepted=len(accepted),
        duplicates=len(repeats),
        quarantined=Counter((item.fault.error_class.value, item.fault.sender) for item in arrived.refused),
        tasks=len(deciding.tasks),
        outgoing=len(deciding.outgoing) + len(told),
        stuck=tuple(deciding.stuck),
        suspended=suspended,
        repeated=frozenset(repeat.arrival.input.offset for repeat in repeats),
    )
    return done, Remembered(seals, deciding.cases)


def decide_due(cursor: Cursor[Any], room: Room, now: datetime, limit: int) -> tuple[int, Remembered]:
    """Decide the cases whose next change has come, at most `limit`; return how many."""
    locked = lock_due(cursor, now, limit)
    return len(locked), decide_locked(cursor, room, locked, now)


def decide_locked(cursor: Cursor[Any], room: Room, locked: Sequence[Case], now: datetime) -> Remembered:
    """Decide cases that have heard nothing new, and write what follows."""
    seals = room.vault.seals(cursor, (case.key for case in locked))
    deciding = Deciding(room.rulebook, now)
    for key, case in load(cursor, locked, seals, room.cache).items():
        deciding.decide(case, {}, seals[key])
    deciding.write(cursor)
    return Remembered(seals, deciding.cases)


def _new_facts(
    accepted: Sequence[Arrival], case_of: Mapping[MessageRef, CaseKey], seals: Mapping[str, Seal]
) -> dict[CaseKey, dict[MessageRef, StoredFact]]:
    found: dict[CaseKey, dict[MessageRef, StoredFact]] = {}
    for arrival in accepted:
        message, key = arrival.message, case_of[arrival.ref]
        value = encode(FLOWS[message.envelope.flow].schema_name, message.data)
        sealed = seals[key].seal(value, key.encode())
        found.setdefault(key, {})[arrival.ref] = stored_fact(message, sealed, _attributes(message))
    return found


def _attributes(message: Message) -> dict[str, str]:
    envelope = message.envelope
    given = {
        "correlationid": envelope.correlationid,
        "causationid": envelope.causationid,
        "traceparent": envelope.traceparent,
        "subject": message.subject,
        "assigned": message.assigned,
        "merged": " ".join(message.merged) if message.merged else None,
    }
    return {name: value for name, value in given.items() if value is not None}
