"""What-if over the facts of a ledger, case by case, as they are at one instant."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from connectors.cli.progress import progress
from connectors.whatif.judging import Judge, Judging, Outcome
from connectors.whatif.workers import Workers
from streams.ledger.case_stream import Share, Snapshot, reading_at, snapshot, stored_cases
from streams.ledger.sealing import Seal

_CASES_A_SHARE: Final = 4_000
_MOST_SHARES: Final = 1_024


@dataclass(frozen=True, slots=True)
class LedgerDesk:
    """What every process that reads one ledger works with."""

    database_url: str
    wrapping: Seal
    judging: Judging


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """One share of the cases that a snapshot shows."""

    view: Snapshot
    share: Share


def outcomes_of_ledger(desk: LedgerDesk) -> Iterator[Outcome]:
    """What the ledger, and then each share of its cases, comes to; a bar on a terminal tells how far it is.

    Raises:
        CannotOpen, WorkerLost, psycopg.Error
    """
    # Neither the connection nor the bar's thread may be copied into the processes: those begin first.
    with Workers(desk) as workers, snapshot(desk.database_url) as view:
        shares = min(1 + view.cases // _CASES_A_SHARE, _MOST_SHARES)
        jobs = [LedgerPart(view, Share(n, shares)) for n in range(shares)]
        yield Outcome(messages=view.messages)
        with progress("comparing", shares) as advance:
            for done, outcome in enumerate(workers.map(judge_share, jobs), 1):
                advance(done)
                yield outcome


def judge_share(desk: LedgerDesk, part: LedgerPart) -> Outcome:
    """Judge each case of a share under both rule sets; those whose key was destroyed are left out."""
    judge = Judge(desk.judging)
    with reading_at(desk.database_url, part.view) as connection:
        for case in stored_cases(connection, desk.wrapping, part.share):
            if case.facts is not None:
                judge.take(case.facts)
    return judge.outcome()
