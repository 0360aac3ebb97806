"""Descriptions of the interfaces for machines: OpenAPI of the HTTP API, AsyncAPI of the topics."""
