"""A real HTTP API on a free loopback port, for tests: uvicorn in a thread of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from joserfc.jwk import OKPKey

from connectors.access.own_token import OwnToken
from connectors.access.token_keys import OwnKeys, own_key
from connectors.access.tokens import OWN_ISSUER
from connectors.cli.api import listen
from connectors.http.app import create_app
from connectors.http.config import ApiConfig
from connectors.http.serving import ApiServer
from connectors.inbound_topics import inbound_topics
from schemas.pseudonym import PseudonymKey
from streams.ledger.migrate import migrate
from streams.ledger.registry_changes import seed_local
from streams.ledger.sealing import Seal
from streams.seal_keys import SealKeys
from streams.topics import ensure_topics, inbound_shape
from tests.integration.ledger_room import WRAPPING

PARTITIONS = 2
KEY = PseudonymKey(bytes(range(32)))
TOKEN_KEY = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@contextmanager
def served(
    kafka: str, database_url: str, topic_prefix: str, *, ready: bool = True, **settings: Any
) -> Iterator[httpx.Client]:
    """A client of a running API on migrated tables and made topics; with `ready`, once it says so itself."""
    if ready:
        migrate(database_url)
        seed_local(database_url)
        ensure_topics(kafka, inbound_topics(topic_prefix), inbound_shape(PARTITIONS))
    config = ApiConfig(
        kafka_bootstrap=kafka,
        database_url=database_url,
        pseudonym_key=KEY,
        wrapping=Seal(WRAPPING),
        topic_prefix=topic_prefix,
        **{
            "token_issuers": {OWN_ISSUER: OwnKeys(TOKEN_KEY)},
            "everybody": True,
            "loopback_webhooks": True,
            "seal_keys": _seal_keys(),
            **settings,
        },
    )
    with listen("127.0.0.1", 0) as listening:
        server = ApiServer(uvicorn.Config(create_app(config), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=url, timeout=30, trust_env=False, auth=OwnToken(TOKEN_KEY)) as client:
                until(lambda: server.started, 30)
                if ready:
                    until(lambda: client.get("/health/ready").status_code == 200, 30)
                yield client
        finally:
            server.should_exit = True
            thread.join(30)


def _seal_keys() -> SealKeys:
    """Keys of nobody else; their file is read once and may go."""
    with TemporaryDirectory() as directory:
        return SealKeys(Path(directory) / "seal.keys")


def of_this_machine(data_directory: Path) -> OwnToken:
    """The credential of a gateway's own operator, by the key in its data directory."""
    return OwnToken(own_key(data_directory / "keys" / "token.key"))


def api_settings(
    directory: Path, kafka: str, database_url: str, topic_prefix: str, port: int
) -> dict[str, str]:
    """Environment of an `overgang api` of its own."""
    return {
        "OVERGANG_DATA_DIRECTORY": str(directory),
        "OVERGANG_KAFKA_BOOTSTRAP": kafka,
        "OVERGANG_DATABASE_URL": database_url,
        "OVERGANG_TOPIC_PREFIX": topic_prefix,
        "OVERGANG_HTTP_PORT": str(port),
    }


def tls_settings(certificate: Path, key: Path, authority: Path) -> dict[str, str]:
    """Environment of one that speaks TLS, and takes client certificates of an authority."""
    return {
        "OVERGANG_TLS_CERTIFICATE_FILE": str(certificate),
        "OVERGANG_TLS_KEY_FILE": str(key),
        "OVERGANG_TLS_CLIENT_CA_FILE": str(authority),
    }


def until(happened: Callable[[], bool], seconds: float) -> float:
    """Wait until something has happened and return the seconds it took; fails after `seconds`."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, f"did not happen within {seconds} seconds"
        threading.Event().wait(0.05)
    return time.monotonic() - began


def records_on(kafka: str, topic: str) -> list[Message]:
    """All that is on an inbound topic now, read up to each partition's end."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": uuid4().hex, "enable.auto.commit": False})
    found: list[Message] = []
    try:
        ends = {partition: watermarks(consumer, topic, partition) for partition in range(PARTITIONS)}
        places = [TopicPartition(topic, partition, low) for partition, (low, _) in ends.items()]
        consumer.assign(places)
        give_up = time.monotonic() + 20
        while len(found) < sum(high - low for low, high in ends.values()):
            assert time.monotonic() < give_up, "the topic could not be read to its end"
            message = consumer.poll(0.2)
            if message is not None:
                assert message.error() is None, message.error()
                found.append(message)
    finally:
        consumer.close()
    return found


def watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First and next offset. The broker of a busy machine may be without leaders for a moment."""
    found: list[tuple[int, int]] = []

    def asked() -> bool:
        try:
            found.append(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10))
        except KafkaException as refused:
            if refused.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
        return bool(found)

    until(asked, 20)
    return found[0]


def notice(**changes: Any) -> dict[str, Any]:
    """A valid notice of dropout risk in structured mode; `changes` replace parts of its data."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/institution/280051",
        "type": "dk.overgang.dropout-risk.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "citizen": {"cpr": "7405034123", "residence_municipality": "751"},
            "enrolment_id": "E-1",
            "event": "RAISED",
            "observed_on": "2026-02-09",
        }
        | changes,
    }
