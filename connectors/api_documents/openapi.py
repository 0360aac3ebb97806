"""The HTTP API's OpenAPI document without a running API."""

from typing import Any

from connectors.http.app import create_app
from connectors.http.config import ApiConfig
from schemas.key_file import KEY_BYTES
from schemas.pseudonym import PseudonymKey


def openapi() -> dict[str, Any]:
    """What `GET /openapi.json` answers. Nothing is opened: the app is never started."""
    config = ApiConfig(
        kafka_bootstrap="", database_url="", pseudonym_key=PseudonymKey(bytes(KEY_BYTES)), token_issuers={}
    )
    return create_app(config).openapi()
