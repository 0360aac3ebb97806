"""Receipts that are sent: for warnings and for quarantine, for each message to who wants that."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.identifiers import PartyAddress
from schemas.problems import InvalidMessage
from streams.batch import Batch, Input
from streams.ledger.case_keys import CaseVault
from streams.ledger.cases import StoredFact
from streams.ledger.inbox import Arrival, Repeat
from streams.ledger.outgoing import Outgoing, receipt
from streams.ledger.quarantine import Refused
from streams.rules.model import MessageRef

_SILENT = frozenset({"CPR_MOD11", "REPLACEMENT_CPR"})
"""Warnings that alone send no receipt: they are common and nothing is to be done."""


def receipts(
    vault: CaseVault,
    batch: Batch,
    accepted: Iterable[Arrival],
    repeats: Iterable[Repeat],
    refused: Sequence[Refused],
    stored: Mapping[MessageRef, StoredFact],
    wanting_all: Collection[PartyAddress],
    now: datetime,
) -> Iterator[Outgoing]:
    """One receipt an input that deserves one, to the party that the input names as its sender.

    `wanting_all` are the parties that get one for each.
    """

    def to(item: Input, source: Any, record: dict[str, Any]) -> Outgoing:
        place = f"{batch.topic_id}|{batch.partition}|{item.offset}"
        return receipt(place, source, {**_EMPTY, **record}, vault, now)

    for arrival in accepted:
        fact = stored[arrival.ref]
        warnings = sorted({*arrival.message.warnings, *fact.warnings})
        if set(warnings) - _SILENT or arrival.ref.source in wanting_all:
            recipients = sorted(fact.forwarded_to)
            record = {"outcome": "ACCEPTED", "warnings": warnings, "recipients": recipients}
            yield to(arrival.input, arrival.ref.source, {"message_id": arrival.ref.id, **record})
    for repeat in repeats:
        ref = repeat.arrival.ref
        if repeat.reused or ref.source in wanting_all:
            warnings = ["ID_REUSED"] if repeat.reused else []
            record = {"message_id": ref.id, "outcome": "DUPLICATE", "warnings": warnings}
            yield to(repeat.arrival.input, ref.source, record)
    for item in refused:
        if item.source is not None and item.message_id is not None:
            record = {"outcome": "QUARANTINED", "reasons": _sentences(item.fault)}
            yield to(item.input, item.source, {"message_id": item.message_id, **record})


_EMPTY: dict[str, Any] = {"warnings": [], "reasons": [], "recipients": []}


def _sentences(fault: InvalidMessage) -> list[str]:
    return [str(problem) for problem in fault.problems[:64]]
