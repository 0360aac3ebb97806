"""The CloudEvents attributes of an inbound message, checked. Contracts: "Envelope"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import intern
from typing import Final

from schemas.flows import FLOWS, FlowContract
from schemas.identifiers import MessageId, PartyAddress, Role, looks_like_cpr, parse_party
from schemas.message import Envelope
from schemas.problems import Problem
from schemas.shape import field_name, shape_of

FUTURE_LIMIT: Final = timedelta(hours=24)
SPECVERSION: Final = "1.0"
_TEXT_LIMIT: Final = 256
_EXTENSIONS: Final = ("correlationid", "causationid", "traceparent")
_IGNORED: Final = frozenset({"subject", "sequence", "dataschema"})
"""Senders may give these: the gateway sets the first two itself, and takes the schema from the type."""
KNOWN: Final = frozenset({"specversion", "id", "source", "type", "time", *_EXTENSIONS}) | _IGNORED
"""Names of all attributes that a message may bear; data and its content type are not among them."""
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_TIME: Final = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_CONTRACT_OF_TYPE: Final[Mapping[str, FlowContract]] = {c.type: c for c in FLOWS.values()}


@dataclass(slots=True)
class EnvelopeReading:
    """What was read: the envelope if it is whole, the flow if its type is known, and all that is wrong."""

    envelope: Envelope | None = None
    contract: FlowContract | None = None
    problems: list[Problem] = field(default_factory=list)
    forbidden: list[Problem] = field(default_factory=list)
    """That the sender may not send this flow: a class of its own where nothing else is wrong."""


def read_envelope(attributes: Mapping[str, object], prefix: str, now: datetime) -> EnvelopeReading:
    """Check attributes by their CloudEvents names; `prefix` is what they bear where they came from (`ce_`).

    Never raises. Values of attributes are never repeated in a problem, only their shape.
    """
    reading = EnvelopeReading()
    check = _Check(attributes, prefix, reading.problems)
    if unknown := attributes.keys() - KNOWN:
        check.refuse_unknown(unknown)
    if attributes.get("specversion") != SPECVERSION:
        check.fault("specversion", f'send "{SPECVERSION}"')
    message_id, address, time = check.id(), check.party(), check.time(now)
    reading.contract = contract = check.contract()
    extensions = [check.extension(name) if name in attributes else None for name in _EXTENSIONS]
    if contract and address and address[0] not in contract.senders:
        reading.forbidden.append(_forbidden(prefix, contract, address[0]))
    if message_id and address and time and contract:
        reading.envelope = Envelope(message_id, address[1], contract.flow, time, *extensions)
    return reading


class _Check:
    """Looks at one attribute after the other and notes what is wrong."""

    __slots__ = ("_attributes", "_prefix", "_problems")

    def __init__(self, attributes: Mapping[str, object], prefix: str, problems: list[Problem]) -> None:
        self._attributes = attributes
        self._prefix = prefix
        self._problems = problems

    def fault(self, name: str, mend: str, problem: str | None = None) -> None:
        """Note that an attribute is missing or wrong; without `problem`, its shape is told."""
        if problem is None:
            value = self._attributes.get(name)
            problem = "is missing" if value is None else f"is not valid ({shape_of(value)})"
        self._problems.append(Problem(self._prefix + name, problem, mend))

    def refuse_unknown(self, names: set[str]) -> None:
        for name in sorted(names):
            if name == "data_base64":
                self.fault(name, "send data as a JSON object", "is not accepted")
            else:
                known = ", ".join(sorted(KNOWN))
                self.fault(
                    field_name(name), f"correct the name or leave it out (known: {known})", "is unknown"
                )

    def id(self) -> MessageId | None:
        value = self._attributes.get("id")
        if isinstance(value, str) and _UUID.fullmatch(value):
            return MessageId(value.lower())
        self.fault("id", "send a UUID with its four hyphens, the same for each repeat of the message")
        return None

    def party(self) -> tuple[Role, PartyAddress] | None:
        value = self._attributes.get("source")
        try:
            role, _ = parse_party(value if isinstance(value, str) else "")
        except ValueError as mend:
            self.fault("source", str(mend))
            return None
        # One text in memory for all that a sender sends.
        return role, PartyAddress(intern(str(value)))

    def contract(self) -> FlowContract | None:
        value = self._attributes.get("type")
        found = _CONTRACT_OF_TYPE.get(value) if isinstance(value, str) else None
        if found is None:
            self.fault("type", f"send dk.overgang.<flow>.v1 with one of the flows {', '.join(FLOWS)}")
        return found

    def time(self, now: datetime) -> datetime | None:
        """The instant, aware. Later than the next 24 hours is wrong: a clock or a time zone is off."""
        value = self._attributes.get("time")
        form = _TIME.fullmatch(value) if isinstance(value, str) else None
        if form and not form[1]:
            self.fault("time", "add the offset from UTC, such as +02:00 or Z", "has no offset")
            return None
        try:
            instant = datetime.fromisoformat(form[0].upper()) if form else None
        except ValueError:
            instant = None
        if instant is None:
            self.fault("time", "send RFC 3339 with an offset, such as 2026-08-10T09:00:00+02:00")
        elif instant - now > FUTURE_LIMIT:
            self.fault(
                "time",
                "send when the message was raised, and check the sender's clock",
                "lies more than 24 hours in the future",
            )
            return None
        return instant

    def extension(self, name: str) -> str | None:
        value = self._attributes[name]
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LIMIT or not value.isprintable():
            self.fault(name, f"send text of 1 to {_TEXT_LIMIT} printable characters, or leave it out")
            return None
        if looks_like_cpr(value):
            self.fault(
                name, "send an id that says nothing about the person", "has the shape of a personal number"
            )
            return None
        return value


def _forbidden(prefix: str, contract: FlowContract, role: Role) -> Problem:
    senders = " or ".join(sorted(contract.senders))
    return Problem(
        f"{prefix}source",
        f"this role ({role}) may not send {contract.flow}",
        f"let {senders} send it, or correct type",
    )
