"""In production no part of the gateway owns the tables: what it may not do, no fault in it can do."""

import psycopg

from connectors.settings import Settings, SettingsRefused
from streams.ledger.roles import standing

MEND = "run `overgang database roles apply`, and name the user of this part there, such as overgang-worker"


def refuse_owner(settings: Settings, database_url: str) -> None:
    """Raises SettingsRefused: production, and the database's user may do everything, or nobody can tell."""
    if settings.profile != "production":
        return
    try:
        found = standing(database_url)
    except psycopg.Error as away:
        raise SettingsRefused(
            f"OVERGANG_DATABASE_URL: the database does not tell who we are ({type(away).__name__}); start "
            "it, or mend this or OVERGANG_DATABASE_PASSWORD_FILE"
        ) from None
    if found.superuser:
        raise SettingsRefused(f"OVERGANG_DATABASE_URL: {found.user} is a superuser of the database; {MEND}")
    if found.owner:
        raise SettingsRefused(f"OVERGANG_DATABASE_URL: {found.user} owns the tables; {MEND}")
