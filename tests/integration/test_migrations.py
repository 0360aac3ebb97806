"""Migrations on a real database."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from streams.ledger.engine import engine_for
from streams.ledger.migrate import migrate
from streams.ledger.tables import metadata


def test_the_migrations_make_exactly_the_tables_of_the_code(database_url: str) -> None:
    migrate(database_url)
    with engine_for(database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_schemas": True})
        found = compare_metadata(context, metadata)
    assert [change for change in found if change[1].name != "alembic_version"] == []
