"""Plays a script once before anything starts: what its author did not mean is told at once."""

from datetime import UTC, datetime
from typing import Final

import orjson

from connectors.sandbox.messages import message_of
from connectors.sandbox.script import Script, ScriptedParty, ScriptRefused, Sending
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.key_file import KEY_BYTES
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey

_NOBODYS_KEY: Final = PseudonymKey(bytes(KEY_BYTES))


def rehearse(script: Script) -> None:
    """Raises ScriptRefused where a message without a fault is not valid, or one with a fault is."""
    for party in script.party:
        for number, sending in enumerate(party.sends, 1):
            if why := _unmeant(party, sending):
                raise ScriptRefused(f"{party.address}, message {number} ({sending.flow}): {why}")


def _unmeant(party: ScriptedParty, sending: Sending) -> str | None:
    now = datetime.now(UTC)
    try:
        body = orjson.dumps(message_of(sending, party.party, 0, now))
        from_structured(body, _NOBODYS_KEY, shipped(), now)
    except InvalidMessage as invalid:
        return None if sending.fault else f"{invalid.problems[0]}, or say what is wrong with it in `fault`"
    return f"`fault` says {sending.fault!r}, but the gateway would take it" if sending.fault else None
