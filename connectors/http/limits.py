"""Limits of one system as answers: which one is reached, and when to come again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from connectors.http.metrics import Metrics
from connectors.http.problems import Refusal
from connectors.limits.in_hand import Body, InHand, Shares, TooMuch
from connectors.limits.rates import Rate, Rates
from schemas.identifiers import PartyAddress, SystemId
from schemas.problems import Problem

_RATE: Final = Rate(200, 5000)
_SOON_SECONDS: Final = "1"
_ASK: Final = "wait the seconds in Retry-After; the operator sets the limit"

Sender = tuple[SystemId, PartyAddress | None]
"""Whose messages count together: those of a system for a party; None: for none that it may send for."""


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """What one system may ask: requests and, for each party that it sends for, messages; and how much of it
    at a time."""

    requests: Rate = field(default=_RATE)
    messages: Rate = field(default=_RATE)
    shares: Shares = field(default_factory=Shares)


class Limits:
    """The limits of one API process."""

    def __init__(self, config: LimitConfig, metrics: Metrics) -> None:
        self._requests: Rates[SystemId] = Rates(config.requests)
        self._messages: Rates[Sender] = Rates(config.messages)
        self._metrics = metrics
        self.in_hand = InHand(config.shares)
        metrics.batches.set_function(lambda: self.in_hand.batches)

    @contextmanager
    def request(self, system: SystemId) -> Iterator[None]:
        """A request until it is answered. Raises Refusal (429)."""
        if not self._requests.take(system):
            raise self._exceeded(
                system, "requests_per_second", self._requests.rate, self._requests.seconds_until(system)
            )
        with self.fair(system), self.in_hand.request(system):
            yield

    @contextmanager
    def batch(self, system: SystemId) -> Iterator[Body]:
        """A batch until it is answered, whose body may grow. Raises Refusal."""
        with self.fair(system), self.in_hand.batch(system) as body:
            yield body

    def messages(self, sender: Sender, wanted: int) -> int:
        """How many of so many messages may be taken now."""
        return self._messages.take(sender, wanted)

    def messages_exceeded(self, sender: Sender, left: int) -> Refusal:
        """The answer to each message beyond; the waiting time is that of all that are `left`."""
        return self._exceeded(
            sender[0],
            "messages_per_second",
            self._messages.rate,
            self._messages.seconds_until(sender, left),
            " for one party",
        )

    @contextmanager
    def fair(self, system: SystemId) -> Iterator[None]:
        """Makes an answer of what is too much at a time: 429, or 503 where it is not the system's own."""
        try:
            yield
        except TooMuch as much:
            if not much.own:
                raise Refusal("busy", headers={"Retry-After": _SOON_SECONDS}) from much
            self._metrics.limited.labels(much.limit, self._metrics.system(system)).inc()
            fault = Problem(f"limit {much.limit}", f"{much.most} are in hand", "wait until some are answered")
            raise Refusal(
                "too-much-at-once", errors=[fault], headers={"Retry-After": _SOON_SECONDS}
            ) from much

    def _exceeded(self, system: SystemId, limit: str, rate: Rate, seconds: int, of: str = "") -> Refusal:
        self._metrics.limited.labels(limit, self._metrics.system(system)).inc()
        problem = f"is reached: {rate.per_second} a second{of}, at most {rate.burst} at once"
        fault = Problem(f"limit {limit}", problem, _ASK)
        return Refusal("rate-limited", errors=[fault], headers={"Retry-After": str(seconds)})


Hold = Callable[[int], None]
"""Told of bytes that came; raises where there is no room for them."""
