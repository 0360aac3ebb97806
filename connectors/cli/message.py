"""`overgang message SOURCE ID`: what became of a message."""

from typing import Annotated
from uuid import UUID

import typer

from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from schemas.identifiers import MessageId, PartyAddress
from streams.ledger.queries import outcome_of


def message(
    source: Annotated[str, typer.Argument(help="The sender's address, such as /institution/280051.")],
    message_id: Annotated[UUID, typer.Argument(metavar="ID", help="The id that the sender chose.")],
    json: AsJson = False,
) -> None:
    """Show a message's outcome, its warnings or reasons, and where it went."""
    with open_ledger() as connection:
        found = outcome_of(connection, PartyAddress(source), MessageId(str(message_id)))
    if found is None:
        raise NotInLedger("nothing is decided about this message; wait a second, or send it if it never was")
    if json:
        print_json(found)
        return
    print_fields(
        found.outcome,
        {
            "flow": found.flow,
            "received": found.received_at,
            "case": found.case,
            "sent again": found.duplicates,
            "warnings": found.warnings,
        },
    )
    if found.reasons:
        print_table(
            "Reasons", ("field", "problem", "mend"), ((r.field, r.problem, r.mend) for r in found.reasons)
        )
    if found.recipients:
        print_table(
            "Went to",
            ("recipient", "state", "by", "sequence", "published", "undeliverable"),
            (
                (d.recipient, d.state, d.acknowledged_by, d.sequence, d.published_at, d.undeliverable_reason)
                for d in found.recipients
            ),
        )
    if found.tasks:
        print_table(
            "Opened",
            ("task", "recipient", "state", "since"),
            ((t.task_id, t.recipient, t.state, t.since) for t in found.tasks),
        )
