"""`overgang task ID`: one task and all it has been."""

from dataclasses import asdict
from typing import Annotated

import typer

from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from schemas.identifiers import TaskId
from streams.ledger.queries import task_history


def task(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="As `overgang tasks` shows it.")],
    json: AsJson = False,
) -> None:
    """Show one task and its revisions."""
    with open_ledger() as connection:
        found = task_history(connection, TaskId(task_id.lower()))
    if found is None:
        raise NotInLedger("there is no task with this id; `overgang tasks` lists them")
    if json:
        print_json(found)
        return
    print_fields(found.task.kind, asdict(found.task))
    print_table(
        "Revisions",
        ("revision", "decided", "state", "due", "recipient", "explanation"),
        ((r.revision, r.decided_at, r.state, r.due_on, r.recipient, r.explanation) for r in found.revisions),
    )
