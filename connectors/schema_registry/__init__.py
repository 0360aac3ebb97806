"""Publishes the shipped schemas to a registry with Confluent's interface, and asks it before a deployment."""
