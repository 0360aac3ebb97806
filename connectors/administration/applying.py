"""Makes a plan come true. Each step may be repeated: a run that was cut off is finished by the next one."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
)

from connectors.administration.found import RESOURCES, SECONDS
from connectors.administration.plan import Plan
from connectors.administration.quotas import QuotaClient
from connectors.administration.wanted import Acl
from schemas.problems import OvergangError
from streams.topic_definition import TopicShape
from streams.topics import ensure_topics


class NotApplied(OvergangError):
    """The broker refused a change; those before it were made."""


def apply(
    admin: AdminClient, quotas: QuotaClient, plan: Plan, replication_factor: int, *, allow_delete: bool
) -> None:
    """Make, set, and where it is allowed delete; access is given before any is taken.

    Raises:
        NotApplied, TopicTrouble, QuotasRefused, KafkaException
    """
    _make_topics(admin, plan.make_topics, replication_factor)
    if plan.settings:
        resources = [
            ConfigResource(
                ConfigResource.Type.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, (_, value) in changes.items()
                ],
            )
            for name, changes in plan.settings.items()
        ]
        _all_done(admin.incremental_alter_configs(resources, request_timeout=SECONDS))
    if plan.make_acls:
        _all_done(admin.create_acls([_binding(acl) for acl in plan.make_acls], request_timeout=SECONDS))
    if plan.quotas:
        shall = {user: {name: to for name, (_, to) in of.items()} for user, of in plan.quotas.items()}
        quotas.set(shall)
    if allow_delete and plan.delete_acls:
        _all_done(admin.delete_acls([_exactly(acl) for acl in plan.delete_acls], request_timeout=SECONDS))
    if allow_delete and plan.delete_topics:
        _all_done(
            admin.delete_topics(list(plan.delete_topics), operation_timeout=SECONDS),
            gone=KafkaError.UNKNOWN_TOPIC_OR_PART,
        )


def _make_topics(admin: AdminClient, topics: Mapping[str, TopicShape], replication_factor: int) -> None:
    shapes = list({id(shape): shape for shape in topics.values()}.values())
    for shape in shapes:
        names = [name for name, its in topics.items() if its is shape]
        ensure_topics(admin, names, shape, replication_factor=replication_factor)


def _all_done(answers: Mapping[Any, Future[Any]], gone: int | None = None) -> None:
    for what, answer in answers.items():
        try:
            answer.result(SECONDS)
        except KafkaException as error:
            if error.args[0].code() != gone:
                raise NotApplied(f"{what}: the broker refuses, {error.args[0].str()}") from error
        except TimeoutError:
            raise NotApplied(f"{what}: the broker does not answer; run it again") from None


def _binding(acl: Acl) -> AclBinding:
    return AclBinding(*_parts(acl))


def _exactly(acl: Acl) -> AclBindingFilter:
    return AclBindingFilter(*_parts(acl))


def _parts(acl: Acl) -> Iterable[Any]:
    return (
        RESOURCES[acl.on],
        acl.name,
        ResourcePatternType.PREFIXED if acl.prefixed else ResourcePatternType.LITERAL,
        f"User:{acl.user}",
        acl.host,
        AclOperation[acl.operation],
        AclPermissionType[acl.permission],
    )
