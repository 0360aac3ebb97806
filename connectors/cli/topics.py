"""`overgang topics`: the broker's topics and access against what they should be; `apply` makes them so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connectors.administration.applying import apply as apply_plan
from connectors.administration.definition import shipped_access
from connectors.administration.found import Found
from connectors.administration.plan import Plan
from connectors.broker import admin_client
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.cli.topics_plan import planned, wanted_on
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
        apply_plan(admin, found_plan, settings.replication_factor, allow_delete=allow_delete)
    waiting = 0 if allow_delete else len(found_plan.delete_acls) + len(found_plan.delete_topics)
    if waiting and not json:
        typer.echo(f"{waiting} not deleted; --allow-delete does that")


@topics.command()
def quotas() -> None:
    """Print the commands that set each system's quota: the Kafka client of this project cannot."""
    access = shipped_access()
    settings = Settings()
    limits = ",".join(f"{name}={value}" for name, value in sorted(access.quotas.systems.items()))
    having_access = {acl.user for acl in wanted_on(access, settings).acls}
    for user in sorted(having_access - {role.user for role in access.roles.values()}):
        typer.echo(
            f"kafka-configs.sh --bootstrap-server {settings.kafka_bootstrap or '...'} --command-config "
            f"admin.properties --alter --entity-type users --entity-name {user} --add-config '{limits}'"
        )


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
        typer.echo("access is not looked at: the broker has no authorizer")
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
