"""Where lives are played: a queue of what happens next, and the post that carries messages to the gateway."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any
from uuid import UUID, uuid5

from connectors.simulation.calendar import DAY, Calendar
from connectors.simulation.parties import Parties
from schemas.identifiers import Flow

Event = dict[str, Any]
Process = Iterator[int]
"""A part of a life: it does something and yields the instant at which it goes on (never an earlier one)."""

_REPEATED = 0.025
_ID_REUSED = 0.0004


class Stage:
    """Plays processes in order of time and hands out messages in order of arrival.

    Memory holds the processes under way and the messages in transit, not those that were or will be sent.
    """

    def __init__(self, calendar: Calendar, parties: Parties, random: Random, namespace: UUID) -> None:
        self.calendar = calendar
        self.parties = parties
        self.random = random
        self._namespace = namespace
        self._sent = count()
        self._order = count()
        self._queue: list[tuple[int, int, Process | Event]] = []

    def spawn(self, process: Process, at: int) -> None:
        """Let a process begin at an instant; after the window nothing begins."""
        if at < self.calendar.end:
            heappush(self._queue, (at, next(self._order), process))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def days(self, shortest: float, longest: float, after: int) -> int:
        """An instant of a course, a number of days in that range later (calendar days at full pace)."""
        return self.calendar.in_course(after, self.random.uniform(shortest, longest), self.random)

    def working_days(self, fewest: int, most: int, after: int) -> int:
        """An instant at which somebody reacts, a number of working days in that range later."""
        return self.calendar.reaction(after, self.random.randint(fewest, most), self.random)

    def send(
        self, at: int, source: str, flow: Flow, data: dict[str, Any], *, causation: str | None = None
    ) -> str:
        """Raise a message at `at` and post it: most arrive at once, some late, some twice. Gives its id."""
        message_id = str(uuid5(self._namespace, str(next(self._sent))))
        event: Event = {
            "specversion": "1.0",
            "id": message_id,
            "source": source,
            "type": f"dk.overgang.{flow}.v1",
            "time": self.calendar.text(at),
            "datacontenttype": "application/json",
        }
        if causation is not None:
            event["causationid"] = causation
        event["data"] = data
        arrival = at + self._transit()
        self._post(arrival, event)
        if self.chance(_REPEATED):
            self._post(arrival + self.random.randint(20, 2 * DAY), event)
        if self.chance(_ID_REUSED):
            # A sender that stamps its retry anew: the same id, another content.
            again = event | {"time": self.calendar.text(min(at + 60, self.calendar.end - 1))}
            self._post(arrival + self.random.randint(60, DAY), again)
        return message_id

    def play(self) -> Iterator[Event]:
        """Messages in the order in which they arrive, until the window ends."""
        queue = self._queue
        while queue:
            at, _, item = heappop(queue)
            if isinstance(item, dict):
                yield item
            elif (goes_on := next(item, None)) is not None:
                self.spawn(item, goes_on if goes_on > at else at)

    def _post(self, arrival: int, event: Event) -> None:
        if arrival < self.calendar.end:
            heappush(self._queue, (arrival, next(self._order), event))

    def _transit(self) -> int:
        """Seconds from a message's time to its arrival."""
        draw = self.random.random()
        if draw < 0.90:
            return int(draw * 100)
        if draw < 0.97:
            return self.random.randint(120, 4 * 3600)
        return self.random.randint(4 * 3600, 4 * DAY)
