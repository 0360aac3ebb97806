"""Plays the gateway towards an endpoint: asks it, posts to it as the deliverer does, and as nobody should."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import orjson

from connectors.conformance.checklist import Checklist
from connectors.conformance.deliveries import Deliveries, Event
from connectors.conformance.kind import Kind, types_received
from connectors.conformance.requirements import takes
from connectors.webhooks.client import READ_SECONDS, WebhookClient
from connectors.webhooks.signing import signed_headers
from connectors.webhooks.trial import DoesNotAgree, trial
from connectors.webhooks.verdict import Answer, Verdict
from schemas.problems import OvergangError
from streams.ledger.webhook_secrets import WebhookSecret, new_secret

AT_ONCE: Final = 4
_LONG_AGO: Final = timedelta(minutes=10)
_LETTERS: Final = "Blåbærgrød, naïveté, Ōsaka, 🎓"


class _Ended(OvergangError):
    """Nothing further can be learnt of the endpoint; the text says why."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class EndpointTrial:
    """One endpoint of one party. `run` tells the checklist every item of `endpoint_requirements`."""

    client: WebhookClient
    url: str
    secret: WebhookSecret
    kind: Kind
    made: Deliveries
    checklist: Checklist
    now: Callable[[], datetime] = _utc_now
    _slowest: float = 0.0
    _answers: int = 0

    async def run(self) -> None:
        """Never raises for what the endpoint does."""
        try:
            await self._first_word()
            for type_ in types_received(self.kind):
                self._taken(takes(type_), await self._deliver(self.made.of_type(type_)))
            await self._signatures()
            await self._forgeries()
            await self._later_contracts()
            await self._tasks()
            await self._load()
        except _Ended as ended:
            self.checklist.rest_not_tried(str(ended))
            return
        self.checklist.passed(
            "endpoint.in-time", f"slowest of {self._answers} answers: {self._slowest:.1f} s"
        )

    async def _first_word(self) -> None:
        public = self.url.startswith("https://")
        self.checklist.judged("endpoint.public", public, "https" if public else "http on this machine")
        try:
            answer = await self._timed(trial(self.client, self.url, [self.secret], self.now()))
        except DoesNotAgree as refused:
            self.checklist.failed("endpoint.agrees", str(refused))
            raise _Ended("nothing is posted to an endpoint that does not agree") from None
        except _Ended:
            # It is only posted to once it has agreed.
            self.checklist.passed("endpoint.agrees", "agreed")
            raise
        self.checklist.passed("endpoint.agrees", "agreed")
        self._taken("endpoint.signed", answer)
        if answer.verdict is not Verdict.DELIVERED:
            raise _Ended("a well-signed event was not taken, so nothing else would tell anything")

    async def _signatures(self) -> None:
        again, id_ = orjson.dumps(self.made.task()), str(uuid4())
        await self._post(again, self._signed(again, id_))
        self._taken("endpoint.repeat", await self._post(again, self._signed(again, id_)))
        written = json.dumps(self.made.task(explanation=_LETTERS), indent=3).encode() + b"\n"
        self._taken("endpoint.raw-body", await self._post(written, self._signed(written)))
        body = orjson.dumps(self.made.task())
        both = signed_headers(str(uuid4()), self.now(), body, [new_secret(), self.secret])
        self._taken("endpoint.two-signatures", await self._post(body, both))

    async def _forgeries(self) -> None:
        body = orjson.dumps(self.made.task())
        by_another = signed_headers(str(uuid4()), self.now(), body, [new_secret()])
        self._refused("endpoint.wrong-signature", await self._post(body, by_another))
        changed = body.replace(b'"OPEN"', b'"DONE"')
        assert changed != body
        self._refused("endpoint.changed-body", await self._post(changed, self._signed(body)))
        self._refused("endpoint.unsigned", await self._post(body, {}))
        for id_, at in (
            ("endpoint.old-timestamp", self.now() - _LONG_AGO),
            ("endpoint.future-timestamp", self.now() + _LONG_AGO),
        ):
            headers = signed_headers(str(uuid4()), at, body, [self.secret])
            self._refused(id_, await self._post(body, headers))
        # The number that it bears must not be missing to who counts.
        await self._post(body, self._signed(body))

    async def _later_contracts(self) -> None:
        extended = self.made.task() | {"addedlater": "a"}
        self._taken("endpoint.unknown-attribute", await self._deliver(extended))
        grown = self.made.task()
        grown["data"]["added_later"] = "a"
        self._taken("endpoint.unknown-field", await self._deliver(grown))
        self._taken("endpoint.unknown-code", await self._deliver(self.made.task(kind="A_LATER_KIND")))

    async def _tasks(self) -> None:
        task_id = str(uuid4())
        states = ("PLANNED", "OPEN", "OVERDUE", "WITHDRAWN")
        revisions = [
            self.made.task(task_id=task_id, revision=number, state=state)
            for number, state in enumerate(states, 1)
        ]
        self._all_taken("endpoint.revisions", [await self._deliver(revision) for revision in revisions])
        task_id = str(uuid4())
        swapped = [self.made.task(task_id=task_id, revision=number) for number in (2, 1)]
        self._all_taken("endpoint.older-revision", [await self._deliver(revision) for revision in swapped])
        self.made.skip()
        self._taken("endpoint.gap", await self._deliver(self.made.task()))

    async def _load(self) -> None:
        four = [self._deliver(self.made.task()) for _ in range(AT_ONCE)]
        answers = await asyncio.gather(*four, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        self._all_taken("endpoint.four-at-once", [a for a in answers if isinstance(a, Answer)])
        self._taken("endpoint.large", await self._deliver(self.made.large_task()))

    async def _deliver(self, event: Event) -> Answer:
        body = orjson.dumps(event)
        return await self._post(body, self._signed(body))

    def _signed(self, body: bytes, id_: str | None = None) -> dict[str, str]:
        return signed_headers(id_ or str(uuid4()), self.now(), body, [self.secret])

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self._timed(self.client.post(self.url, headers, body))

    async def _timed(self, asked: Awaitable[Answer]) -> Answer:
        began = time.monotonic()
        answer = await asked
        seconds = time.monotonic() - began
        if answer.status is None and seconds >= READ_SECONDS:
            self.checklist.failed("endpoint.in-time", f"no answer after {seconds:.0f} s")
            raise _Ended("it does not answer in time")
        self._slowest = max(self._slowest, seconds)
        self._answers += 1
        return answer

    def _taken(self, id_: str, answer: Answer) -> None:
        self.checklist.judged(id_, answer.verdict is Verdict.DELIVERED, answer.text())

    def _all_taken(self, id_: str, answers: Iterable[Answer]) -> None:
        said = [answer.text() for answer in answers if answer.verdict is not Verdict.DELIVERED]
        self.checklist.judged(id_, not said, said[0] if said else "each was taken")

    def _refused(self, id_: str, answer: Answer) -> None:
        # 5xx would be tried again for days: only an answer that is for good counts as a refusal.
        self.checklist.judged(id_, answer.verdict is Verdict.REFUSED, answer.text())
