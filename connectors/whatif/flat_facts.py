"""Facts as plain tuples: a third of the bytes and of the time that pickled records take."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from streams.rules import facts as known
from streams.rules.facts import Fact

Flat = tuple[Any, ...]
"""The flow, then the fields in their order."""

_KINDS: Final[dict[str, type[Fact]]] = {
    kind.flow: kind
    for kind in vars(known).values()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
}
_READERS: Final[dict[str, Callable[[Fact], Flat]]] = {
    flow: attrgetter("flow", *(field.name for field in fields(kind))) for flow, kind in _KINDS.items()
}


def flat(fact: Fact) -> Flat:
    return _READERS[fact.flow](fact)


def facts_of(rows: Iterable[Flat]) -> list[Fact]:
    return [_KINDS[flow](*values) for flow, *values in rows]
