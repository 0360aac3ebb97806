"""A worker that takes nothing unsealed: records sealed as the HTTP edge does, or signed as vendors do."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer
from joserfc.jwk import OKPKey

from connectors.access.signing_keys import signing_key
from schemas.cloudevent import to_kafka
from schemas.identifiers import PartyAddress, SystemId
from schemas.seal import Stamp, covered, seal
from streams.app import Worker
from streams.ledger.case_keys import GATEWAY
from streams.ledger.engine import engine_for
from streams.ledger.registry_changes import RegistryChanges
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.registry import CredentialKind, Party, Right
from streams.seal_keys import SealKeys
from tests.integration.api_server import notice, until
from tests.integration.ledger_room import checked
from tests.integration.stream_room import StreamRoom
from tests.signing import new_key, signature

SCHOOL, OTHER_SCHOOL = PartyAddress("/institution/280051"), PartyAddress("/institution/280052")
EDGE = SystemId("edge-client")
NOT_DELAYED = 5.0
Headers = Sequence[tuple[str, bytes | None]]
Record = tuple[bytes, list[tuple[str, bytes]], bytes]


@dataclass
class SealedRoom:
    """A room with a worker that requires seals, and what is there to prove who sent something."""

    room: StreamRoom
    worker: Worker

    def __post_init__(self) -> None:
        self.keys = SealKeys(self.room.config().seal_keys_file)
        self._engine = engine_for(self.room.database_url)
        for address in (SCHOOL, OTHER_SCHOOL):
            self.changes().put_party(Party(address, "Example", datetime(2026, 1, 1, tzinfo=UTC).date()))

    def in_force(self) -> float:
        """Returns once the worker knows every change of the registry, with the seconds that took."""
        [(version,)] = self.room.rows("SELECT max(n) FROM audit")
        return until(lambda: self.worker.registry_watch.current().version == version, 5)

    def changes(self) -> RegistryChanges:
        return RegistryChanges(self._engine, "tester", datetime.now(UTC))

    def signer(self, *flows: Any, party: PartyAddress = SCHOOL) -> tuple[SystemId, OKPKey, int]:
        """A system with a key of its own and grants to send these flows; number of its credential."""
        system, key = SystemId(f"s-{uuid4().hex[:12]}"), new_key()
        self.changes().put_system(system, "A vendor's")
        for flow in flows:
            self.changes().grant(system, party, Right.SEND, flow)
        value = signing_key(json.dumps(key.as_dict(private=False)))
        n = self.changes().add_credential(system, CredentialKind.SIGNING_KEY, value)
        self.in_force()
        return system, key, n

    def record(self, event: dict[str, Any] | None = None) -> Record:
        """Key, headers and value of an event, by default a good notice, neither sealed nor signed."""
        key, headers, value = to_kafka(checked(event or notice(), datetime.now(UTC)))
        return key, headers, value

    def sealed(
        self, record: Record | None = None, flow: str = "dropout-risk", age_seconds: float = 0
    ) -> Record:
        key, headers, value = record or self.record()
        stamp = Stamp(EDGE, int((time.time() - age_seconds) * 1000))
        header = seal(self.keys.sealing(), covered(self.room.topic(flow), headers, value), stamp)
        return key, [*headers, header], value

    def signed(
        self, with_key: OKPKey, record: Record | None = None, flow: str = "dropout-risk", **changed: Any
    ) -> Record:
        key, headers, value = record or self.record()
        header = signature(with_key, self.room.topic(flow), headers, value, time.time(), **changed)
        return key, [*headers, header], value

    def produce(self, *given: Record, flow: str = "dropout-risk", at_ms: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.room.bootstrap})
        for key, headers, value in given:
            producer.produce(
                self.room.topic(flow), key=key, headers=list(headers), value=value, timestamp=at_ms
            )
        assert producer.flush(10) == 0

    def taken(self, record: Record, flow: str = "dropout-risk", **more: Any) -> bool:
        """Puts it between two good ones, which are soon accepted; whether it was accepted, too."""
        before = self.inputs()
        self.produce(self.sealed(self._good(flow), flow), flow=flow)
        self.produce(record, flow=flow, **more)
        self.produce(self.sealed(self._good(flow), flow), flow=flow)
        self.room.wait_until(lambda: sum(self.inputs()) == sum(before) + 3, NOT_DELAYED)
        accepted, refused = (now - then for now, then in zip(self.inputs(), before, strict=True))
        assert (accepted, refused) in ((3, 0), (2, 1))
        assert self.room.stopped() == {}
        return accepted == 3

    def inputs(self) -> tuple[int, int]:
        """Those accepted (repeats too) and those quarantined so far."""
        [found] = self.room.rows(
            "SELECT (SELECT count(*) + coalesce(sum(duplicates), 0) FROM inbox)::int,"
            " (SELECT count(*) FROM quarantine)::int"
        )
        return found[0], found[1]

    def refused(self, record: Record, **more: Any) -> tuple[str, str | None]:
        """Class and proved sender of a record that is refused as it came, without a receipt for anybody."""
        receipts = self.receipts()
        assert not self.taken(record, **more)
        [(error_class, system, source, message_id, reasons, original)] = self.room.rows(
            "SELECT error_class, system, source, message_id, reasons, original"
            " FROM quarantine ORDER BY n DESC LIMIT 1"
        )
        vault = load_or_make_wrapping_key(self.room.directory / "wrapping.key")
        assert json.loads(vault.open(original, GATEWAY)) == as_kept(*record)
        assert all(reason["problem"] and reason["mend"] for reason in reasons)
        if error_class == "SEAL_EXPIRED":
            assert (source, self.receipts()) == (SCHOOL, receipts + 1)
        else:
            assert (source, message_id, self.receipts()) == (None, None, receipts)
        return error_class, system

    def receipts(self) -> int:
        return int(self.room.rows("SELECT count(*) FROM outbound WHERE type LIKE '%%.receipt.v1'")[0][0])

    def _good(self, flow: str) -> Record:
        return self.record(None if flow == "dropout-risk" else self.room.forms(1)[0])


def as_kept(key: bytes, headers: Headers, value: bytes) -> dict[str, Any]:
    """The original as the quarantine keeps it."""

    def text(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    told = [[name, text(content)] for name, content in headers]
    return {"key": text(key), "headers": told, "value": text(value)}
