"""Which flows are stopped and why, and how often we ourselves failed at each."""

from datetime import datetime
from typing import Any, cast

from psycopg import Cursor

from schemas.identifiers import Flow


def count_fault(cursor: Cursor[Any], flow: Flow, fault: str) -> int:
    """Count one fault of ours; return how many there were. `fault` names kind and place, never content."""
    cursor.execute(
        "INSERT INTO flows (flow, faults, last_fault) VALUES (%(flow)s, 1, %(fault)s) ON CONFLICT (flow)"
        " DO UPDATE SET faults = flows.faults + 1, last_fault = excluded.last_fault RETURNING faults",
        {"flow": flow, "fault": fault},
    )
    return int(cast(tuple[int], cursor.fetchone())[0])


def stop(cursor: Cursor[Any], flow: Flow, reason: str, now: datetime) -> None:
    """Mark the flow stopped; the first reason stays until it is resumed."""
    cursor.execute(
        "INSERT INTO flows (flow, stopped_at, stopped_because) VALUES (%(flow)s, %(now)s, %(reason)s)"
        " ON CONFLICT (flow) DO UPDATE SET stopped_at = excluded.stopped_at,"
        " stopped_because = excluded.stopped_because WHERE flows.stopped_at IS NULL",
        {"flow": flow, "now": now, "reason": reason},
    )


def resume(cursor: Cursor[Any], flow: Flow) -> bool:
    """Let a stopped flow read on; False where it was not stopped."""
    cursor.execute(
        "UPDATE flows SET stopped_at = NULL, stopped_because = NULL"
        " WHERE flow = %s AND stopped_at IS NOT NULL",
        (flow,),
    )
    return cursor.rowcount == 1


def stopped(cursor: Cursor[Any]) -> dict[Flow, str]:
    """The stopped flows with their reasons."""
    cursor.execute("SELECT flow, stopped_because FROM flows WHERE stopped_at IS NOT NULL")
    return dict(cursor.fetchall())
