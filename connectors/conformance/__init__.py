"""Conformance kit: plays the gateway towards a vendor's endpoint, judges its messages, keeps the record."""
