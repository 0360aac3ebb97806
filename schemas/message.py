"""A message that has been checked: the CloudEvents attributes and the data of its flow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.identifiers import CaseKey, Flow, MessageId, PartyAddress, Pseudonym

Record = Mapping[str, Any]
"""Data of a message as Python values in the field order of its Avro schema: `date` for dates, `str` for codes
and text, `list`, nested `dict`s; every optional field present, `None` where it was absent. What `fastavro`
reads and writes, and what the flow's pydantic model dumps."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """CloudEvents 1.0 attributes (contracts: Envelope). `time` is aware."""

    id: MessageId
    source: PartyAddress
    flow: Flow
    time: datetime
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A valid inbound message.

    `subject` is the citizen's pseudonym (None for an EU message or a correction that names no citizen),
    `case_key` what its facts are grouped by (for a correction that only retracts: the key of nobody, see
    `streams.facts`), `warnings` those that the content alone gives: `CPR_MOD11`, `REPLACEMENT_CPR`,
    `UNKNOWN_CODE`.
    """

    envelope: Envelope
    data: Record
    subject: Pseudonym | None
    case_key: CaseKey | None
    warnings: tuple[str, ...] = ()
    assigned: CaseKey | None = None
    """Of a correction that assigns: the citizen's pseudonym or the key of the EU case."""
    merged: tuple[Pseudonym, Pseudonym] | None = None
    """Of a correction that merges: pseudonyms of `merges.citizen` and of `merges.into`."""
