"""What is wrong with a message, in words that name the field and the mend and never hold the value itself."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorClass(StrEnum):
    """Why an input could not be accepted; the fault is the sender's in every class."""

    NOT_DECODABLE = "NOT_DECODABLE"
    """Not JSON, not Avro, wrong character encoding, nested too deep, empty."""
    UNKNOWN_SCHEMA = "UNKNOWN_SCHEMA"
    INVALID = "INVALID"
    """Well-formed, but a field is missing, unknown, of the wrong type or outside its form."""
    FORBIDDEN = "FORBIDDEN"
    """The sender may not send this flow."""
    TOO_LARGE = "TOO_LARGE"


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
    """The sender's fault: the message cannot be accepted as it is. All problems at once."""

    def __init__(self, error_class: ErrorClass, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.error_class = error_class
        self.problems = problems
