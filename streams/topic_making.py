"""Makes topics in a thread of its own: a broker that is away keeps nobody from numbering what is new."""

from collections.abc import Callable, Collection, Sequence
from threading import Condition, Thread

import structlog

from streams.failures import fault_name
from streams.topics import BrokerAway, TopicTrouble

log = structlog.get_logger(__name__)
_AGAIN = 1.0
"""Seconds until a broker that did not answer is asked anew; asking takes up to half a minute itself."""

Make = Callable[[Collection[str]], None]
"""Makes those topics that are missing. Raises TopicTrouble."""


class TopicMaking:
    """Topics are asked for by `ask` and told by `done`. While the broker is away they go on being made."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._changed = Condition()
        self._asked: list[str] = []
        self._at_work: list[str] = []
        self._done: dict[str, str | None] = {}
        self._closed = False
        self._thread: Thread | None = None

    def ask(self, topics: Collection[str]) -> None:
        """Make these; returns at once."""
        with self._changed:
            known = {*self._asked, *self._at_work, *self._done}
            self._asked += [topic for topic in topics if topic not in known]
            if self._thread is None:
                # A daemon: a broker that is away may hold it for longer than a stop may take.
                self._thread = Thread(target=self._run, name="topics", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def done(self) -> dict[str, str | None]:
        """Topics that came to an end since the last call: None where one is there, else why it is not."""
        with self._changed:
            done, self._done = self._done, {}
        return done

    def close(self) -> None:
        """Ask for nothing more; what is asked now is not waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while topics := self._next():
            try:
                done = self._made(topics)
            except BrokerAway as away:
                log.warning("topics cannot be made, trying again", topics=len(topics), reason=str(away))
                with self._changed:
                    self._asked, self._at_work = [*topics, *self._asked], []
                    self._changed.wait_for(lambda: self._closed, _AGAIN)
                continue
            with self._changed:
                self._done |= done
                self._at_work = []

    def _next(self) -> list[str]:
        """What to make next; nothing once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._closed)
            self._at_work, self._asked = ([] if self._closed else self._asked), []
            return self._at_work

    def _made(self, topics: Sequence[str]) -> dict[str, str | None]:
        """One bad topic must not hold up the others. Raises BrokerAway."""
        try:
            self._make(topics)
        except BrokerAway:
            raise
        except Exception as trouble:  # noqa: BLE001 our own fault must not end this thread: it is told and tried again
            if len(topics) > 1:
                return {name: why for topic in topics for name, why in self._made([topic]).items()}
            return {topics[0]: str(trouble) if isinstance(trouble, TopicTrouble) else fault_name(trouble)}
        return dict.fromkeys(topics)
