"""Judges a vendor's messages by the gateway's own check, and what of its flows they cover."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connectors.cli.checked_lines import CheckedLine
from connectors.cli.message_lines import Line
from connectors.conformance.checklist import Checklist
from connectors.conformance.requirements import covers
from schemas.cloudevent import content_digest
from schemas.identifiers import Flow, MessageId, PartyAddress
from schemas.message import Message
from schemas.problems import Problem

_SHOWN: Final = 3


@dataclass(slots=True)
class Judged:
    """What may be sent to a gateway: each valid message of the party, in the order of the file."""

    lines: list[Line] = field(default_factory=list)
    ids: list[MessageId] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """What the lines came to; each of the lists holds numbers of lines."""

    count: int = 0
    faults: list[tuple[int, Problem]] = field(default_factory=list)
    foreign: list[int] = field(default_factory=list)
    reused: list[int] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    unknown_codes: list[int] = field(default_factory=list)
    real: list[int] = field(default_factory=list)
    flows: Counter[Flow] = field(default_factory=Counter)
    taking_back: int = 0
    contents: dict[MessageId, bytes] = field(default_factory=dict)


def judge_messages(
    lines: Iterable[CheckedLine],
    party: PartyAddress,
    flows: Sequence[Flow],
    checklist: Checklist,
    now: datetime,
) -> Judged:
    """Tell the checklist every item of `message_requirements`."""
    judged, seen = Judged(), _Seen()
    for line in lines:
        seen.count += 1
        if line.message is None or line.problems:
            seen.faults += [(line.number, problem) for problem in line.problems]
            continue
        if line.message.envelope.source != party:
            seen.foreign.append(line.number)
            continue
        _look(seen, line.number, line.message, now)
        judged.lines.append(Line(line.number, line.content))
        judged.ids.append(line.message.envelope.id)
    _tell(checklist, seen, flows)
    return judged


def _look(seen: _Seen, number: int, message: Message, now: datetime) -> None:
    envelope, data = message.envelope, message.data
    content = content_digest(message)
    if seen.contents.setdefault(envelope.id, content) != content:
        seen.reused.append(number)
    if envelope.time > now:
        seen.ahead.append(number)
    if "UNKNOWN_CODE" in message.warnings:
        seen.unknown_codes.append(number)
    citizen = data.get("citizen")
    if citizen and citizen["cpr"] and "REPLACEMENT_CPR" not in message.warnings:
        seen.real.append(number)
    seen.flows[envelope.flow] += 1
    seen.taking_back += bool(data.get("retracts")) or data.get("event") == "WITHDRAWN"


def _tell(checklist: Checklist, seen: _Seen, flows: Sequence[Flow]) -> None:
    if seen.faults:
        told = "; ".join(f"line {number}: {fault}" for number, fault in seen.faults[:_SHOWN])
        more = len(seen.faults) - _SHOWN
        checklist.failed("messages.valid", told + (f"; and {more} more" if more > 0 else ""))
    else:
        checklist.judged("messages.valid", seen.count > 0, f"{seen.count} messages")
    if seen.foreign or seen.contents:
        _none(checklist, "messages.own", seen.foreign, "of another party")
    for flow in flows:
        checklist.judged(covers(flow), seen.flows[flow] > 0, f"{seen.flows[flow]} messages")
    if not seen.contents:
        checklist.rest_not_tried("there is no valid message of the party")
        return
    _none(checklist, "messages.ids", seen.reused, "with another content under an id that came before")
    _none(checklist, "messages.clock", seen.ahead, "raised after now")
    _none(checklist, "messages.codes", seen.unknown_codes, "with an unknown code")
    _none(checklist, "messages.synthetic", seen.real, "with a CPR number that may be somebody's")
    checklist.judged("messages.takes-back", seen.taking_back > 0, f"{seen.taking_back} messages")


def _none(checklist: Checklist, id_: str, lines: list[int], what: str) -> None:
    at = ", ".join(map(str, lines[:_SHOWN])) + (" ..." if len(lines) > _SHOWN else "")
    checklist.judged(id_, not lines, f"{len(lines)} {what}: line {at}" if lines else f"none {what}")
