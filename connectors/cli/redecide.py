"""`overgang redecide`: after a change of rules, code lists or routes, have every case decided by them."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from connectors.cli.ledger_change import open_for_change
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.cli.progress import progress
from connectors.settings import Settings
from streams.ledger.ledger import Ledger
from streams.ledger.redeciding import Preview

_AT_ONCE = 200
"""Cases a transaction at most: it holds their locks, and new messages wait for those."""
_TRANSACTIONS_A_SECOND = 5


def redecide(
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Cases a second, at most.")] = 200,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change; nothing is stored or sent.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Decide again what other rules, code lists or routes decided; stop it at will, it goes on from there."""
    with open_for_change(Settings()) as ledger:
        if dry_run:
            _print_preview(_previewed(ledger), json)
            return
        decided = _decide_all(ledger, rate)
        left = ledger.count_outdated()
    if json:
        print_json({"decided": decided, "left": left})
        return
    typer.echo(f"{decided} cases decided again")
    if left:
        typer.echo(f"{left} were in use by others; run `overgang redecide` again for them")


def _decide_all(ledger: Ledger, rate: int) -> int:
    done, outdated = 0, ledger.count_outdated()
    started = time.monotonic()
    with progress("deciding", outdated) as advance:
        try:
            for count in _chunks(ledger, min(_AT_ONCE, max(1, rate // _TRANSACTIONS_A_SECOND))):
                done += count
                advance(done)
                time.sleep(max(0.0, started + done / rate - time.monotonic()))
        except KeyboardInterrupt:
            typer.echo(f"stopped: {done} cases decided again; the next run goes on from there", err=True)
            raise
    return done


def _chunks(ledger: Ledger, limit: int) -> Iterator[int]:
    """Sizes of the transactions, from the first key to the last, then once more for what others held."""
    for _ in range(2):
        after = ""
        while keys := ledger.redecide(datetime.now(UTC), limit, after):
            yield len(keys)
            after = keys[-1]


def _previewed(ledger: Ledger) -> Preview:
    now, whole = datetime.now(UTC), Preview(0, Counter(), 0, 0, None)
    with progress("comparing", ledger.count_outdated()) as advance:
        while (part := ledger.preview(now, _AT_ONCE, whole.last or "")).last:
            whole = replace(
                part,
                cases=whole.cases + part.cases,
                tasks=whole.tasks + part.tasks,
                messages=whole.messages + part.messages,
                stuck=whole.stuck + part.stuck,
            )
            advance(whole.cases)
    return whole


def _print_preview(found: Preview, json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {**changed._asdict(), "tasks": count}
        for changed, count in sorted(found.tasks.items(), key=lambda item: tuple(map(str, item[0])))
    ]
    if json:
        print_json({"cases": found.cases, "messages": found.messages, "stuck": found.stuck, "changes": rows})
        return
    print_table(
        f"{found.cases} cases would be decided again, {sum(found.tasks.values())} tasks would change",
        ("change", "kind", "recipient", "tasks"),
        ((row["change"].lower(), row["kind"], row["recipient"], row["tasks"]) for row in rows),
    )
    typer.echo(f"{found.messages} messages would be sent; {found.stuck} cases could not be decided")
