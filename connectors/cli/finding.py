"""What `overgang doctor` says of one part."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and where it is not well, the mend."""

    part: str
    well: bool
    found: str
    mend: str | None = None
