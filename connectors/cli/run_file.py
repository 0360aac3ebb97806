"""What a running `overgang up` tells the other commands: a small file in the data directory, mode 600."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "run.json"


@dataclass(frozen=True, slots=True)
class Running:
    """Addresses of a running gateway; `http` is the API's, `worker` and `deliver` of health and metrics.

    `process` is that of `overgang up`, `children` theirs by name.
    """

    process: int
    kafka_bootstrap: str
    database_url: str
    http: str
    worker: str
    deliver: str
    children: dict[str, int]


def write(directory: Path, running: Running) -> None:
    """Put the file in place at once, never half."""
    fresh = directory / f"{_NAME}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    fresh.replace(directory / _NAME)


def read(directory: Path) -> Running | None:
    """The gateway that runs on this data directory, None where none does (a dead one counts as none)."""
    try:
        running = Running(**json.loads((directory / _NAME).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return running if _lives(running.process) else None


def remove(directory: Path) -> None:
    """Take the file away; harmless when it is gone."""
    (directory / _NAME).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
