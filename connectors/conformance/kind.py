"""What a party sends and receives, by the kind of party it is."""

from datetime import date
from enum import StrEnum
from typing import Final

from schemas.code_lists import CodeLists
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress, parse_party
from schemas.outbound import OUTBOUND
from streams.forwarding import FOR_INSTITUTIONS

_OF_ICS: Final[tuple[Flow, ...]] = ("eu-registration", "eu-event")


class Kind(StrEnum):
    """A kind of party."""

    INSTITUTION = "institution"
    MUNICIPALITY = "municipality"
    ICS = "ICS municipality"


def kind_of(party: PartyAddress, lists: CodeLists, on: date) -> Kind:
    """The kind of an institution or a municipality at a date."""
    role, code = parse_party(party)
    if role == "institution":
        return Kind.INSTITUTION
    return Kind.ICS if lists.is_ics(code, on) else Kind.MUNICIPALITY


def flows_sent(party: PartyAddress) -> tuple[Flow, ...]:
    """The flows that a party of this kind sends; a correction only where something has to be taken back."""
    role, _ = parse_party(party)
    return tuple(c.flow for c in FLOWS.values() if role in c.senders and c.flow != "correction")


def types_received(kind: Kind) -> tuple[str, ...]:
    """CloudEvents types of the messages that come to a party of this kind."""
    return (*(FLOWS[flow].type for flow in _forwarded(kind)), *OUTBOUND)


def _forwarded(kind: Kind) -> list[Flow]:
    match kind:
        case Kind.INSTITUTION:
            return [flow for flow in FLOWS if flow in FOR_INSTITUTIONS]
        case Kind.MUNICIPALITY:
            return [flow for flow in FLOWS if flow not in ("correction", *_OF_ICS)]
        case Kind.ICS:
            return [flow for flow in FLOWS if flow != "correction"]
