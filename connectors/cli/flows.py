"""`overgang flows`: which flows are stopped and why; `overgang flows resume FLOW` lets one read on."""

from typing import Annotated, cast

import typer
from confluent_kafka import KafkaException

from connectors.broker import admin_client
from connectors.cli.ledger_access import open_ledger
from connectors.cli.ledger_change import open_for_change
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.settings import Settings
from schemas.flows.registry import FLOWS
from schemas.identifiers import Flow
from schemas.problems import OvergangError
from streams.ledger.attention import flow_standings
from streams.readable import Unreadable, unreadable_partitions

flows = typer.Typer(help="Which flows read on, which are stopped and why.")


class NotResumed(OvergangError):
    """The flow was not stopped, or would stop again at once; the text says what to do."""


def _flow(text: str) -> str:
    if text not in FLOWS:
        raise typer.BadParameter(f"choose one of {', '.join(FLOWS)}")
    return text


@flows.callback(invoke_without_command=True)
def listed(context: typer.Context, json: AsJson = False) -> None:
    """List the flows; those that are stopped with the reason."""
    if context.invoked_subcommand is not None:
        return
    with open_ledger() as connection:
        found = flow_standings(connection)
    if json:
        print_json(found)
        return
    print_table(
        f"{sum(f.stopped_at is not None for f in found)} of {len(found)} flows stopped",
        ("flow", "stopped", "because", "our faults", "the last one"),
        ((f.flow, f.stopped_at, f.stopped_because, f.faults, f.last_fault) for f in found),
    )


@flows.command("resume")
def resume(
    flow: Annotated[str, typer.Argument(metavar="FLOW", parser=_flow)],
    from_earliest: Annotated[
        bool,
        typer.Option(
            "--from-earliest",
            help="Where reading cannot go on, go on at the oldest message that the broker still holds.",
        ),
    ] = False,
) -> None:
    """Let a stopped flow read on, once its cause is mended; a running worker notices by itself."""
    settings = Settings()
    contract = FLOWS[cast(Flow, flow)]
    with open_for_change(settings) as ledger:
        if flow not in ledger.stopped_flows():
            raise NotResumed(f"the flow {flow} is not stopped; `overgang flows` lists those that are")
        topic = settings.topic_prefix + contract.topic
        try:
            places = unreadable_partitions(admin_client(settings), topic, contract.flow, ledger)
        except KafkaException as away:
            raise NotResumed(
                f"the broker does not answer ({away.args[0].name()}); run `overgang doctor`"
            ) from None
        if places and not from_earliest:
            reasons = "; ".join(place.reason for place in places)
            raise NotResumed(
                f"it would stop again at once: {reasons}; with --from-earliest it goes on at the oldest"
                " message that the broker holds"
            )
        for place in places:
            ledger.move_position(topic, place.topic_id, place.partition, place.earliest)
            typer.echo(_told(place))
        ledger.resume_flow(contract.flow)
    typer.echo(f"{flow} reads on")


def _told(place: Unreadable) -> str:
    return f"partition {place.partition}: {place.reason}; reads from offset {place.earliest}"
