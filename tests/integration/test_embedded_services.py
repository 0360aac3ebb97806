"""What is configured is used; the rest is started in the data directory and ends with the block."""

from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from connectors.embedded.failures import EmbeddedFailure
from connectors.embedded.services import services
from connectors.settings import Settings


def test_broker_and_database_are_started_where_none_is_configured(tmp_path: Path) -> None:
    with services(Settings(data_directory=tmp_path / "data")) as running:
        assert AdminClient({"bootstrap.servers": running.bootstrap}).list_topics(timeout=20).brokers
        with psycopg.connect(running.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert running.broker is not None
        assert running.database is not None
        processes = [running.broker.pid, running.database.pid]
    assert not any(psutil.pid_exists(process) for process in processes)


def test_what_is_configured_is_not_started(tmp_path: Path, kafka: str, database_url: str) -> None:
    settings = Settings(data_directory=tmp_path / "data", kafka_bootstrap=kafka, database_url=database_url)
    with services(settings) as running:
        assert (running.bootstrap, running.database_url) == (kafka, database_url)
        assert (running.broker, running.database) == (None, None)
    assert not (tmp_path / "data").exists()


def test_when_one_cannot_start_the_other_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(EmbeddedFailure, match="PostgreSQL 17"), services(Settings(data_directory=tmp_path)):
        pytest.fail("the block must not be entered")
    assert set(psutil.Process().children(recursive=True)) <= before
