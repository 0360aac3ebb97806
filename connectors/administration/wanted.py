"""What there should be on the broker: from the definition, the registry, and whom messages were sent to."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connectors.administration.definition import Access, DefinitionRefused, Operation, Permission
from connectors.administration.quotas import Quotas
from schemas.flows import FLOWS
from schemas.identifiers import PartyAddress, SystemId
from schemas.outbound import outbound_topic
from streams.registry import LOCAL, OPERATOR, CredentialKind, Registry, Right
from streams.topic_definition import TopicShape, inbound_shape, outbound_shape

INBOUND, OUTBOUND = "inbound.", "outbound."


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One line of access. `user` without `User:`; `host` `*` is everywhere."""

    user: str
    on: Literal["topic", "group", "cluster"]
    name: str
    prefixed: bool
    operation: Operation | str
    permission: str = "ALLOW"
    host: str = "*"


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of the broker is this gateway's: names after `prefix`, its group, replicas of its topics."""

    prefix: str
    consumer_group: str
    inbound_partitions: int
    replication_factor: int

    def holds(self, topic: str) -> bool:
        """Whether a topic of that name (or of names that begin so) is this gateway's."""
        return topic.startswith((self.prefix + INBOUND, self.prefix + OUTBOUND))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Topics by name, access, whose access is looked at, and quotas of the systems that have any."""

    topics: Mapping[str, TopicShape]
    acls: frozenset[Acl]
    users: frozenset[str]
    quotas: Quotas


def wanted(
    access: Access, place: Place, registry: Registry, recipients: Collection[PartyAddress], at: datetime
) -> Wanted:
    """`recipients`: parties that messages were sent to, registered or not. Raises DefinitionRefused."""
    users = {role.user for role in access.roles.values()}
    if both := sorted(users & registry.systems.keys()):
        raise DefinitionRefused(
            f"the system {both[0]} has the name of a user of the gateway's own; register it under another"
        )
    acls = {*_of_roles(access, place)}
    for system in registry.systems.keys() - {LOCAL}:
        acls |= set(_of_system(access, place, registry, system, at))
    return Wanted(
        _topics(place, {*recipients, *(p for p in registry.parties if registry.acting_for(p, at) == p)}),
        frozenset(acls),
        frozenset({*users, *registry.systems}),
        {user: access.quotas.of_a_system() for user in sorted({acl.user for acl in acls} - users)},
    )


def _topics(place: Place, parties: Collection[PartyAddress]) -> dict[str, TopicShape]:
    replicas = place.replication_factor
    inbound = inbound_shape(place.inbound_partitions, replication_factor=replicas)
    outbound = outbound_shape(replication_factor=replicas)
    return {place.prefix + contract.topic: inbound for contract in FLOWS.values()} | {
        place.prefix + outbound_topic(party): outbound for party in parties if party != OPERATOR
    }


def _of_roles(access: Access, place: Place) -> Iterator[Acl]:
    for role in access.roles.values():
        for permission in role.may:
            yield from _acls(permission, role.user, place, consumer_group=place.consumer_group)


def _of_system(
    access: Access, place: Place, registry: Registry, system: SystemId, at: datetime
) -> Iterator[Acl]:
    if _signs(registry, system, at):
        for flow in FLOWS:
            if any(registry.sends(system, party, flow, at) for party in _may_send(registry, flow)):
                for permission in access.systems.send:
                    yield from _acls(permission, system, place, flow=flow, system=system)
    for party in registry.parties_of(system, Right.READ, at):
        topic = outbound_topic(party).removeprefix(OUTBOUND).removesuffix(".v1")
        for permission in access.systems.read:
            yield from _acls(permission, system, place, party=topic, system=system)


def _signs(registry: Registry, system: SystemId, at: datetime) -> bool:
    return any(
        credential.system == system and credential.in_force(at)
        for (kind, _), found in registry.credentials.items()
        for credential in found
        if kind is CredentialKind.SIGNING_KEY
    )


def _may_send(registry: Registry, flow: str) -> Iterator[PartyAddress]:
    senders = FLOWS[flow].senders  # type: ignore[index] # of FLOWS
    return (party for party in registry.parties if party.split("/")[1] in senders)


def _acls(permission: Permission, user: str, place: Place, **names: str) -> Iterator[Acl]:
    name = "kafka-cluster" if permission.on == "cluster" else place.prefix + permission.name.format(**names)
    for operation in permission.operations:
        yield Acl(user, permission.on, name, permission.prefixed, operation)
