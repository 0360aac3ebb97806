"""`overgang quarantine`: inputs that could not be accepted, and why; `overgang quarantine show N`: one."""

import base64
from typing import Annotated, Any

import orjson
import typer

from connectors.cli.ledger_access import NotInLedger, open_ledger
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_fields, print_json, print_table
from connectors.settings import Settings
from schemas.problems import InvalidMessage
from schemas.wire import decode
from streams.ledger.attention import quarantined, quarantined_one, sealed_original
from streams.ledger.case_keys import GATEWAY

quarantine = typer.Typer(help="Inputs that could not be accepted, and why.")


@quarantine.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    before: Annotated[int | None, typer.Option(help="Number of the last one of the page before.")] = None,
    json: AsJson = False,
) -> None:
    """List the quarantine, the latest first."""
    if context.invoked_subcommand is not None:
        return
    with open_ledger() as connection:
        found = quarantined(connection, before=before, limit=limit)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} in quarantine",
        ("n", "received", "flow", "source", "id", "class", "first reason"),
        (
            (q.n, q.received_at, q.flow, q.source, q.message_id, q.error_class, _first(q.reasons))
            for q in found
        ),
    )


@quarantine.command("show")
def show(
    n: Annotated[int, typer.Argument(metavar="N", min=1, help="As `overgang quarantine` shows it.")],
    content: Annotated[
        bool,
        typer.Option("--content", help="Also what the sender wrote: personal data, on your screen."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Show every reason why one input was not accepted, and where it lies."""
    with open_ledger() as connection:
        found = quarantined_one(connection, n)
        if found is None:
            raise NotInLedger(f"nothing in quarantine has the number {n}; `overgang quarantine` lists it")
        sealed = sealed_original(connection, n) if content else None
    original = None if sealed is None else _readable(sealed)
    if json:
        print_json(found if original is None else {"quarantined": found, "original": original})
        return
    print_fields(
        f"{found.error_class} in {found.flow}",
        {
            "source": found.source,
            "id": found.message_id,
            "system": found.system,
            "received": found.received_at,
            "place": f"{found.topic} [{found.partition}] offset {found.offset}",
        },
    )
    print_table(
        "Reasons", ("field", "problem", "mend"), ((r.field, r.problem, r.mend) for r in found.reasons)
    )
    if original is not None:
        typer.echo(orjson.dumps(original, default=str, option=orjson.OPT_INDENT_2).decode())


def _first(reasons: Any) -> str | None:
    return f"{reasons[0].field}: {reasons[0].problem}" if reasons else None


def _readable(sealed: bytes) -> dict[str, Any]:
    """Headers as text, the value as its record where it is one, else as base64."""
    original = orjson.loads(existing_seal(Settings().wrapping_key_file).open(sealed, GATEWAY))
    headers = {name: _text(value) for name, value in original["headers"]}
    value = original["value"]
    try:
        schema, record = decode(base64.b64decode(value or ""))
    except InvalidMessage:
        return {"headers": headers, "value_base64": value}
    return {"headers": headers, "schema": schema, "value": record}


def _text(value: str | None) -> str | None:
    return None if value is None else base64.b64decode(value).decode("utf-8", "backslashreplace")
