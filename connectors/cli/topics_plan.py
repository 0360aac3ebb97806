"""What `overgang topics` would change: the broker and the ledger's registry against what is shipped."""

from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient

from connectors.administration.definition import shipped_access
from connectors.administration.found import Found, found
from connectors.administration.plan import Plan, plan
from connectors.administration.quotas import QuotaClient
from connectors.administration.wanted import Place, wanted
from connectors.broker import broker_reached
from connectors.cli.ledger_access import open_ledger
from connectors.settings import Settings
from streams.ledger.overview import recipients_so_far
from streams.ledger.registry import read_registry


def planned(admin: AdminClient, settings: Settings) -> tuple[Plan, Found]:
    """The changes by the ledger's registry of now, and what is there.

    Raises:
        KafkaException, QuotasRefused, NoLedger, DefinitionRefused
    """
    place = _place(settings)
    with open_ledger() as connection:
        registry, recipients = read_registry(connection), recipients_so_far(connection)
    shall_be = wanted(shipped_access(), place, registry, recipients, datetime.now(UTC))
    there = found(admin, place, quota_client(settings))
    return plan(shall_be, there, place), there


def quota_client(settings: Settings) -> QuotaClient:
    """Raises NoBroker."""
    return QuotaClient(*broker_reached(settings))


def _place(settings: Settings) -> Place:
    return Place(
        settings.topic_prefix,
        settings.consumer_group,
        settings.inbound_partitions,
        settings.replication_factor,
    )
