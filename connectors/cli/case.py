"""`overgang case PSEUDONYM`: what came about one citizen or EU case, and what follows from it."""

from typing import Annotated

import typer

from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from schemas.identifiers import CaseKey
from streams.ledger.queries import timeline_of


def case(
    pseudonym: Annotated[str, typer.Argument(help="The citizen's pseudonym or the EU case's key.")],
    json: AsJson = False,
) -> None:
    """Show a case's timeline: its messages, not what they say, and its tasks."""
    with open_ledger() as connection:
        found = timeline_of(connection, CaseKey(pseudonym))
    if found is None:
        raise NotInLedger("there is no such case; `overgang tasks` shows the case of each task")
    if json:
        print_json(found)
        return
    print_fields(
        "Case",
        {
            "case": found.case,
            "decided": found.decided_at,
            "next change": found.next_change,
            "stuck": found.stuck_because,
        },
    )
    print_table(
        "Messages",
        ("time", "flow", "source", "id", "forwarded to", "warnings"),
        ((m.time, m.flow, m.source, m.id, m.forwarded_to, m.warnings) for m in found.messages),
    )
    print_table(
        "Tasks",
        ("opens", "due", "state", "kind", "recipient", "explanation"),
        ((t.opens_on, t.due_on, t.state, t.kind, t.recipient, t.explanation) for t in found.tasks),
    )
