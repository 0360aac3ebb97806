"""`overgang migrate`: bring the ledger's database to what this version needs; `overgang up` does it too."""

import typer
from sqlalchemy.exc import SQLAlchemyError

from connectors.cli.ledger_access import NoLedger, database_url
from connectors.settings import Settings
from streams.ledger import migrate as ledger_migrations
from streams.ledger.registry_changes import seed_local


def migrate() -> None:
    """Run the migrations that are missing; harmless where there are none."""
    try:
        settings = Settings()
        url = database_url(settings)
        reached = ledger_migrations.migrate(url)
        if settings.profile == "embedded":
            seed_local(url)
    except SQLAlchemyError as failed:
        kind = type(failed).__name__
        raise NoLedger(f"the database does not answer as it should ({kind}); run `overgang doctor`") from None
    typer.echo(f"at {reached}")
