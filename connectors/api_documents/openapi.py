"""The HTTP API's OpenAPI document without a running API."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connectors.http.app import create_app
from connectors.http.config import ApiConfig
from schemas.key_file import KEY_BYTES
from schemas.pseudonym import PseudonymKey
from streams.ledger.sealing import Seal
from streams.seal_keys import SealKeys


def openapi() -> dict[str, Any]:
    """What `GET /openapi.json` answers. The app is never started; its keys are thrown away."""
    with TemporaryDirectory(prefix="overgang-") as directory:
        config = ApiConfig(
            kafka_bootstrap="",
            database_url="",
            pseudonym_key=PseudonymKey(bytes(KEY_BYTES)),
            seal_keys=SealKeys(Path(directory) / "seal.keys"),
            wrapping=Seal(bytes(KEY_BYTES)),
            token_issuers={},
        )
        return create_app(config).openapi()
