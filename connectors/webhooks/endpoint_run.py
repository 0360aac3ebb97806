"""Serves one endpoint: what to post next, what came of it, how long to wait.

Messages are posted several at a time, those of one case one after the other. A message that did not arrive
becomes an exception with times of its own, the messages of its case wait behind it, all others go on: the
cursor moves over it. It moves only past what is settled, so a crash repeats and never skips.

An endpoint that is away is tried one message at a time with a pause, so that what waits stays in the outbound
and costs nothing. Its first answer makes all that waits due at once.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import structlog

from connectors.webhooks.means import Means
from connectors.webhooks.signing import signed_headers, webhook_id
from connectors.webhooks.silence import Silence
from connectors.webhooks.verdict import LONGEST_WAIT, Answer, Verdict, wait_after
from schemas.identifiers import PartyAddress
from schemas.problems import InvalidMessage
from streams.failures import fault_name
from streams.ledger import webhook_settling, webhooks
from streams.ledger.case_keys import CaseErased
from streams.ledger.sealing import CannotOpen
from streams.ledger.webhook_secrets import open_secrets
from streams.webhooks import Delivery, DeliveryState, Endpoint, EndpointState, Settled

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4
"""Messages on their way to one endpoint."""
WINDOW: Final = 64
"""Messages beyond the cursor that are known, and repeated after a crash, at most."""
_ERASED: Final = "the case was erased before the message was delivered"
_EXPIRED: Final = "not delivered in time"
_GONE: Final = "answered 410 Gone"


@dataclass(frozen=True, slots=True)
class _Landed:
    """A post that has ended: with an answer, or, where the message could not be read, with the reason."""

    delivery: Delivery
    answer: Answer | None
    unreadable: str | None = None


class EndpointRun:
    """One endpoint, while its deliverer has it. Not safe for two tasks at a time."""

    def __init__(self, party: PartyAddress, means: Means) -> None:
        self.party = party
        self._means = means
        self._client = means.new_client()
        self._endpoint: Endpoint | None = None
        self._known = -1
        """Number of the last message that was looked at; -1 before the first look."""
        self._ahead: dict[int, Delivery] = {}
        self._due: list[Delivery] = []
        self._flying: dict[asyncio.Task[_Landed], Delivery] = {}
        self._settled: list[Settled] = []
        self._silence = Silence(means.now)
        self._held_until: datetime | None = None
        self._gone = False
        self._well_again = False
        self.stopping = False

    @property
    def away(self) -> bool:
        """Whether nothing but errors was heard of it lately."""
        return self._silence.away

    def wants(self, endpoint: Endpoint) -> bool:
        """Whether there is anything to do now, as the endpoint stands."""
        now = self._means.now()
        if endpoint.state is EndpointState.PENDING and _come(endpoint.validate_at, now):
            return True
        if _come(endpoint.next_expiry, now) or any(d.expires_at <= now for d in self._ahead.values()):
            return True
        if self._sends(endpoint, now) and (self._ahead or _come(endpoint.next_attempt_at, now)):
            return True
        return self._looks_further(endpoint)

    async def until_idle(self) -> None:
        """Do all that is to be done now, however much it is. Raises psycopg.Error."""
        try:
            while True:
                await self._look()
                self._start()
                if self._settled:
                    await self._settle()
                elif self._flying:
                    await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
                    self._land()
                    await self._settle()
                else:
                    return
        finally:
            await self._drop()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _look(self) -> None:
        means, now = self._means, self._means.now()
        [endpoint] = await means.line.ask(webhooks.endpoints, [self.party])
        if endpoint.state is EndpointState.PENDING and _come(endpoint.validate_at, now) and not self.stopping:
            await self._validate(endpoint)
            [endpoint] = await means.line.ask(webhooks.endpoints, [self.party])
        self._endpoint = endpoint
        if self._known < 0:
            self._known = endpoint.cursor
        flying = [delivery.sequence for delivery in self._flying.values()]
        if _come(endpoint.next_expiry, now):
            for delivery in await means.line.ask(webhooks.ended, self.party, now, WINDOW, flying):
                self._expire(delivery)
        self._due = []
        if self._sends(endpoint, now) and _come(endpoint.next_attempt_at, now):
            self._due = await means.line.ask(webhooks.due, self.party, now, AT_ONCE + len(flying), flying)
        if self._looks_further(endpoint) and not self.stopping:
            await self._look_further()
        for delivery in list(self._ahead.values()):
            if delivery.expires_at <= now and delivery.sequence not in flying:
                self._expire(delivery)

    async def _look_further(self) -> None:
        means = self._means
        room = WINDOW - len(self._ahead)
        found = await means.line.ask(webhooks.fresh, self.party, self._known, room, means.ttl)
        blocked = await means.line.ask(webhooks.order, self.party, [*self._ahead.values(), *found])
        for delivery in found:
            self._known = delivery.sequence
            self._ahead[delivery.sequence] = delivery
            if delivery.order_key in blocked:
                self._wait_behind(delivery)

    def _start(self) -> None:
        now = self._means.now()
        if self.stopping or self._endpoint is None or not self._sends(self._endpoint, now):
            return
        taken = {one.delivery.sequence for one in self._settled}
        taken |= {delivery.sequence for delivery in self._flying.values()}
        busy = {delivery.order_key for delivery in self._flying.values()}
        for delivery in (*self._due, *self._ahead.values()):
            if len(self._flying) >= (1 if self.away else AT_ONCE):
                return
            if delivery.sequence in taken:
                continue
            if delivery.order_key is None or delivery.order_key not in busy:
                self._flying[asyncio.create_task(self._post(delivery))] = delivery
                taken.add(delivery.sequence)
            busy.add(delivery.order_key)

    async def _post(self, delivery: Delivery) -> _Landed:
        means, endpoint = self._means, self._endpoint
        assert endpoint is not None
        async with means.slots.away if self.away else means.slots.well:
            try:
                attributes, body = await means.line.ask(
                    webhooks.body, means.line.vault, self.party, delivery.sequence
                )
                secrets = open_secrets(means.seal, self.party, endpoint.secrets, means.now())
            except CaseErased:
                return _Landed(delivery, None, _ERASED)
            except (CannotOpen, InvalidMessage) as closed:
                # Our own fault and nobody else's: it waits until the right key, or version, is back.
                log.error("a message cannot be read", party=self.party, reason=fault_name(closed))
                return _Landed(delivery, Answer(None, "the gateway could not read it"))
            id_ = webhook_id(self.party, delivery.sequence)
            headers = signed_headers(id_, means.now(), body, secrets)
            hop = None
            if means.tracing is not None:
                hop = means.tracing.posting(attributes, self.party, urlsplit(endpoint.url).hostname or "")
            if hop is not None:
                headers |= {"traceparent": hop.traceparent}
            with means.metrics.seconds.time():
                answer = await self._client.post(endpoint.url, headers, body)
            if hop is not None:
                told = {} if answer.status is None else {"http.response.status_code": answer.status}
                hop.end(answer.verdict.value, told, failed=answer.verdict is not Verdict.DELIVERED)
        means.metrics.attempts.labels(answer.verdict.value).inc()
        return _Landed(delivery, answer)

    def _land(self) -> None:
        for task in [task for task in self._flying if task.done()]:
            del self._flying[task]
            landed = task.result()
            if landed.answer is None:
                self._over(landed.delivery, DeliveryState.EXPIRED, landed.unreadable)
            else:
                self._judge(landed.delivery, landed.answer)

    def _judge(self, delivery: Delivery, answer: Answer) -> None:
        delivery.attempts += 1
        if answer.endpoint_is_away:
            self._silence.goes_on(delivery.sequence)
        else:
            self._well_again = self._well_again or self.away
            self._silence.ends()
        match answer.verdict:
            case Verdict.DELIVERED:
                waited = self._means.now() - (delivery.expires_at - self._means.ttl)
                self._means.metrics.delivered.labels("webhook").observe(max(0.0, waited.total_seconds()))
                state = DeliveryState.DELIVERED_LATE if delivery.kept else None
                self._settled.append(Settled(delivery, state, answer.text(), None, attempted=True))
            case Verdict.REFUSED:
                self._over(delivery, DeliveryState.FAILED, answer.text(), attempted=True)
            case Verdict.GONE | Verdict.AGAIN:
                self._gone = self._gone or answer.verdict is Verdict.GONE
                self._try_later(delivery, answer)

    def _try_later(self, delivery: Delivery, answer: Answer) -> None:
        now = self._means.now()
        wait = wait_after(delivery.attempts)
        if answer.hold is not None:
            wait = min(max(wait, answer.hold), LONGEST_WAIT)
            self._held_until = now + answer.hold
        self._settled.append(
            Settled(delivery, DeliveryState.WAITING, answer.text(), now + wait, attempted=True)
        )
        for other in self._ahead.values():
            follows = other.sequence != delivery.sequence and other.order_key == delivery.order_key
            if follows and delivery.order_key is not None:
                self._wait_behind(other)

    def _wait_behind(self, delivery: Delivery) -> None:
        self._settled.append(Settled(delivery, DeliveryState.WAITING, "waits behind an earlier message"))

    def _expire(self, delivery: Delivery) -> None:
        self._over(delivery, DeliveryState.EXPIRED, _EXPIRED)

    def _over(
        self, delivery: Delivery, state: DeliveryState, status: str | None, *, attempted: bool = False
    ) -> None:
        self._settled.append(Settled(delivery, state, status, None, attempted))

    async def _settle(self) -> None:
        if not self._settled:
            return
        assert self._endpoint is not None
        # Of what was settled twice (it expired, and somebody before it failed), the first counts.
        settled = list({one.delivery.sequence: one for one in reversed(self._settled)}.values())[::-1]
        for one in settled:
            self._ahead.pop(one.delivery.sequence, None)
        self._settled = []
        await self._means.line.ask(
            webhook_settling.settle,
            self._means.line.vault,
            self._endpoint,
            min(self._ahead, default=self._known + 1) - 1,
            settled,
            self._means.now(),
            held_until=self._held_until,
            gone=_GONE if self._gone else None,
            well_again=self._well_again,
        )
        self._held_until, self._gone, self._well_again = None, False, False

    async def _validate(self, endpoint: Endpoint) -> None:
        means = self._means
        async with means.slots.away:
            why = await self._client.refusal(endpoint.url)
        if why is None:
            self._silence.ends()
            await means.line.ask(webhook_settling.activate, endpoint, means.now())
            return
        again_at = means.now() + wait_after(endpoint.validations + 1)
        await means.line.ask(webhook_settling.postpone, endpoint, why, again_at)

    def _sends(self, endpoint: Endpoint, now: datetime) -> bool:
        held = endpoint.held_until is not None and now < endpoint.held_until
        return endpoint.state is EndpointState.ACTIVE and not held and not self._silence.rests(now)

    def _looks_further(self, endpoint: Endpoint) -> bool:
        known = endpoint.cursor if self._known < 0 else self._known
        return endpoint.activated_at is not None and endpoint.newest > known and len(self._ahead) < WINDOW

    async def _drop(self) -> None:
        """Where something failed: what is on its way is unknown, and comes again with the same id."""
        for task in self._flying:
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        self._flying.clear()


def _come(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
