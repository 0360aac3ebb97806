"""`overgang webhooks`: where recipients' messages are posted to, and those that did not arrive."""

import asyncio
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli.ledger_access import database_url, open_ledger, unanswered
from connectors.cli.ledger_change import existing_seal
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.settings import Settings
from connectors.webhooks.addresses import Addresses, checked_url
from connectors.webhooks.client import WebhookClient
from connectors.webhooks.trial import trial
from connectors.webhooks.verdict import Answer, Verdict
from schemas.identifiers import PartyAddress
from schemas.problems import OvergangError
from streams.ledger.engine import engine_for
from streams.ledger.tables import webhooks as table
from streams.ledger.webhook_changes import WebhookChanges
from streams.ledger.webhook_lists import webhook_exceptions_of, webhook_standings
from streams.ledger.webhook_secrets import WebhookSecret, open_secrets
from streams.registry import RegistryRefused
from streams.webhooks import DeliveryState

webhooks = typer.Typer(help="Where recipients' messages are posted to.", no_args_is_help=True)
_Party = Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as /municipality/751.")]


class NotTaken(OvergangError):
    """The endpoint agreed, and did not take the test event."""


@webhooks.command("list")
def listed(json: AsJson = False) -> None:
    """List endpoints: their state, how far they are, what waits and what failed."""
    with open_ledger() as connection:
        found = webhook_standings(connection)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} webhooks",
        ("party", "state", "at", "of", "waiting", "failed", "expired", "url", "because"),
        (
            (w.party, w.state, w.cursor, w.newest, w.waiting, w.failed, w.expired, w.url, w.because)
            for w in found
        ),
    )


@webhooks.command("add")
def add(
    party: _Party,
    url: Annotated[str, typer.Argument(metavar="URL", help="https, without user and query.")],
    after: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Begin beyond this number. Default: what comes from now on."),
    ] = None,
) -> None:
    """Register a party's endpoint and print its secret, once; or give a known one another address."""
    settings = Settings()
    checked = checked_url(url, loopback=settings.profile == "embedded")
    with _changes(settings) as changes:
        secret = changes.put(PartyAddress(party), checked, after)
    typer.echo(f"{party} is asked whether it agrees; see `overgang webhooks list`")
    if secret is not None:
        typer.echo(f"secret {secret.text}")


@webhooks.command("rotate")
def rotate(
    party: _Party,
    keep_hours: Annotated[
        int, typer.Option(min=0, max=720, help="How long the old secrets sign as well.")
    ] = 24,
) -> None:
    """Make a new secret and print it, once; for a while the old one signs as well."""
    with _changes(Settings()) as changes:
        secret = changes.rotate(PartyAddress(party), timedelta(hours=keep_hours))
    typer.echo(f"secret {secret.text}")


@webhooks.command("test")
def test(party: _Party) -> None:
    """Ask an endpoint whether it agrees, and post it a signed event without content."""
    settings = Settings()
    seal = existing_seal(settings.wrapping_key_file)
    now = datetime.now(UTC)
    with open_ledger() as connection:
        row = connection.execute(select(table.c.url, table.c.secrets).where(table.c.party == party)).first()
    if row is None:
        raise RegistryRefused("party: has no webhook; run `overgang webhooks add` first")
    secrets = open_secrets(seal, PartyAddress(party), row.secrets, now)
    answer = asyncio.run(_try(settings, row.url, secrets, now))
    if answer.verdict is not Verdict.DELIVERED:
        raise NotTaken(f"{party} agrees, but the test event was not taken: {answer.text()}")
    typer.echo(f"{party} agrees and {answer.text()}")


@webhooks.command("pause")
def pause(party: _Party, because: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Send nothing to an endpoint until it is resumed; what waits goes on to age."""
    with _changes(Settings()) as changes:
        changes.pause(PartyAddress(party), because)
    typer.echo(f"{party} is paused")


@webhooks.command("resume")
def resume(party: _Party) -> None:
    """Ask an endpoint again whether it agrees, and send what waits."""
    with _changes(Settings()) as changes:
        changes.resume(PartyAddress(party))
    typer.echo(f"{party} is asked whether it agrees; see `overgang webhooks list`")


@webhooks.command("failed")
def failed(
    party: Annotated[str | None, typer.Argument(metavar="ADDRESS")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that are tried again, too.")] = False,
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Of one party, beyond this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 100,
    json: AsJson = False,
) -> None:
    """List messages that an endpoint refused or did not take in time."""
    states = [DeliveryState.FAILED, DeliveryState.EXPIRED]
    states += [DeliveryState.WAITING] if waiting else []
    of = PartyAddress(party) if party else None
    with open_ledger() as connection:
        found = webhook_exceptions_of(connection, states, party=of, after=after, limit=limit)
    if json:
        print_json(found)
        return
    print_table(
        f"{len(found)} messages did not arrive",
        ("recipient", "sequence", "state", "source", "id", "type", "tries", "last", "next", "status"),
        (
            (
                f.recipient,
                f.sequence,
                f.state,
                f.source,
                f.message_id,
                f.type,
                f.attempts,
                f.last_attempt_at,
                f.next_attempt_at,
                f.last_status,
            )
            for f in found
        ),
    )


@webhooks.command("redeliver")
def redeliver(
    party: _Party,
    sequence: Annotated[int | None, typer.Argument(metavar="N", help="Its number.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that failed or expired.")] = False,
) -> None:
    """Try a message again that failed or expired, or all of them; under the same webhook-id."""
    if everything == (sequence is not None):
        raise typer.BadParameter("give the number of one message, or --all")
    settings = Settings()
    with _changes(settings) as changes:
        count = changes.redeliver(PartyAddress(party), timedelta(days=settings.webhook_days), sequence)
    typer.echo(f"{count} messages are tried again")


async def _try(settings: Settings, url: str, secrets: list[WebhookSecret], now: datetime) -> Answer:
    addresses = Addresses(loopback=settings.profile == "embedded")
    client = WebhookClient(addresses, settings.webhook_origin, connections=1, now=lambda: now)
    try:
        return await trial(client, url, secrets, now)
    finally:
        await client.close()
        addresses.close()


@contextmanager
def _changes(settings: Settings) -> Iterator[WebhookChanges]:
    seal = existing_seal(settings.wrapping_key_file)
    engine = engine_for(database_url(settings))
    try:
        yield WebhookChanges(engine, seal, getpass.getuser(), datetime.now(UTC))
    except SQLAlchemyError as fault:
        raise unanswered(fault) from None
