"""A party that sends its scripted messages, round after round, and tells what the gateway said."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final

import httpx

from connectors.sandbox.messages import message_of
from connectors.sandbox.script import ScriptedParty, Sending

_STRUCTURED: Final = {"content-type": "application/cloudevents+json"}

Say = Callable[[str, str], None]
"""Told who and what; never content of a message."""


@dataclass(slots=True)
class ScriptedSender:
    """`run` until `told` is set. `first_round`: a sandbox that starts again goes on with other people."""

    scripted: ScriptedParty
    client: httpx.Client
    say: Say
    told: threading.Event
    first_round: int
    clock: Callable[[], float] = field(default=time.monotonic)

    def run(self) -> None:
        """Never raises: a gateway that does not answer is told, and tried again in the next round."""
        for round_ in count(self.first_round):
            began = self.clock()
            for sending in sorted(self.scripted.sends, key=lambda sending: sending.after_seconds):
                if self.told.wait(max(0.0, began + sending.after_seconds - self.clock())):
                    return
                self._send(sending, round_)
            if self.told.wait(max(0.0, began + self.scripted.every_seconds - self.clock())):
                return

    def _send(self, sending: Sending, round_: int) -> None:
        event = message_of(sending, self.scripted.party, round_, datetime.now(UTC))
        statuses: list[int] = []
        try:
            for _ in range(sending.times):
                answer = self.client.post("/v1/messages", json=event, headers=_STRUCTURED)
                statuses.append(answer.status_code)
        except httpx.TransportError as failed:
            self.say(self.scripted.party, f"{sending.flow}: no answer, {type(failed).__name__}")
            return
        self.say(self.scripted.party, f"{sending.flow}: {_words(sending, statuses)}")


def _words(sending: Sending, statuses: Sequence[int]) -> str:
    said = " and ".join(f"answered {status}" for status in statuses)
    return f"{said} ({sending.fault})" if sending.fault else said
