"""Who may do what on the broker, read and checked from `streams/topics_and_access.toml`."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.problems import OvergangError
from streams.topic_definition import shipped as shipped_data

Operation = Literal[
    "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"
]
QuotaName = Literal["producer_byte_rate", "consumer_byte_rate"]


class DefinitionRefused(OvergangError):
    """The file of topics and access is malformed; the text names the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Permission(_Strict):
    """Operations on a topic, a group, or the cluster; `prefixed`: on all whose names begin so."""

    on: Literal["topic", "group", "cluster"]
    name: str = ""
    prefixed: bool = False
    operations: tuple[Operation, ...]


class Role(_Strict):
    """A part of the gateway and the broker's user it is."""

    user: str = Field(pattern=r"^[a-z0-9-]+$")
    may: tuple[Permission, ...]


class Systems(_Strict):
    """What each system of the registry may do, for each flow it sends and each party it reads for."""

    send: tuple[Permission, ...]
    read: tuple[Permission, ...]


class Quotas(_Strict):
    """Bytes a second on each broker, by Kafka's name of the quota."""

    systems: Mapping[QuotaName, int]

    def of_a_system(self) -> dict[str, float]:
        """By name."""
        return {name: float(rate) for name, rate in self.systems.items()}


class Access(_Strict):
    """All of the file but its topics."""

    roles: Mapping[str, Role]
    systems: Systems
    quotas: Quotas


def shipped_access() -> Access:
    """Raises DefinitionRefused."""
    data = {name: part for name, part in shipped_data().items() if name != "topics"}
    try:
        return Access.model_validate(data)
    except ValidationError as error:
        places = {".".join(map(str, fault["loc"])): fault["msg"] for fault in error.errors()}
        told = "; ".join(f"{place}: {problem}" for place, problem in places.items())
        raise DefinitionRefused(f"topics_and_access.toml: {told}") from None
