"""The registry of parties, systems and grants for its operator, and `GET /v1/access` for everybody else."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from connectors.access.certificates import fingerprint
from connectors.access.gate import Caller
from connectors.access.signing_keys import signing_key
from connectors.http.access import Asking, Operator
from connectors.http.parts import OpenParts, Parts
from connectors.http.problems import Refusal, documented
from schemas.identifiers import Flow, PartyAddress, SystemId
from streams.ledger.registry import audited
from streams.ledger.registry_changes import RegistryChanges
from streams.registry import (
    Credential,
    CredentialKind,
    Grant,
    Party,
    ReceiptWish,
    RegistryRefused,
    Right,
    System,
)

router = APIRouter(tags=["registry"])
_OWN = documented("no-credential", "not-proved", "access-unknown")
_CHANGES = documented(
    "no-credential",
    "not-proved",
    "operator-only",
    "registry-refused",
    "invalid-request",
    "database-unavailable",
    "access-unknown",
)
_SystemPath = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{1,39}$", examples=["school-admin"])]
_Number = Annotated[int, Path(ge=1, le=2**62)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartyBody(_Body):
    """What is known of a party. `valid_to` is its last day."""

    name: str = Field(min_length=1, max_length=200)
    valid_from: date
    valid_to: date | None = None
    successor: str | None = None


class SystemBody(_Body):
    """What is known of a system."""

    name: str = Field(min_length=1, max_length=200)


class GrantBody(_Body):
    """What a system may do for a party; without `flow` every flow that the party may send."""

    party: str
    right: Right
    flow: Flow | None = None
    valid_from: AwareDatetime | None = Field(default=None, description="Default: now.")
    valid_to: AwareDatetime | None = None


class CredentialBody(_Body):
    """How a system proves itself, one of: `subject` (issuer, blank, subject), `certificate` (PEM), or
    `signing_key`, the public Ed25519 key with which it signs what it writes to Kafka itself (PEM or JWK)."""

    subject: str | None = Field(default=None, max_length=500)
    certificate: str | None = Field(default=None, max_length=20_000)
    signing_key: str | None = Field(default=None, max_length=2_000)
    valid_from: AwareDatetime | None = Field(default=None, description="Default: now.")
    valid_to: AwareDatetime | None = None


class SuspensionBody(_Body):
    """Why a system may do nothing for now."""

    because: str = Field(min_length=1, max_length=500)


class Numbered(BaseModel):
    """The number under which it can be ended."""

    n: int


@dataclass(frozen=True, slots=True)
class Access:
    """What a system may do now."""

    system: str
    name: str
    operates: bool
    grants: list[Grant]


@dataclass(frozen=True, slots=True)
class WholeRegistry:
    """Everything that is registered. `version` grows with every change."""

    version: int
    parties: list[Party]
    systems: list[System]
    grants: list[Grant]
    credentials: list[Credential]
    receipts: list[ReceiptWish]


@router.get("/v1/access", summary="Who I am here, and what I may do", responses=_OWN)
async def my_access(asking: Asking) -> Access:
    """By the credential of this request: the grants in force."""
    known = asking.registry.systems[asking.system]
    grants = asking.registry.grants.get(asking.system, ())
    return Access(
        asking.system, known.name, asking.operates, [grant for grant in grants if grant.in_force(asking.at)]
    )


@router.get("/v1/registry", summary="Parties, systems, grants and credentials", responses=_CHANGES)
async def whole_registry(asking: Operator) -> WholeRegistry:
    """As it is in force now; what has ended stays."""
    known = asking.registry
    return WholeRegistry(
        known.version,
        list(known.parties.values()),
        list(known.systems.values()),
        [grant for granted in known.grants.values() for grant in granted],
        [credential for found in known.credentials.values() for credential in found],
        list(known.receipt_wishes),
    )


@router.put("/v1/parties/{role}/{code}", summary="Register a party or change it", responses=_CHANGES)
def put_party(
    role: Annotated[str, Path(pattern="^(institution|municipality)$")],
    code: Annotated[str, Path(pattern="^[0-9]{3}([0-9]{3})?$", examples=["280051"])],
    body: PartyBody,
    parts: OpenParts,
    asking: Operator,
) -> Party:
    """In force within a second."""
    successor = None if body.successor is None else PartyAddress(body.successor)
    address = PartyAddress(f"/{role}/{code}")
    party = Party(address, body.name, body.valid_from, body.valid_to, successor)
    with _Refused():
        _changes(parts, asking).put_party(party)
    return party


@router.put("/v1/systems/{system}", summary="Register a system or rename it", responses=_CHANGES)
def put_system(system: _SystemPath, body: SystemBody, parts: OpenParts, asking: Operator) -> System:
    """Without a grant it may do nothing."""
    with _Refused():
        _changes(parts, asking).put_system(SystemId(system), body.name)
    return System(SystemId(system), body.name)


@router.post("/v1/systems/{system}/grants", status_code=201, summary="Grant something", responses=_CHANGES)
def grant(system: _SystemPath, body: GrantBody, parts: OpenParts, asking: Operator) -> Numbered:
    """In force within a second, or from `valid_from`."""
    with _Refused():
        n = _changes(parts, asking).grant(
            SystemId(system), body.party, body.right, body.flow, body.valid_from, body.valid_to
        )
    return Numbered(n=n)


@router.delete("/v1/grants/{n}", status_code=204, summary="End a grant now", responses=_CHANGES)
def end_grant(n: _Number, parts: OpenParts, asking: Operator) -> None:
    """It stays in the registry, with its end."""
    with _Refused():
        _changes(parts, asking).end_grant(n)


@router.post(
    "/v1/systems/{system}/credentials", status_code=201, summary="Add a credential", responses=_CHANGES
)
def add_credential(system: _SystemPath, body: CredentialBody, parts: OpenParts, asking: Operator) -> Numbered:
    """A system may have several at once, so that one can be replaced without a gap."""
    with _Refused():
        kind, value = _credential(body)
        n = _changes(parts, asking).add_credential(
            SystemId(system), kind, value, body.valid_from, body.valid_to
        )
    return Numbered(n=n)


@router.delete("/v1/credentials/{n}", status_code=204, summary="Revoke a credential", responses=_CHANGES)
def revoke(n: _Number, parts: OpenParts, asking: Operator) -> None:
    """It proves nothing any more, within a second."""
    with _Refused():
        _changes(parts, asking).revoke(n)


@router.put("/v1/systems/{system}/suspension", status_code=204, summary="Suspend", responses=_CHANGES)
def suspend(system: _SystemPath, body: SuspensionBody, parts: OpenParts, asking: Operator) -> None:
    """The system may do nothing until it is resumed."""
    with _Refused():
        _changes(parts, asking).suspend(SystemId(system), body.because)


@router.delete("/v1/systems/{system}/suspension", status_code=204, summary="Resume", responses=_CHANGES)
def resume(system: _SystemPath, parts: OpenParts, asking: Operator) -> None:
    """The system may do again what it was granted."""
    with _Refused():
        _changes(parts, asking).resume(SystemId(system))


@router.get("/v1/audit", summary="Who changed what", responses=_CHANGES)
def audit_lines(
    parts: OpenParts,
    _: Operator,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`n` of the last line before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """The latest change first."""
    with parts.engine.connect() as connection:
        return audited(connection, before=before, limit=limit)


def _credential(body: CredentialBody) -> tuple[CredentialKind, str]:
    match body:
        case CredentialBody(subject=None, certificate=str(pem), signing_key=None):
            return CredentialKind.CERTIFICATE, fingerprint(pem)
        case CredentialBody(subject=None, certificate=None, signing_key=str(key)):
            return CredentialKind.SIGNING_KEY, signing_key(key)
        case CredentialBody(subject=str(subject), certificate=None, signing_key=None):
            return CredentialKind.SUBJECT, subject
        case _:
            raise RegistryRefused("body: give one of subject, certificate and signing_key")


def _changes(parts: Parts, asking: Caller) -> RegistryChanges:
    at: datetime = asking.at
    return RegistryChanges(parts.writing, asking.system, at, parts.config.everybody)


class _Refused:
    """A change that the registry refuses, as an answer."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RegistryRefused):
            raise Refusal("registry-refused", f"{error}.") from error
