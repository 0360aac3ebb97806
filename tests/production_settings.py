"""Settings of the production profile for tests: safe ones, which name no database."""

from collections.abc import Mapping
from pathlib import Path

KEY = "00" * 32


def production_settings(directory: Path) -> Mapping[str, str]:
    """As environment, less the database. Their keys and passwords are made in the directory."""
    for name in ("pseudonym.key", "wrapping.key", "seal.keys", "kafka.password"):
        secret_file(directory / name, KEY)
    return {
        "OVERGANG_PROFILE": "production",
        "OVERGANG_DATA_DIRECTORY": str(directory / "data"),
        "OVERGANG_KAFKA_BOOTSTRAP": "one.example:9093,two.example:9093",
        "OVERGANG_KAFKA_USER": "overgang-worker",
        "OVERGANG_KAFKA_PASSWORD_FILE": str(directory / "kafka.password"),
        "OVERGANG_PSEUDONYM_KEY_FILE": str(directory / "pseudonym.key"),
        "OVERGANG_WRAPPING_KEY_FILE": str(directory / "wrapping.key"),
        "OVERGANG_SEAL_KEYS_FILE": str(directory / "seal.keys"),
        "OVERGANG_REPLICATION_FACTOR": "3",
        "OVERGANG_TOKEN_ISSUER": "https://issuer.example",
        "OVERGANG_TOKEN_KEYS": "https://issuer.example/jwks",
        "OVERGANG_WEBHOOK_ORIGIN": "overgang.example",
    }


def secret_file(file: Path, content: str) -> Path:
    """One line, readable by its owner alone."""
    file.touch(mode=0o600)
    file.write_text(f"{content}\n")
    return file
