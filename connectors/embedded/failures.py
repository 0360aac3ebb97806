"""Why the embedded broker or database cannot be had; each text names what to do."""

from pathlib import Path

from schemas.problems import OvergangError


class EmbeddedFailure(OvergangError):
    """Root of what can go wrong with the embedded broker and database."""


class ArtefactUnavailable(EmbeddedFailure):
    """An artefact of the lock file cannot be downloaded, or what came is not what the lock file names."""


class DirectoryInUse(EmbeddedFailure):
    """A living process owns the data directory."""


class DidNotStart(EmbeddedFailure):
    """The process ended, or did not answer in time; the text holds the last lines of its log."""

    def __init__(self, what: str, why: str, log: Path) -> None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:] if log.exists() else []
        super().__init__("\n  ".join((f"{what} did not start: {why}; its log is {log}", *lines)))
