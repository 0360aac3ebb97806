"""`overgang tasks`: follow-up tasks in the ledger."""

from typing import Annotated

import typer

from connectors.cli.ledger_access import open_ledger
from connectors.cli.printing import AsJson, print_json, print_table
from schemas.identifiers import PartyAddress, TaskId, parse_party
from streams.ledger.answers import ShownState
from streams.ledger.queries import tasks_of
from streams.rules.rule_files import shipped


def _party(text: str) -> str:
    try:
        parse_party(text)
    except ValueError as malformed:
        raise typer.BadParameter(str(malformed)) from None
    return text


def _kind(text: str) -> str:
    if text not in (known := shipped().kinds()):
        raise typer.BadParameter(f"is none of {', '.join(sorted(known))}")
    return text


def tasks(
    recipient: Annotated[
        str | None, typer.Option(help="Such as /municipality/751; else all recipients.", parser=_party)
    ] = None,
    unrouted: Annotated[bool, typer.Option("--unrouted", help="Those without a recipient.")] = False,
    state: Annotated[list[ShownState] | None, typer.Option(help="May be given several times.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Such as SEND_U009; may be given several times.", parser=_kind)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    after: Annotated[str | None, typer.Option(help="Id of the last task of the page before.")] = None,
    json: AsJson = False,
) -> None:
    """List follow-up tasks by due date."""
    with open_ledger() as connection:
        found = tasks_of(
            connection,
            recipient=None if recipient is None else PartyAddress(recipient),
            unrouted=unrouted,
            states=tuple(s.value for s in state or ()),
            kinds=tuple(kind or ()),
            after=None if after is None else TaskId(after),
            limit=limit,
        )
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} tasks",
        ("due", "state", "kind", "recipient", "duty", "case", "task"),
        (
            (t.due_on, t.state, t.kind, t.recipient, "yes" if t.mandatory else "no", t.case, t.task_id)
            for t in found
        ),
    )
