"""Synthetic messages to a party, cut and written as the gateway would; everybody in them is made up."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from connectors.conformance.kind import Kind
from schemas.cloudevent import from_structured, to_structured
from schemas.code_lists import CodeLists
from schemas.envelope import SPECVERSION
from schemas.examples.events import example
from schemas.flows import FLOWS
from schemas.identifiers import PartyAddress, parse_party
from schemas.key_file import KEY_BYTES
from schemas.outbound import CAUSES, OUTBOUND, TASK_TYPE
from schemas.pseudonym import PseudonymKey
from streams.forwarding import citizen_as_seen, visible_record

Event = dict[str, Any]
_GATEWAY: Final = "/gateway"
_ANY_TIME: Final = datetime(2999, 1, 1, tzinfo=UTC)
_NOBODYS_KEY: Final = PseudonymKey(bytes(KEY_BYTES))
_SUBJECT: Final = "conformanceconformanceaaaa"
_TASK_OF: Final[dict[Kind, tuple[str, str]]] = {
    Kind.INSTITUTION: ("ACKNOWLEDGE_CONTACT", "contact-acknowledgement"),
    Kind.MUNICIPALITY: ("CONTACT_YOUNG_PERSON", "dropout-contact"),
    Kind.ICS: ("CONTACT_YOUNG_PERSON", "dropout-contact"),
}
_FLOW_OF_TYPE: Final = {contract.type: contract.flow for contract in FLOWS.values()}


class Deliveries:
    """Makes messages to one party, each with the next `sequence`."""

    def __init__(self, party: PartyAddress, kind: Kind, lists: CodeLists, now: datetime) -> None:
        self._party, self._kind, self._lists, self._now = party, kind, lists, now
        self._sequence = 0

    def of_type(self, type_: str) -> Event:
        """A message of a type that the party may get."""
        if type_ == TASK_TYPE:
            return self.task()
        event = example(type_)
        if type_ in OUTBOUND:
            data = OUTBOUND[type_].model_validate_json(orjson.dumps(event["data"])).model_dump()
            return self._event(type_, _GATEWAY, data)
        flow = _FLOW_OF_TYPE[type_]
        if "institution" in event["data"] and self._kind is Kind.INSTITUTION:
            event["data"]["institution"] = parse_party(self._party)[1]
        message = from_structured(orjson.dumps(event), _NOBODYS_KEY, self._lists, _ANY_TIME)
        return self._event(
            type_, message.envelope.source, visible_record(flow, message.data, self._party), str(uuid4())
        )

    def task(self, **changes: Any) -> Event:
        """A task of this kind of party, with parts of its data replaced."""
        kind, rule = _TASK_OF[self._kind]
        data = example(TASK_TYPE)["data"] | {"task_id": str(uuid4()), "kind": kind, "rule": rule} | changes
        record = OUTBOUND[TASK_TYPE].model_validate_json(orjson.dumps(data)).model_dump()
        record["citizen"] = citizen_as_seen(record["citizen"], self._party)
        return self._event(TASK_TYPE, _GATEWAY, record)

    def large_task(self) -> Event:
        """As many causes as a task can have: some 40 kB."""
        return self.task(caused_by=[str(uuid4()) for _ in range(CAUSES)])

    def skip(self) -> None:
        """Leave a number out, as that of a case that has been erased."""
        self._sequence += 1

    def _event(self, type_: str, source: str, record: Any, id_: str | None = None) -> Event:
        self._sequence += 1
        attributes = {
            "specversion": SPECVERSION,
            "id": id_ or str(uuid4()),
            "source": source,
            "type": type_,
            "time": self._now.isoformat(),
            "sequence": str(self._sequence),
            "subject": _SUBJECT,
        }
        return to_structured(attributes, record)
