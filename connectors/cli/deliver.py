"""`overgang deliver`: posts to webhooks as a process of its own."""

import asyncio
import signal
from datetime import timedelta

import structlog

from connectors.cli.ledger_access import database_url
from connectors.cli.log_lines import log_as_json
from connectors.own_rights import refuse_owner
from connectors.settings import Settings
from connectors.webhooks.deliverer import Deliverer, DelivererConfig
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.monitoring import Monitoring
from streams.tracing.target import TraceTarget

log = structlog.get_logger(__name__)


def deliver() -> None:
    """Post messages to recipients' webhooks until SIGTERM or Ctrl-C; posts on their way arrive first."""
    settings = Settings()
    refuse_owner(settings, database_url(settings))
    deliverer = Deliverer(deliverer_config(settings))
    log_as_json()
    asyncio.run(_run(deliverer, settings))


def deliverer_config(settings: Settings) -> DelivererConfig:
    """The deliverer's part of the settings. Raises OvergangError where no database is named."""
    return DelivererConfig(
        database_url=database_url(settings),
        seal=load_or_make_wrapping_key(settings.wrapping_key_file),
        traces=TraceTarget.of(settings.traces_endpoint, settings.traces_share),
        origin=settings.webhook_origin,
        ttl=timedelta(days=settings.webhook_days),
        loopback=settings.profile == "embedded",
    )


async def _run(deliverer: Deliverer, settings: Settings) -> None:
    told = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, told.set)
    monitoring = Monitoring(
        settings.monitoring_host,
        settings.deliver_port,
        lambda: deliverer.health.reasons(("deliverer",)),
        deliverer.metrics,
        "deliverer",
    )
    await monitoring.start()
    try:
        await deliverer.run(told)
    finally:
        await monitoring.stop()
    log.info("deliverer stopped")
