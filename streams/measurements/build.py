"""`overgang_build_info`: which version runs, and by which rules."""

from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry

from streams.measurements.worker import BUILD

_LENGTH: Final = 12


def tell_build(registry: CollectorRegistry, rules: str, code_lists: str) -> None:
    """Set it once; both digests are SHA-256 in hex."""
    BUILD.gauge(registry).labels(version("overgang"), rules[:_LENGTH], code_lists[:_LENGTH]).set(1)
