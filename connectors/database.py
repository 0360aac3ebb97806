"""The ledger's database as the settings name it, with the password from its file."""

from sqlalchemy import make_url

from connectors.settings import Settings
from schemas.password_file import password_in


def with_password(url: str, settings: Settings) -> str:
    """The URL with the password of `OVERGANG_DATABASE_PASSWORD_FILE`, where one is set: never to be printed
    or handed to a child. Raises KeyFileError.
    """
    file = settings.database_password_file
    if file is None:
        return url
    password = password_in(file, "OVERGANG_DATABASE_PASSWORD_FILE")
    # SQLAlchemy leaves blanks as they are; psycopg refuses them in a URL.
    return make_url(url).set(password=password).render_as_string(hide_password=False).replace(" ", "%20")
