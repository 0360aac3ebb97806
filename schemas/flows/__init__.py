"""One pydantic model for the data of each flow."""

from schemas.flows.registry import FLOWS, NAMESPACE, FlowContract

__all__ = ["FLOWS", "NAMESPACE", "FlowContract"]
