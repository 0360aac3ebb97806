"""Which inbound topics there must be: one a flow."""

from schemas.flows import FLOWS


def inbound_topics(prefix: str) -> frozenset[str]:
    """Full names, such as `inbound.mentor.v1` after the prefix."""
    return frozenset(prefix + contract.topic for contract in FLOWS.values())
