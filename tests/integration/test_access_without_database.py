"""Who may do what while the database is away: known for a minute, then nobody is let in; back by itself."""

import json

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from connectors.access.watch import KEPT_SECONDS, RegistryUnknown, RegistryWatch
from connectors.embedded.postgres import EmbeddedPostgres
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import LOCAL, seed_local
from tests.integration.api_server import STRUCTURED, notice, served, until


def test_messages_are_taken_and_questions_refused_while_the_database_is_away(
    kafka: str, own_postgres: EmbeddedPostgres, topic_prefix: str
) -> None:
    with served(kafka, own_postgres.url, topic_prefix) as api:
        assert posted(api).status_code == 202
        own_postgres.kill()
        until(lambda: api.get("/v1/tasks").status_code == 503, 20)
        away = api.get("/v1/tasks")
        assert away.headers["retry-after"]
        assert posted(api).status_code == 202
        own_postgres.start()
        until(lambda: api.get("/v1/tasks").status_code == 200, 20)


def test_what_was_known_counts_for_a_minute_without_database(own_postgres: EmbeddedPostgres) -> None:
    migrate(own_postgres.url)
    seed_local(own_postgres.url)
    now = 1_000.0
    engine = create_engine(own_postgres.url.replace("postgresql:", "postgresql+psycopg:"))
    watch = RegistryWatch(engine, clock=lambda: now)
    with pytest.raises(RegistryUnknown):
        watch.current()
    watch.look()
    own_postgres.kill()
    now += KEPT_SECONDS
    with pytest.raises(OperationalError):
        watch.look()
    assert LOCAL in watch.current().systems
    now += 0.001
    with pytest.raises(RegistryUnknown, match="while the database is away"):
        watch.current()
    own_postgres.start()
    watch.look()
    assert LOCAL in watch.current().systems
    engine.dispose()


def posted(api: httpx.Client) -> httpx.Response:
    return api.post("/v1/messages", content=json.dumps(notice()), headers=STRUCTURED)
