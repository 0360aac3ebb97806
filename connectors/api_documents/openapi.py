"""The HTTP API's OpenAPI document without a running API."""

from typing import Any

from connectors.http.app import described_app


def openapi() -> dict[str, Any]:
    """What `GET /openapi.json` answers; nothing is opened for it."""
    return described_app().openapi()
