"""The database as a part of the gateway sees it: by its own user, with no more than that may do."""

import psycopg
from sqlalchemy import make_url

from streams.database_roles import shipped_roles
from streams.ledger.roles import apply, plan


def as_user(url: str, user: str, password: str | None = None) -> str:
    """The same database for another user."""
    return make_url(url).set(username=user, password=password).render_as_string(hide_password=False)


def give_rights(url: str) -> None:
    """As `overgang database roles apply` does."""
    with psycopg.connect(url, autocommit=True) as connection:
        apply(connection, shipped_roles(), plan(connection, shipped_roles()), {})
