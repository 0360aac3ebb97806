"""The example of a flow or of an outbound type, for descriptions of the interfaces."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_PREFIX, _SUFFIX = "dk.overgang.", ".v1"


@cache
def _text(type_: str) -> str:
    name = type_.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return (files("schemas") / "examples" / f"{name}.json").read_text(encoding="utf-8")


def example(type_: str) -> dict[str, Any]:
    """A message of a CloudEvents type, `dk.overgang.dropout-risk.v1`. FileNotFoundError for another type."""
    event: dict[str, Any] = json.loads(_text(type_))
    return event
