"""The messages that a script's parties send: examples with a made-up person for each round."""

from datetime import datetime
from typing import Any, Final
from uuid import uuid4
from zlib import crc32

from connectors.sandbox.script import ScriptRefused, Sending
from schemas.examples.events import example
from schemas.flows import FLOWS
from schemas.identifiers import PartyAddress
from streams.rules.facts import COPENHAGEN

Event = dict[str, Any]
_DAYS: Final = 28
_MONTHS: Final = 12
_REPLACEMENT: Final = 60
_SERIALS: Final = 1000
_SERIAL: Final = 4000
"""From here on the seventh digit says that the person was born after 1999."""


def replacement_cpr(who: str) -> str:
    """A replacement number (day + 60), the same for the same text; one of 336,000."""
    number, day = divmod(crc32(who.encode()), _DAYS)
    number, month = divmod(number, _MONTHS)
    return f"{day + 1 + _REPLACEMENT:02}{month + 1:02}04{_SERIAL + number % _SERIALS:04}"


def message_of(sending: Sending, party: PartyAddress, round_: int, now: datetime) -> Event:
    """A new message of the party: id and time are of now, the person is the round's.

    Raises ScriptRefused where a path leads through what is no object.
    """
    event = example(FLOWS[sending.flow].type)
    event |= {"id": str(uuid4()), "source": party, "time": now.isoformat()}
    words = {
        "{round}": f"{round_:x}",
        "{today}": now.astimezone(COPENHAGEN).date().isoformat(),
        "{cpr}": replacement_cpr(f"{party} {round_} {sending.person}"),
    }
    for path, value in {"data.citizen.cpr": "{cpr}", **sending.put}.items():
        _put(event, path.split("."), _filled(value, words))
    for path in sending.without:
        _leave_out(event, path.split("."))
    return event


def _filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(word, text)
    return value


def _put(event: Event, path: list[str], value: Any) -> None:
    *above, name = path
    for step in above:
        event = event.setdefault(step, {})
        if not isinstance(event, dict):
            raise ScriptRefused(f"put: {'.'.join(path)}: {step} is no object; correct the path")
    event[name] = value


def _leave_out(event: Event, path: list[str]) -> None:
    *above, name = path
    for step in above:
        event = event.get(step, {})
    if not isinstance(event, dict) or name not in event:
        raise ScriptRefused(f"without: {'.'.join(path)}: is not there; correct the path")
    del event[name]
