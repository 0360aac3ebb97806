"""SQLAlchemy on the ledger's database, without what migrations need."""

import sqlalchemy as sa


def engine_for(database_url: str) -> sa.Engine:
    """SQLAlchemy on psycopg 3 for a `postgresql://` URL as psycopg itself takes it."""
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    return sa.create_engine(url, poolclass=sa.NullPool)
