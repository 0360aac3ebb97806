"""`overgang undeliverable`: messages that their recipient's topic can never take."""

from typing import Annotated

import typer

from connectors.cli.ledger_access import open_ledger
from connectors.cli.printing import AsJson, print_json, print_table
from streams.ledger.attention import undeliverable_messages


def undeliverable(
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100, json: AsJson = False
) -> None:
    """List undeliverable messages, the latest first."""
    with open_ledger() as connection:
        found = undeliverable_messages(connection, limit)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} undeliverable messages",
        ("since", "recipient", "sequence", "source", "id", "type", "reason"),
        (
            (m.undeliverable_at, m.recipient, m.sequence, m.source, m.message_id, m.type, m.reason)
            for m in found
        ),
    )
