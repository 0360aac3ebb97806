"""`overgang conformance`: a vendor's endpoint and messages against what the gateway does, as a checklist."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from standardwebhooks.webhooks import Webhook

from connectors.cli.checked_lines import checked_lines, named_flow
from connectors.cli.gateway_client import TokenFile, address_of_gateway, gateway_client
from connectors.cli.input_file import readable_file
from connectors.cli.party_argument import sending_party
from connectors.cli.printing import AsJson, print_table
from connectors.conformance.checklist import Checklist, Item
from connectors.conformance.deliveries import Deliveries
from connectors.conformance.endpoint import AT_ONCE, EndpointTrial
from connectors.conformance.gateway import GatewayTrial
from connectors.conformance.kind import Kind, flows_sent, kind_of
from connectors.conformance.messages import Judged, judge_messages
from connectors.conformance.record import Record, record_of, told
from connectors.conformance.requirements import (
    access_requirements,
    endpoint_requirements,
    gateway_requirements,
    mailbox_requirements,
    message_requirements,
)
from connectors.csv_files.messages import flow_of_name
from connectors.settings import Settings
from connectors.webhooks.addresses import Addresses, checked_url
from connectors.webhooks.client import WebhookClient
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress, parse_party
from schemas.problems import OvergangError
from streams.ledger.webhook_secrets import WebhookSecret, new_secret
from streams.rules.facts import COPENHAGEN

_SECRET: Final = "whsec_"
_SECRET_FILE: Final = Path("overgang-webhook-secret")


class SecretFile(OvergangError):
    """The file of the webhook's secret was made just now, or holds none."""


class UnwritableRecord(OvergangError):
    """The record cannot be written where it was asked for."""


