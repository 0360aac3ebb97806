"""Who may do what: parties, the systems that act for them, and their dated grants, as one frozen picture.

A *party* is an institution, a municipality or the gateway's operator, known by its address. A *system* is a
program (a vendor's, a municipality's own) that acts for one party or many. A *grant* lets a system do one
thing for one party in a span of time. A *credential* is how a system proves which one it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from schemas.identifiers import Flow, PartyAddress, SystemId
from schemas.problems import OvergangError
from streams.rules.facts import COPENHAGEN

OPERATOR = PartyAddress("/gateway")
EVERY_PARTY = "*"
"""Stands for each party in a grant; for the operator's own machine in the embedded profile only."""
LOCAL = SystemId("local")
"""The operator's own machine in the embedded profile."""


class RegistryRefused(OvergangError):
    """A change of the registry that makes no sense; the text names the field and the mend."""


class Right(StrEnum):
    """What a grant lets a system do."""

    SEND = "send"
    """Post messages of a flow in the party's name."""
    READ = "read"
    """Read the party's mailbox, its tasks, and what became of its messages."""
    OPERATE = "operate"
    """Everything an operator does; for `/gateway` only."""
    MONITOR = "monitor"
    """Readiness and metrics; for `/gateway` only."""


class Receipts(StrEnum):
    """Which receipts a party gets. What became of a message can always be asked for."""

    FAULTS = "faults"
    """Warnings, quarantine, what a recipient refused or let expire."""
    ALL = "all"
    """Also plain acceptance and repetition, what recipients acknowledged, how the opened tasks stand."""


class CredentialKind(StrEnum):
    """How a system proves which one it is."""

    SUBJECT = "subject"
    """`ISSUER SUBJECT` of its bearer tokens."""
    CERTIFICATE = "certificate"
    """SHA-256 of its client certificate (DER), in lower-case hexadecimal digits."""
    SIGNING_KEY = "signing-key"
    """`THUMBPRINT PUBLIC_KEY` of the Ed25519 key with which it signs what it writes to Kafka itself."""


@dataclass(frozen=True, slots=True)
class Party:
    """`valid_to` is its last day; after it `successor`, where there is one, acts in its place."""

    address: PartyAddress
    name: str
    valid_from: date
    valid_to: date | None = None
    successor: PartyAddress | None = None


@dataclass(frozen=True, slots=True)
class ReceiptWish:
    """In force from `valid_from` until the party's next one; a party without any gets `faults`."""

    party: PartyAddress
    receipts: Receipts
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class System:
    """`suspended_at`: since when it may do nothing, whatever it was granted.

    `sending_suspended_at`: since when it may send nothing, because too much of what it signed could not be
    accepted; it may still read.
    """

    id: SystemId
    name: str
    suspended_at: datetime | None = None
    suspended_because: str | None = None
    sending_suspended_at: datetime | None = None
    sending_suspended_because: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """In force from `valid_from` until before `valid_to`. `flow` None: every flow that the party may send."""

    n: int
    system: SystemId
    party: str
    right: Right
    flow: Flow | None
    valid_from: datetime
    valid_to: datetime | None = None

    def in_force(self, at: datetime) -> bool:
        """Whether it holds at that instant."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)

    def covers(self, party: PartyAddress) -> bool:
        """Whether it is about that party."""
        return self.party in (party, EVERY_PARTY)


@dataclass(frozen=True, slots=True)
class Credential:
    """A system may have several, with overlapping spans: one can be replaced without a gap."""

    n: int
    system: SystemId
    kind: CredentialKind
    value: str
    valid_from: datetime
    valid_to: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def shown(self) -> str:
        """What is shown to prove it: all of `value`, of a signing key its thumbprint, which a JWS names."""
        return self.value.split()[0] if self.kind is CredentialKind.SIGNING_KEY else self.value

    def in_force(self, at: datetime) -> bool:
        """Whether it proves anything at that instant."""
        begun = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return begun and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Registry:
    """All of it at one version. `version` grows with every change."""

    version: int
    parties: Mapping[PartyAddress, Party] = field(default_factory=dict)
    systems: Mapping[SystemId, System] = field(default_factory=dict)
    grants: Mapping[SystemId, tuple[Grant, ...]] = field(default_factory=dict)
    credentials: Mapping[tuple[CredentialKind, str], tuple[Credential, ...]] = field(default_factory=dict)
    """By kind and what is shown."""
    receipt_wishes: tuple[ReceiptWish, ...] = ()
    """By party and time."""

    def proved(self, kind: CredentialKind, value: str, at: datetime) -> SystemId | None:
        """The system that this credential stands for; None where it stands for none at that instant."""
        found = self.credentials.get((kind, value), ())
        return next((credential.system for credential in found if credential.in_force(at)), None)

    def may(
        self, system: SystemId, right: Right, party: PartyAddress, at: datetime, flow: Flow | None = None
    ) -> bool:
        """Whether a system may do something for a party at that instant; a suspended one may do nothing."""
        known = self.systems.get(system)
        if (
            known is None
            or known.suspended_at is not None
            or not self._stands(party, at.astimezone(COPENHAGEN).date())
        ):
            return False
        return any(
            grant.right == right
            and grant.covers(party)
            and grant.in_force(at)
            and (flow is None or grant.flow in (None, flow))
            for grant in self.grants.get(system, ())
        )

    def sends(self, system: SystemId, party: PartyAddress, flow: Flow, at: datetime) -> bool:
        """Whether a system may send messages of a flow for a party; for `/gateway` only the operator."""
        known = self.systems.get(system)
        suspended = known is not None and known.sending_suspended_at is not None
        return not suspended and self.granted_to_send(system, party, flow, at)

    def granted_to_send(self, system: SystemId, party: PartyAddress, flow: Flow, at: datetime) -> bool:
        """The same for what it was granted alone, whether or not its sending is suspended."""
        if party == OPERATOR:
            return self.may(system, Right.OPERATE, OPERATOR, at)
        return self.may(system, Right.SEND, party, at, flow)

    def parties_of(self, system: SystemId, right: Right, at: datetime) -> tuple[PartyAddress, ...]:
        """The registered parties for which a system may do something, sorted."""
        return tuple(party for party in sorted(self.parties) if self.may(system, right, party, at))

    def acting_for(self, party: PartyAddress, at: datetime) -> PartyAddress:
        """The party itself; after its last day whoever acts in its place at that instant."""
        day, passed = at.astimezone(COPENHAGEN).date(), set[PartyAddress]()
        while party not in passed and not self._stands(party, day):
            passed.add(party)
            party = self.parties[party].successor or party
        return party

    def _stands(self, party: PartyAddress, day: date) -> bool:
        """A party that is not registered stands for nothing wrong: only the embedded profile grants it."""
        known = self.parties.get(party)
        return known is None or (
            known.valid_from <= day and (known.valid_to is None or day <= known.valid_to)
        )
