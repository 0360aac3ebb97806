"""The record of a trial that a vendor hands in: what was tried, against which contracts; JSON or Markdown."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import orjson

from connectors.conformance.checklist import Item, Outcome
from connectors.conformance.kind import Kind
from schemas.compatibility import current_names
from schemas.identifiers import Flow, PartyAddress
from schemas.wire import schema_id, schema_json


@dataclass(frozen=True, slots=True)
class Record:
    """One trial. `contracts`: SHA-256 of each Avro schema by its name. Nothing in it is about a person.

    `endpoint` is scheme and host; its path may hold what only gateway and vendor know.
    """

    party: PartyAddress
    kind: Kind
    flows: tuple[Flow, ...]
    tried: tuple[str, ...]
    endpoint: str | None
    at: datetime
    gateway: str
    contracts: dict[str, str]
    passed: bool
    items: tuple[Item, ...]

    def as_json(self) -> bytes:
        """One JSON document."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def as_markdown(self) -> str:
        """The same for people."""
        return "\n".join(self._markdown()) + "\n"

    def _markdown(self) -> Iterator[str]:
        yield f"# Conformance of {self.party} ({self.kind})"
        yield ""
        yield f"* Result: **{'passed' if self.passed else 'not passed'}**; {told(self.items)}"
        yield f"* Tried: {', '.join(self.tried)}"
        if self.endpoint:
            yield f"* Endpoint: {self.endpoint}"
        if self.flows:
            yield f"* Flows: {', '.join(self.flows)}"
        yield f"* At: {self.at.isoformat(timespec='seconds')}"
        yield f"* Gateway: overgang {self.gateway}"
        yield ""
        yield "| Item | Requirement | Mandatory | Result | Seen | Mend |"
        yield "|---|---|---|---|---|---|"
        for item in self.items:
            cells = (
                f"`{item.id}`",
                item.requirement,
                "yes" if item.mandatory else "no",
                item.outcome.value,
                item.seen,
                item.mend if item.outcome is not Outcome.PASSED else "",
            )
            yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
        yield ""
        yield "| Contract | SHA-256 |"
        yield "|---|---|"
        for name, digest in self.contracts.items():
            yield f"| `{name}` | `{digest}` |"


def record_of(
    party: PartyAddress,
    kind: Kind,
    flows: tuple[Flow, ...],
    tried: tuple[str, ...],
    at: datetime,
    items: tuple[Item, ...],
    *,
    passed: bool,
    url: str | None = None,
) -> Record:
    """With the version of this gateway and its contracts."""
    parts = urlsplit(url) if url else None
    endpoint = f"{parts.scheme}://{parts.netloc}" if parts else None
    gateway = version("overgang")
    return Record(party, kind, flows, tried, endpoint, at, gateway, contract_digests(), passed, items)


def contract_digests() -> dict[str, str]:
    """SHA-256 of the text of each current Avro schema."""
    return {
        name: hashlib.sha256(schema_json(schema_id(name)).encode()).hexdigest() for name in current_names()
    }


def told(items: tuple[Item, ...]) -> str:
    """`31 items, 29 passed, 1 failed, 1 not tried`."""
    counts = ", ".join(f"{sum(i.outcome is outcome for i in items)} {outcome.value}" for outcome in Outcome)
    return f"{len(items)} items, {counts}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