def conformance(
    party: Annotated[
        PartyAddress,
        typer.Option(
            parser=sending_party, metavar="ADDRESS", help="Whose system it is, such as /institution/280051."
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Webhook endpoint of a test system: https, or http on this machine."
        ),
    ] = None,
    secret_file: Annotated[
        Path,
        typer.Option(
            dir_okay=False, help="The secret that the endpoint verifies with; made where it is missing."
        ),
    ] = _SECRET_FILE,
    messages: Annotated[
        Path | None,
        typer.Option(
            parser=readable_file,
            metavar="FILE",
            help="Messages of the system, JSONL or CSV; - for standard input.",
        ),
    ] = None,
    flow: Annotated[
        list[str] | None,
        typer.Option(
            parser=named_flow,
            metavar="FLOW",
            help="One that the system sends; repeatable. Default: all of its kind.",
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            parser=address_of_gateway, metavar="URL", help="Send the messages to this gateway's API as well."
        ),
    ] = None,
    token_file: TokenFile = None,
    mailbox: Annotated[
        bool,
        typer.Option("--mailbox", help="At that gateway: has the system fetched and acknowledged what came?"),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, metavar="FILE", help="Record to hand in: Markdown, or JSON if so called."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print a checklist; exit status 1 unless every mandatory item passes.

    With --url plays the gateway towards the endpoint: synthetic messages only, but use a test system.
    """
    if url is None and messages is None and not mailbox:
        raise typer.BadParameter("give --url for an endpoint, --messages for messages, or --mailbox")
    if gateway is None and mailbox:
        raise typer.BadParameter("--mailbox needs --gateway, where the mailbox is")
    if gateway is not None and messages is None and not mailbox:
        raise typer.BadParameter("--gateway needs --messages, which are sent there, or --mailbox")
    now = datetime.now(UTC)
    kind = kind_of(party, shipped(), now.astimezone(COPENHAGEN).date())
    claimed = _claimed(party, [named_flow(name) for name in flow or ()], messages)
    lists: list[Checklist] = []
    tried: list[str] = []
    if url is not None:
        lists.append(_try_endpoint(party, kind, url, secret_file))
        tried.append("endpoint")
    judged: Judged | None = None
    if messages is not None:
        own = Checklist(message_requirements(claimed))
        of_csv = claimed[0] if messages.suffix.casefold() == ".csv" else None
        lines = checked_lines(messages, of_csv, None if of_csv is None else party)
        judged = judge_messages(lines, party, claimed, own, now)
        lists.append(own)
        tried.append("messages")
    if gateway is not None:
        far = Checklist(
            (
                *access_requirements(),
                *(mailbox_requirements() if mailbox else ()),
                *(gateway_requirements() if judged is not None else ()),
            )
        )
        with gateway_client(gateway, token_file) as client:
            GatewayTrial(client, party, far).run(judged, claimed, mailbox=mailbox)
        lists.append(far)
        tried.append("gateway")
    items = tuple(item for checklist in lists for item in checklist.items)
    record = record_of(
        party,
        kind,
        claimed if messages is not None else (),
        tuple(tried),
        now,
        items,
        passed=all(checklist.complete for checklist in lists),
        url=url,
    )
    _show(record, json)
    if out is not None:
        _write(out, record)
    if not record.passed:
        raise typer.Exit(1)


def _claimed(party: PartyAddress, named: list[Flow], file: Path | None) -> tuple[Flow, ...]:
    """The flows that the system sends: those named, else of a CSV file its own, else all of its kind."""
    role, _ = parse_party(party)
    for flow in named:
        if role not in FLOWS[flow].senders:
            raise typer.BadParameter(f"--flow {flow} is sent by {' or '.join(sorted(FLOWS[flow].senders))}")
    if file is not None and file.suffix.casefold() == ".csv":
        if len(named) > 1:
            raise typer.BadParameter("a CSV file holds one flow; name that one with --flow")
        return tuple(named or [flow_of_name(file.name)])
    return tuple(dict.fromkeys(named)) if named else flows_sent(party)


def _try_endpoint(party: PartyAddress, kind: Kind, url: str, secret_file: Path) -> Checklist:
    settings = Settings()
    checked = checked_url(url, loopback=True)
    secret = _secret(secret_file)
    checklist = Checklist(endpoint_requirements(kind))

    async def tried() -> None:
        addresses = Addresses(loopback=True)
        client = WebhookClient(
            addresses, settings.webhook_origin, connections=AT_ONCE, now=lambda: datetime.now(UTC)
        )
        try:
            made = Deliveries(party, kind, shipped(), datetime.now(UTC))
            await EndpointTrial(client, checked, secret, kind, made, checklist).run()
        finally:
            await client.close()
            addresses.close()

    asyncio.run(tried())
    return checklist


def _secret(file: Path) -> WebhookSecret:
    """Raises SecretFile."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as made:
            made.write(new_secret().text + "\n")
        raise SecretFile(
            f"{file} was made and holds a new secret; give it to your endpoint, then run this again"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise SecretFile(f"{file} cannot be read; name the file of the secret with --secret-file") from None
    try:
        Webhook(text)
    except ValueError:
        text = ""
    if not text.startswith(_SECRET):
        raise SecretFile(f"{file} holds no secret of Standard Webhooks: {_SECRET} and base64; name another")
    return WebhookSecret(text)


def _show(record: Record, json: bool) -> None:
    if json:
        typer.echo(record.as_json(), nl=False)
        return
    print_table(
        f"{record.party}, {record.kind}: {'passed' if record.passed else 'not passed'}",
        ("item", "result", "seen", "mend"),
        ((_named(item), item.outcome.value, item.seen, item.mend or None) for item in record.items),
    )
    typer.echo(told(record.items))


def _named(item: Item) -> str:
    return item.id if item.mandatory else f"{item.id} (advice)"


def _write(file: Path, record: Record) -> None:
    try:
        if file.suffix.casefold() == ".json":
            file.write_bytes(record.as_json())
        else:
            file.write_text(record.as_markdown(), encoding="utf-8")
    except OSError as failed:
        raise UnwritableRecord(f"--out: {failed.strerror}; name a file that can be written") from None
