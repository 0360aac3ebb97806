"""`overgang topics`: the broker's topics and access against what they should be; `apply` makes them so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.administration.applying import apply as apply_plan
from connectors.administration.found import Found
from connectors.administration.plan import Plan
from connectors.broker import admin_client
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.cli.topics_plan import planned, quota_client
from connectors.settings import Settings
from schemas.problems import OvergangError

topics = typer.Typer(help="The broker's topics and access, against what they should be.")


class BrokerRefuses(OvergangError):
    """The broker does not answer, or this user may not look or change."""


@topics.command()
def diff(json: AsJson = False) -> None:
    """Show what `apply` would change, and change nothing; exit status 1 where something differs."""
    settings = Settings()
    with _told_refusals():
        found_plan, there = _plan(admin_client(settings), settings)
    _print(found_plan, there, json)
    if any(found_plan.lines()):
        raise typer.Exit(1)


@topics.command()
def apply(
    allow_delete: Annotated[
        bool, typer.Option("--allow-delete", help="Also delete topics and access that should not be there.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Print the plan and make it so. Harmless where nothing differs; deletes nothing unless allowed."""
    settings = Settings()
    with _told_refusals():
        admin = admin_client(settings)
        found_plan, there = _plan(admin, settings)
        _print(found_plan, there, json)
        apply_plan(
            admin,
            quota_client(settings),
            found_plan,
            settings.replication_factor,
            allow_delete=allow_delete,
        )
    waiting = 0 if allow_delete else len(found_plan.delete_acls) + len(found_plan.delete_topics)
    if waiting and not json:
        typer.echo(f"{waiting} not deleted; --allow-delete does that")


def _plan(admin: AdminClient, settings: Settings) -> tuple[Plan, Found]:
    found_plan, there = planned(admin, settings)
    if there.acls is None and settings.profile != "embedded":
        raise BrokerRefuses(
            "the broker has no authorizer, so everybody may do everything; set authorizer.class.name on it"
        )
    return found_plan, there


def _print(changes: Plan, there: Found, json: bool) -> None:
    lines = list(changes.lines())
    if json:
        print_json(lines)
        return
    if there.acls is None:
        typer.echo("access and quotas are not looked at: the broker has no authorizer")
    rows = ((line.action, line.what, line.detail) for line in lines)
    print_table(f"{len(lines)} differences", ("", "what", "detail"), rows)


@contextmanager
def _told_refusals() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise BrokerRefuses(
            f"the broker does not answer or refuses ({error.args[0].name()}); run `overgang doctor`, and see "
            "that OVERGANG_KAFKA_USER is the operator's"
        ) from None
