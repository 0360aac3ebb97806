"""How the stream can fail, and what each failure does: the only place that maps a fault to an outcome."""

from enum import StrEnum

import psycopg
from psycopg.errors import DiskFull

from schemas.identifiers import Flow
from schemas.problems import OvergangError
from streams.disk_room import DATABASE_DISK, DATABASE_FULL
from streams.ledger.registry_watch import RegistryUnknown


class FlowStopped(OvergangError):
    """Our own fault, or a topic that is not what it was: this flow reads no further until it is resumed."""

    def __init__(self, flow: Flow, reason: str) -> None:
        super().__init__(f"flow {flow} stopped: {reason}; mend the cause, then resume the flow")
        self.flow = flow
        self.reason = reason


class StopWorker(OvergangError):
    """Going on would risk a lost input: exit 1. The next start begins at the stored position."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Fenced(OvergangError):
    """The stored position is not where the batch starts, somebody else moved it. Nothing was stored."""

    def __init__(self, topic: str, partition: int, after: int, stored: int | None) -> None:
        super().__init__(
            f"{topic} [{partition}]: the batch starts after {after}, the stored position is {stored}"
        )
        self.topic = topic
        self.partition = partition
        self.after = after
        self.stored = stored


class Outcome(StrEnum):
    """What the agent does with a batch whose `apply` failed."""

    RETRY = "RETRY"
    """The database is away: the same batch again, after a pause; the worker is unready meanwhile."""
    FENCED = "FENCED"
    """Intake decides: drop a batch of an old epoch, else read the position anew."""
    STOP_FLOW = "STOP_FLOW"
    """Our own fault: counted durably, the flow stops with the batch unconsumed."""
    STOP_WORKER = "STOP_WORKER"


_PASSING = frozenset({"08", "40", "53", "55", "57", "58"})
"""SQLSTATE classes of trouble that passes by itself: connection, rollback, resources, locks, an operator's
stop, the system. Another `OperationalError` (54, a limit of the program) comes back for the same input."""


def outcome_of(error: Exception) -> Outcome:
    """Map what decoding or applying a batch raised to what happens to the batch."""
    match error:
        case StopWorker():
            return Outcome.STOP_WORKER
        case Fenced():
            return Outcome.FENCED
        case psycopg.OperationalError(sqlstate=str(state)) if state[:2] not in _PASSING:
            return Outcome.STOP_FLOW
        case psycopg.OperationalError() | psycopg.InterfaceError() | RegistryUnknown():
            return Outcome.RETRY
        case _:
            return Outcome.STOP_FLOW


def database_trouble(error: Exception) -> tuple[str, str]:
    """The part of health that a `RETRY` concerns, and why it cannot work: away, or its disk is full."""
    return (DATABASE_DISK, DATABASE_FULL) if isinstance(error, DiskFull) else ("database", "does not answer")


def fault_name(fault: BaseException) -> str:
    """The kind of an exception and where it was raised; not its text, which may hold what somebody sent."""
    place = fault.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno}" if place else ""
    return f"{type(fault).__name__}{where}"
