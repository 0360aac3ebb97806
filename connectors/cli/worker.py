"""`overgang worker`: intake, agents, ledger, relay and deadlines as a process of its own."""

from datetime import timedelta

from connectors.broker import broker_login
from connectors.cli.log_lines import log_as_json
from connectors.database import with_password
from connectors.own_rights import refuse_owner
from connectors.settings import Settings
from schemas.problems import OvergangError
from streams.ledger.suspending import Tolerance
from streams.run_worker import run_worker
from streams.tracing.target import TraceTarget
from streams.worker_config import WorkerConfig


def worker() -> None:
    """Turn messages into tasks until SIGTERM or Ctrl-C; what is in hand is stored first."""
    settings = Settings()
    config = worker_config(settings)
    refuse_owner(settings, config.database_url)
    # Where every key is given, nothing else has made it.
    settings.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_as_json()
    run_worker(config)


def worker_config(settings: Settings) -> WorkerConfig:
    """The worker's part of the settings. Raises OvergangError where broker or database is not named."""
    if settings.kafka_bootstrap is None:
        raise OvergangError("no broker: set OVERGANG_KAFKA_BOOTSTRAP, or start all with `overgang up`")
    if settings.database_url is None:
        raise OvergangError("no database: set OVERGANG_DATABASE_URL, or start all with `overgang up`")
    return WorkerConfig(
        bootstrap=settings.kafka_bootstrap,
        login=broker_login(settings),
        database_url=with_password(settings.database_url, settings),
        data_directory=settings.data_directory,
        pseudonym_key_file=settings.pseudonym_key_file,
        wrapping_key_file=settings.wrapping_key_file,
        seal_keys_file=settings.seal_keys_file,
        require_seal=settings.require_seal,
        seal_lifetime=timedelta(days=settings.seal_days),
        tolerance=Tolerance(settings.faults_per_hour),
        traces=TraceTarget.of(settings.traces_endpoint, settings.traces_share),
        topic_prefix=settings.topic_prefix,
        group=settings.consumer_group,
        inbound_partitions=settings.inbound_partitions,
        replication_factor=settings.replication_factor,
        batch_size=settings.batch_size,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=min(3_000, settings.session_timeout_ms // 3),
        host=settings.monitoring_host,
        port=settings.worker_port,
        disk_floor_mb=settings.disk_floor_mb,
    )
