"""What a topic of this project is made with, from `topics_and_access.toml`: the one place that says so."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicShape:
    """Partitions and settings that a topic is made with; those not named here are the broker's."""

    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)


def shipped() -> dict[str, Any]:
    """The whole file as it stands: topics, and who may do what, which `connectors.administration` reads."""
    text = files("streams").joinpath("topics_and_access.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


_TOPICS: Final = shipped()["topics"]
INBOUND_PARTITIONS: Final[int] = _TOPICS["inbound"]["partitions"]

BATCH_LIMIT_BYTES: Final = int(_TOPICS["outbound"]["settings"]["max.message.bytes"])
"""Of a producer's whole batch to a recipient's topic."""


def inbound_shape(partitions: int = INBOUND_PARTITIONS, *, replication_factor: int = 1) -> TopicShape:
    """An `inbound.*` topic."""
    return TopicShape(partitions, _settings(_TOPICS["inbound"], replication_factor))


def outbound_shape(*, replication_factor: int = 1) -> TopicShape:
    """An `outbound.*` topic."""
    kind = _TOPICS["outbound"]
    return TopicShape(kind["partitions"], _settings(kind, replication_factor))


def _settings(kind: Mapping[str, Any], replication_factor: int) -> dict[str, str]:
    return {
        **kind["settings"],
        "retention.ms": str(kind["retention_days"] * DAY_MS),
        "min.insync.replicas": str(max(1, replication_factor - kind["replicas_away"])),
    }
