"""The documents by name, and their text."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from connectors.api_documents.asyncapi import asyncapi
from connectors.api_documents.openapi import openapi

_MADE: Final[Mapping[str, Callable[[], dict[str, Any]]]] = MappingProxyType(
    {"openapi": openapi, "asyncapi": asyncapi}
)
NAMES: Final = tuple(_MADE)


def text(name: str) -> bytes:
    """The document as it is today. KeyError for an unknown name."""
    return orjson.dumps(_MADE[name](), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
