"""What the gateway knows already of the listed cases, asked over its HTTP API."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from connectors.cli.batch_sender import SendFailed
from schemas.identifiers import CaseKey, Flow, PartyAddress
from schemas.message import Message
from schemas.problems import OvergangError

_AT_ONCE: Final = 8
_ATTEMPTS: Final = 20
_PATIENCE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05


class OtherKey(OvergangError):
    """The pseudonym key here is not the gateway's."""


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message of a case that the gateway has decided on."""

    source: PartyAddress
    id: str
    flow: Flow
    time: datetime


class KnownCases:
    """Asks for many cases at once; one that nobody knows has no messages."""

    def __init__(self, client: httpx.Client, wait: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._wait = wait
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._patience = _PATIENCE_SECONDS

    def messages_of(self, cases: Iterable[CaseKey]) -> list[tuple[KnownMessage, ...]]:
        """The messages of each case, in the order of the cases. Raises SendFailed."""
        return list(self._pool.map(self._messages, cases))

    def decided(self, messages: Sequence[Message]) -> bool:
        """Wait until the gateway has decided on all of them; whether it has.

        Raises OtherKey where it found another case key than we did. A gateway that was once too slow is not
        waited for again.
        """
        waiting = list(messages)
        give_up = time.monotonic() + self._patience
        while waiting:
            found = self._pool.map(self._case, waiting)
            pairs = list(zip(waiting, found, strict=True))
            if any(case not in (None, message.case_key) for message, case in pairs):
                raise OtherKey(
                    "the pseudonym key here is not the gateway's, so its cases cannot be found; run this "
                    "with the gateway's data directory, or name its key in OVERGANG_PSEUDONYM_KEY_FILE"
                )
            waiting = [message for message, case in pairs if case is None]
            if waiting and time.monotonic() > give_up:
                self._patience = 0.0
                return False
            if waiting:
                self._wait(_LOOK_SECONDS)
        return True

    def close(self) -> None:
        """End the threads; questions that wait are not asked."""
        self._pool.shutdown(cancel_futures=True)

    def _messages(self, case: CaseKey) -> tuple[KnownMessage, ...]:
        found = self._get(f"/v1/cases/{case}")
        return tuple(
            KnownMessage(m["source"], m["id"], m["flow"], datetime.fromisoformat(m["time"]))
            for m in (found["messages"] if found else ())
        )

    def _case(self, message: Message) -> str | None:
        found = self._get(f"/v1/messages{message.envelope.source}/{message.envelope.id}")
        return found["case"] if found else None

    def _get(self, path: str) -> dict[str, Any] | None:
        """The object at an address, None where there is none."""
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.get(path)
            except httpx.TransportError as failure:
                raise SendFailed(
                    f"no answer from {self._client.base_url}; start the gateway with `overgang up`, or give "
                    "its address with --url, then run this again: what is there is recognised"
                ) from failure
            if answer.status_code == httpx.codes.OK:
                found: dict[str, Any] = answer.json()
                return found
            if answer.status_code == httpx.codes.NOT_FOUND and "/problems/" in answer.text:
                return None
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise SendFailed(f"HTTP {answer.status_code} from the gateway; is --url an Overgang gateway?")
            self._wait(1.0)
        raise SendFailed("the gateway stayed unavailable; see `overgang doctor`, then run this again")
