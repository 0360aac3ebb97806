"""Who may do what while the database is away: known for a minute, then nobody is let in; back by itself."""

import json

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from connectors.embedded.postgres import EmbeddedPostgres
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.ledger.registry_watch import KEPT_SECONDS, RegistryUnknown, RegistryWatch
from streams.registry import LOCAL
from tests.integration.api_server import BATCH, STRUCTURED, notice, served, until

QUESTIONS = {
    "/v1/tasks": 200,
    "/v1/mailbox?party=/municipality/751": 200,
    "/v1/messages/institution/280051/3f0c2f5e-8a43-4a0e-9d3f-6f1f6f5f2b11": 404,
    "/v1/webhooks": 200,
    "/v1/audit": 200,
}
"""Routes that ask the database, and their answers once it is back."""


def test_messages_are_taken_and_questions_refused_while_the_database_is_away(
    kafka: str, own_postgres: EmbeddedPostgres, topic_prefix: str
) -> None:
    with served(kafka, own_postgres.url, topic_prefix) as api:
        assert posted(api).status_code == 202
        own_postgres.kill()
        until(lambda: api.get("/v1/tasks").status_code == 503, 20)
        for address, status in QUESTIONS.items():
            away = api.get(address)
            assert (away.status_code, away.json()["type"]) == (503, "/problems/database-unavailable"), address
            assert int(away.headers["retry-after"]) >= 1
            assert status != 503
        assert posted(api).status_code == 202
        batch = api.post("/v1/messages", content=json.dumps([notice(), notice()]), headers=BATCH)
        assert batch.status_code == 202
        own_postgres.start()
        for address, status in QUESTIONS.items():
            until(lambda: api.get(address).status_code == status, 20)  # noqa: B023 - waits here


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
