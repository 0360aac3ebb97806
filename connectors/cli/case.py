"""`overgang case PSEUDONYM`: what came about one citizen or EU case, and what follows from it."""

from datetime import datetime
from typing import Annotated

import typer

from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from schemas.identifiers import CaseKey
from streams.ledger.answers import CaseEvent, Delivered, MessageCame, TaskDecided
from streams.ledger.timeline import timeline_of
from streams.rules.facts import COPENHAGEN


def case(
    pseudonym: Annotated[str, typer.Argument(help="The citizen's pseudonym or the EU case's key.")],
    json: AsJson = False,
) -> None:
    """Show a case's timeline: its messages, not what they say, what was decided, and what was sent."""
    with open_ledger() as connection:
        found = timeline_of(connection, CaseKey(pseudonym))
    if found is None:
        raise NotInLedger("there is no such case; `overgang tasks` shows the case of each task")
    if json:
        print_json(found)
        return
    print_fields(
        "Case, in Danish time",
        {
            "case": found.case,
            "decided": found.decided_at and danish(found.decided_at),
            "next change": found.next_change and danish(found.next_change),
            "stuck": found.stuck_because,
        },
    )
    print_table(
        "Timeline, in Danish time",
        ("when", "what", ""),
        ((danish(event.at), event.what.lower(), sentence(event)) for event in found.events),
    )
    print_table(
        "Tasks as they are now",
        ("due", "state", "kind", "recipient"),
        ((t.due_on, t.state, t.kind, t.recipient) for t in found.tasks),
    )


def danish(instant: datetime) -> str:
    """By the clock in Denmark, as the days of the rules are."""
    return instant.astimezone(COPENHAGEN).strftime("%Y-%m-%d %H:%M:%S")


def sentence(event: CaseEvent) -> str:
    """What happened, in a line or two."""
    match event:
        case MessageCame():
            told = f"{event.flow} {event.source} of {danish(event.time)}, {event.id}"
            return f"{told}; {', '.join(event.warnings)}" if event.warnings else told
        case TaskDecided():
            whom = event.recipient or "nobody known yet"
            told = f"{event.kind} {event.state}, due {event.due_on}, for {whom}"
            return f"{told} (revision {event.revision}). {event.explanation}"
        case Delivered():
            return f"{_told(event)} to {event.recipient}{_standing(event)}"


def _told(event: Delivered) -> str:
    if event.kind is not None:
        return f"{event.kind} {event.state} (revision {event.revision})"
    return f"{event.type.split('.')[2]} {event.id}"


def _standing(event: Delivered) -> str:
    if event.undeliverable_reason is not None:
        return f": undeliverable, {event.undeliverable_reason}"
    number = f", number {event.sequence} there" if event.sequence is not None else ""
    return number if event.published_at else f"{number}; waits for the broker"
