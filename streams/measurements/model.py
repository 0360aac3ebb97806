"""What a number is: its name, its labels with how many values each may have, and how to read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from types import MappingProxyType
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER: Final = "other"
"""What stands for a label's value beyond those that it may have."""


class Kind(StrEnum):
    """How Prometheus treats it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Where(StrEnum):
    """Which process tells it."""

    WORKER = "worker"
    API = "api"
    DELIVERER = "deliverer"
    LEDGER = "ledger"
    """The one API that leads: it counts in the ledger, and tells with its own numbers."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values of a label. `values` where they are known beforehand; else `most` of them, then `other`."""

    values: tuple[str, ...] = ()
    most: int = 0

    @property
    def size(self) -> int:
        """How many different values there can be, at most."""
        return len(self.values) or self.most + 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number or family of numbers. `series` bounds it where the product of its labels says too much."""

    name: str
    kind: Kind
    unit: str
    where: tuple[Where, ...]
    read: str
    labels: Mapping[str, Domain] = field(default_factory=lambda: MappingProxyType({}))
    buckets: tuple[float, ...] = ()
    at_most: int | None = None

    @property
    def series(self) -> int:
        """Lines in one process's exposition, at most."""
        lines = len(self.buckets) + 3 if self.kind is Kind.HISTOGRAM else 1
        return (self.at_most or prod(domain.size for domain in self.labels.values())) * lines

    def counter(self, registry: CollectorRegistry) -> Counter:
        """A new counter of one process."""
        assert self.kind is Kind.COUNTER
        return Counter(self.name.removesuffix("_total"), self.read, list(self.labels), registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """A new gauge of one process."""
        assert self.kind is Kind.GAUGE
        return Gauge(self.name, self.read, list(self.labels), registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """A new histogram of one process."""
        assert self.kind is Kind.HISTOGRAM
        return Histogram(self.name, self.read, list(self.labels), buckets=self.buckets, registry=registry)


class Within:
    """Keeps one process's label within its domain: the first `most` values stand, all later are `other`."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value, or `other`."""
        if value in self._seen:
            return value
        if len(self._seen) < self._domain.most:
            self._seen.add(value)
            return value
        return OTHER
