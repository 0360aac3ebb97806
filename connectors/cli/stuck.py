"""`overgang stuck`: cases that could not be decided; `overgang stuck retry` has them decided again."""

from typing import Annotated

import typer

from connectors.cli.ledger_access import open_ledger
from connectors.cli.ledger_change import open_for_change
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.settings import Settings
from streams.ledger.attention import stuck_cases

stuck = typer.Typer(help="Cases that could not be decided.")


@stuck.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    json: AsJson = False,
) -> None:
    """List stuck cases, those that have waited longest first."""
    if context.invoked_subcommand is not None:
        return
    with open_ledger() as connection:
        found = stuck_cases(connection, limit)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} stuck cases",
        ("since", "case", "because"),
        ((c.stuck_at, c.case, c.stuck_because) for c in found),
    )


@stuck.command("retry")
def retry() -> None:
    """Have all stuck cases decided again by the worker, after the fault is mended."""
    with open_for_change(Settings()) as ledger:
        count = ledger.retry_stuck()
    typer.echo(
        f"{count} cases are decided again within seconds; `overgang stuck` lists those that still fail"
    )
