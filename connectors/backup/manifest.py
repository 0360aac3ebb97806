"""What a backup holds: written last, read first."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.problems import OvergangError

LEDGER: Final = "ledger.dump"
KEYRING: Final = "keyring.dump"
MANIFEST: Final = "backup.json"
_CHUNK: Final = 1 << 20


class BackupFailed(OvergangError):
    """No backup was made, or one was not restored; the text names the mend."""


class Manifest(BaseModel):
    """`digests`: SHA-256 by file name, in hex. `cases` and `messages` are rows of the ledger at `made_at`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_at: datetime
    version: str
    revision: str
    cases: int
    messages: int
    digests: dict[str, str]


def digest_of(file: Path) -> str:
    """SHA-256 of a file of any size, in hex."""
    digest = sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Raises BackupFailed where the directory holds no backup."""
    try:
        return Manifest.model_validate_json((directory / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise BackupFailed(
            f"{directory}: there is no {MANIFEST}; name a directory that `overgang backup make` has finished"
        ) from None
    except ValidationError as wrong:
        field = ".".join(map(str, wrong.errors()[0]["loc"])) or "the document"
        raise BackupFailed(f"{directory / MANIFEST}: {field} is not as it was written") from None
