"""The shipped schemas in a registry: what it would say to each release, and every release put there.

Subjects are the records' full names (RecordNameStrategy). Releases go in the order of our own ids: a registry
that is empty and counts from 1 gives them the ids that messages bear.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.schema_registry.client import FULL, RegistryClient
from schemas.wire import ids_by_name, schema_json


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a schema; `id` is the one that messages bear."""

    subject: str
    number: int
    id: int
    schema: str


class Verdict(StrEnum):
    """What a registry says to a release."""

    KNOWN = "known"
    NEW = "new"
    """The registry has nothing to say against it."""
    INCOMPATIBLE = "incompatible"
    UNGUARDED = "unguarded"
    """Known or new, but the registry does not demand FULL_TRANSITIVE of the subject."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A release in a registry; `registered_id` is the registry's own, None where it is not there."""

    subject: str
    release: int
    id: int
    registered_id: int | None
    verdict: Verdict

    @property
    def fault(self) -> bool:
        """Whether this is to be mended before anything is deployed."""
        return self.verdict in (Verdict.INCOMPATIBLE, Verdict.UNGUARDED)


def shipped() -> list[Release]:
    """Every release, by id."""
    return sorted(
        (
            Release(subject, number, schema_id, schema_json(schema_id))
            for subject, ids in ids_by_name().items()
            for number, schema_id in enumerate(ids, start=1)
        ),
        key=lambda release: release.id,
    )


def checked(registry: RegistryClient, releases: Sequence[Release]) -> Iterator[Standing]:
    """What the registry would say; nothing is changed. Raises RegistryFault."""
    for release in releases:
        known = registry.known(release.subject, release.schema)
        verdict = Verdict.NEW if known is None else Verdict.KNOWN
        if registry.has(release.subject):
            if known is None and not registry.takes(release.subject, release.schema):
                verdict = Verdict.INCOMPATIBLE
            elif registry.level(release.subject) != FULL:
                verdict = Verdict.UNGUARDED
        yield Standing(
            release.subject, release.number, release.id, None if known is None else known.id, verdict
        )


def register(registry: RegistryClient, releases: Sequence[Release]) -> Iterator[Standing]:
    """Put every release there and let the registry demand FULL_TRANSITIVE; again, it changes nothing.

    Raises RegistryFault, also where a release is not compatible with what is there.
    """
    for release in releases:
        if registry.has(release.subject):
            registry.demand_full(release.subject)
        known = registry.register(release.subject, release.schema)
        registry.demand_full(release.subject)
        yield Standing(release.subject, release.number, release.id, known.id, Verdict.KNOWN)
