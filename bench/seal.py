"""What seals cost a message: `python -m bench.seal`. No broker; pairs in turn, the median of them counts.

Left: the edge's and the worker's own work on a message as it was without seals. Right: with the seal.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from joserfc import jws
from joserfc.jwk import OKPKey
from rich.console import Console
from sqlalchemy import create_engine

from bench.load import FLOWS, LISTS, messages
from schemas.cloudevent import from_kafka, to_kafka
from schemas.identifiers import Flow, SystemId
from schemas.message import Message
from schemas.pseudonym import PseudonymKey
from schemas.seal import Stamp, covered, seal
from schemas.signature import signed_at_ms
from streams.batch import Input
from streams.ledger.registry_watch import RegistryWatch
from streams.proving import Prover
from streams.seal_keys import SealKeys

console = Console(width=200)
ROUNDS = 15
PEOPLE = 200
SYSTEM = SystemId("school-admin")


def main() -> None:
    key = PseudonymKey(bytes(range(32)))
    given = messages(PEOPLE, key)
    with TemporaryDirectory() as directory:
        keys = SealKeys(Path(directory) / "seal.keys")
        records = [(m.envelope.flow, _record(keys, m)) for m in given]
        engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
        prover = Prover(keys, RegistryWatch(engine), required=True)
        now = datetime.now(UTC)

        def plain_edge() -> None:
            for message in given:
                to_kafka(message)

        def sealing_edge() -> None:
            for message in given:
                _record(keys, message)

        def plain_worker() -> None:
            for flow, record in records:
                from_kafka(flow, record.headers, record.value, key, LISTS, now)

        def proving_worker() -> None:
            for flow, record in records:
                prover.prove(_topic(flow), flow, record, now)
                from_kafka(flow, record.headers, record.value, key, LISTS, now)

        _tell("edge: encode", "encode and seal", plain_edge, sealing_edge, len(given))
        _tell("worker: decode", "verify and decode", plain_worker, proving_worker, len(given))
        _tell_signatures(records)


def _record(keys: SealKeys, message: Message) -> Input:
    kafka_key, headers, value = to_kafka(message)
    stamp = Stamp(SYSTEM, int(time.time() * 1000))
    headers.append(seal(keys.sealing(), covered(_topic(message.envelope.flow), headers, value), stamp))
    return Input(0, kafka_key, tuple(headers), value, stamp.at_ms)


def _topic(flow: Flow) -> str:
    return f"inbound.{flow}.v1"


def _tell_signatures(records: list[tuple[Flow, Input]]) -> None:
    pair = OKPKey.generate_key("Ed25519", auto_kid=True)
    public = str(pair.as_dict(private=False)["x"])
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    protected = {"alg": "Ed25519", "kid": pair.kid, "iat": int(time.time())}
    plain = [covered(_topic(flow), record.headers, record.value) for flow, record in records]
    signed = [
        jws.detach_content(jws.serialize_compact(protected, record, pair, registry=registry)).encode()
        for record in plain
    ]

    def verify() -> None:
        for header, record in zip(signed, plain, strict=True):
            signed_at_ms(header, record, lambda _: public)

    console.print(f"worker: verify a signature {_microseconds(verify, len(plain)):6.1f} us a message")


def _tell(
    left: str, right: str, without: Callable[[], None], with_seal: Callable[[], None], count: int
) -> None:
    pairs = [(_microseconds(without, count), _microseconds(with_seal, count)) for _ in range(ROUNDS)]
    extra = sorted(after - before for before, after in pairs)
    before, after = (median(side) for side in zip(*pairs, strict=True))
    console.print(
        f"{left:16} {before:6.1f} us, {right:17} {after:6.1f} us: the seal costs {median(extra):5.1f} us"
        f" a message ({extra[0]:.1f} to {extra[-1]:.1f} over {ROUNDS} pairs, {len(FLOWS)} flows)"
    )


def _microseconds(work: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) / count * 1e6


if __name__ == "__main__":
    main()
