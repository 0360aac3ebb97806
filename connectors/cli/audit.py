"""`overgang audit`: who changed what in the registry of parties."""

from typing import Annotated

import orjson
import typer

from connectors.cli.ledger_access import open_ledger
from connectors.cli.printing import AsJson, print_json, print_table
from streams.ledger.registry import audited


def audit(
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    before: Annotated[int | None, typer.Option(help="Number of the last line of the page before.")] = None,
    json: AsJson = False,
) -> None:
    """List changes, the latest first."""
    with open_ledger() as connection:
        found = audited(connection, before=before, limit=limit)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} changes",
        ("n", "at", "actor", "action", "object", "detail"),
        (
            (f["n"], f["at"], f["actor"], f["action"], f["object"], orjson.dumps(f["detail"]).decode())
            for f in found
        ),
    )
