"""What is wrong with a message, in words that name the field and the mend and never hold the value itself."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.identifiers import SystemId


class ErrorClass(StrEnum):
    """Why an input could not be accepted; the fault is the sender's in every class."""

    NOT_DECODABLE = "NOT_DECODABLE"
    """Not JSON, not Avro, wrong character encoding, nested too deep, empty."""
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    INVALID = "INVALID"
    """Well-formed, but a field is missing, unknown, of the wrong type or outside its form."""
    FORBIDDEN = "FORBIDDEN"
    """The sender may not send this flow, or the system not for this source."""
    TOO_LARGE = "TOO_LARGE"
    NOT_SEALED = "NOT_SEALED"
    """On the topic without a seal of the gateway and without a signature of a system."""
    SEAL_BROKEN = "SEAL_BROKEN"
    """Forged, changed after it was sealed or signed, or moved here from another topic."""
    SEAL_EXPIRED = "SEAL_EXPIRED"
    """Sealed or signed too long before the broker had it, or with a clock that is ahead."""
    SIGNER_UNKNOWN = "SIGNER_UNKNOWN"
    """Signed with a key that is registered for no system."""
    SIGNER_BARRED = "SIGNER_BARRED"
    """Signed with a key that is revoked or out of its span, or by a suspended system."""
    SENDER_SUSPENDED = "SENDER_SUSPENDED"
    """Signed by a system that may send nothing for now, since too much of what it signed was wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: `field` is a path such as `data.citizen.cpr`, `mend` says what to send instead."""

    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.mend}"


class OvergangError(Exception):
    """Root of the one exception tree of this project."""


class InvalidMessage(OvergangError):
    """The sender's fault: the message cannot be accepted as it is. All problems at once.

    `sender` is the system that has proved to have sent it; None where none has.
    """

    def __init__(
        self, error_class: ErrorClass, problems: tuple[Problem, ...], sender: SystemId | None = None
    ) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.error_class = error_class
        self.problems = problems
        self.sender = sender


class SourceNotProved(InvalidMessage):
    """Nobody who may speak for its `source` has sent it so: what it says of itself counts for nothing."""
