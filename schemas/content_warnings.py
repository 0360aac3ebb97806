"""What is unusual in the content of a message, and never a reason to refuse it.

`CPR_MOD11`: the check digit does not fit. `REPLACEMENT_CPR`: day + 60. `UNKNOWN_CODE`: a list that others own
does not have a code on the message's date: sender's, residence or assigned municipality, target group, SED
type, country of the competent institution or, in EU flows, of a foreign number.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from schemas.code_lists import CodeLists
from schemas.identifiers import parse_cpr, parse_party
from schemas.message import Envelope, Record

_DENMARK: Final = ZoneInfo("Europe/Copenhagen")


def warnings_of(envelope: Envelope, data: Record, lists: CodeLists) -> tuple[str, ...]:
    """The warnings that the content alone gives, sorted, each once."""
    citizens = _citizens(envelope, data)
    found = {warning for citizen in citizens for warning in _of_cpr(citizen["cpr"])}
    on = envelope.time.astimezone(_DENMARK).date()
    if not all(_codes_known(envelope, data, citizens, lists, on)):
        found.add("UNKNOWN_CODE")
    return tuple(sorted(found)) if found else ()


def _citizens(envelope: Envelope, data: Record) -> list[Record]:
    holders = (data.get("assigns"), data.get("merges")) if envelope.flow == "correction" else (data,)
    found = (holder.get(name) for holder in holders if holder for name in ("citizen", "into"))
    return [citizen for citizen in found if citizen]


def _of_cpr(number: str | None) -> Iterator[str]:
    if number is not None:
        cpr = parse_cpr(number)
        if cpr.replacement:
            yield "REPLACEMENT_CPR"
        if not cpr.mod11:
            yield "CPR_MOD11"


def _codes_known(
    envelope: Envelope, data: Record, citizens: Sequence[Record], lists: CodeLists, on: date
) -> Iterator[bool]:
    role, number = parse_party(envelope.source)
    if role == "municipality":
        yield lists.is_municipality(number, on)
    for citizen in citizens:
        if residence := citizen["residence_municipality"]:
            yield lists.is_municipality(residence, on)
    if group := data.get("target_group"):
        yield lists.knows_target_group(group, on)
    if sed_type := data.get("sed_type"):
        yield lists.knows_sed_type(sed_type, on)
    if assigns := data.get("assigns"):
        yield lists.is_municipality(assigns["municipality"], on)
    if paying := data.get("competent_institution"):
        yield lists.knows_country(paying["id"].partition(":")[0], on)
    if envelope.flow in ("eu-registration", "eu-event"):
        for citizen in citizens:
            if foreign := citizen["foreign_id"]:
                yield lists.knows_country(foreign["country"], on)
