"""What is on the broker: topics with their settings, and access. Nothing here changes anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from connectors.administration.quotas import QuotaClient, Quotas
from connectors.administration.wanted import Acl, Place

SECONDS: Final = 30.0
RESOURCES: Final[Mapping[Literal["topic", "group", "cluster"], ResourceType]] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    # Kafka's protocol has one number for both; librdkafka names it after the other.
    "cluster": ResourceType.BROKER,
}
_NAMES: Final = {kind: name for name, kind in RESOURCES.items()}
_USER: Final = "User:"


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as it is."""

    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """`acls` None: the broker has no authorizer, so everybody may do everything, and nobody has a quota."""

    topics: Mapping[str, FoundTopic]
    acls: frozenset[Acl] | None
    quotas: Quotas


def found(admin: AdminClient, place: Place, quotas: QuotaClient) -> Found:
    """This gateway's topics, and all access and quotas that the broker knows.

    Raises:
        KafkaException, QuotasRefused
    """
    cluster = admin.list_topics(timeout=SECONDS)
    listed = cluster.topics
    names = sorted(name for name in listed if place.holds(name))
    resources = {name: ConfigResource(ConfigResource.Type.TOPIC, name) for name in names}
    answers = admin.describe_configs(list(resources.values()), request_timeout=SECONDS) if names else {}
    topics = {}
    for name, resource in resources.items():
        entries = answers[resource].result(SECONDS)
        partitions = listed[name].partitions.values()
        topics[name] = FoundTopic(
            len(partitions),
            min((len(partition.replicas) for partition in partitions), default=0),
            {key: str(entry.value) for key, entry in entries.items()},
        )
    if not _has_authorizer(admin, min(cluster.brokers)):
        return Found(topics, None, {})
    return Found(topics, _acls(admin), quotas.read())


def _has_authorizer(admin: AdminClient, broker: int) -> bool:
    """Without one the broker refuses to tell access, and librdkafka takes the refusal for an empty list."""
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    answer = admin.describe_configs([resource], request_timeout=SECONDS)[resource]
    return bool(answer.result(SECONDS)["authorizer.class.name"].value)


def _acls(admin: AdminClient) -> frozenset[Acl]:
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    bindings = admin.describe_acls(everything, request_timeout=SECONDS).result(SECONDS)
    return frozenset(
        Acl(
            binding.principal.removeprefix(_USER),
            _NAMES[binding.restype],
            binding.name,
            binding.resource_pattern_type == ResourcePatternType.PREFIXED,
            binding.operation.name,
            binding.permission_type.name,
            binding.host,
        )
        for binding in bindings
        if binding.restype in _NAMES and binding.principal.startswith(_USER)
    )
