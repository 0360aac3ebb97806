"""What `overgang topics` would change: the broker and the ledger's registry against what is shipped."""

from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient

from connectors.administration.definition import Access, shipped_access
from connectors.administration.found import Found, found
from connectors.administration.plan import Plan, plan
from connectors.administration.wanted import Place, Wanted, wanted
from connectors.cli.ledger_access import open_ledger
from connectors.settings import Settings
from streams.ledger.overview import recipients_so_far
from streams.ledger.registry import read_registry


def planned(admin: AdminClient, settings: Settings) -> tuple[Plan, Found]:
    """The changes, and what is there. Raises KafkaException, NoLedger, DefinitionRefused."""
    shall_be = wanted_on(shipped_access(), settings)
    there = found(admin, _place(settings))
    return plan(shall_be, there, _place(settings)), there


def wanted_on(access: Access, settings: Settings) -> Wanted:
    """What should be there by the ledger's registry now. Raises NoLedger, DefinitionRefused."""
    with open_ledger() as connection:
        registry, recipients = read_registry(connection), recipients_so_far(connection)
    return wanted(access, _place(settings), registry, recipients, datetime.now(UTC))


def _place(settings: Settings) -> Place:
    return Place(
        settings.topic_prefix,
        settings.consumer_group,
        settings.inbound_partitions,
        settings.replication_factor,
    )
