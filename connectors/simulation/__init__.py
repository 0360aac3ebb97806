"""A synthetic population and its messages: for the demo, benches, tests and rehearsals."""

from connectors.simulation.play import DEFAULT_START, simulate

__all__ = ["DEFAULT_START", "simulate"]
