"""A broker that is really away: the other channels go on, its topics get everything in order afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from connectors.embedded.kafka import EmbeddedKafka
from connectors.webhooks.deliverer import Deliverer, DelivererConfig
from schemas.wire import decode
from streams.ledger.engine import engine_for
from streams.ledger.webhook_changes import WebhookChanges
from tests.integration.api_server import served, until
from tests.integration.mailbox_room import MailboxRoom, said
from tests.integration.relay_room import AARHUS, SCHOOL, SEAL, RelayRoom, sequences
from tests.integration.webhook_room import ORIGIN, TTL, delivering, receiving

WITHIN = 5


def test_mailbox_and_webhook_get_what_is_new_while_the_broker_is_away(
    own_kafka: EmbeddedKafka, database_url: str, topic_prefix: str, wait_until: Callable[..., None]
) -> None:
    relays = RelayRoom(own_kafka.bootstrap, database_url, topic_prefix, wait_until)
    house = MailboxRoom(relays)
    deliverer = Deliverer(DelivererConfig(database_url, SEAL, ORIGIN, TTL, loopback=True))
    with (
        served(own_kafka.bootstrap, database_url, topic_prefix) as api,
        receiving() as receiver,
        relays.running(),
        delivering(deliverer),
    ):
        now = datetime.now(UTC)
        WebhookChanges(engine_for(database_url), SEAL, "tester", now).put(SCHOOL, receiver.url, 0)
        house.tell("one")
        relays.all_out()
        own_kafka.stop()
        house.tell("two", "three")
        # Aarhus has no topic yet: none can be made now.
        house.tell("first", to=AARHUS)
        until(lambda: mailbox(api, SCHOOL) == ["one", "two", "three"], WITHIN)
        until(lambda: mailbox(api, AARHUS) == ["first"], WITHIN)
        house.tell("second", to=AARHUS)
        house.tell("four")
        until(lambda: mailbox(api, AARHUS) == ["first", "second"], WITHIN)
        until(lambda: receiver.sequences() == [1, 2, 3, 4], WITHIN)
        assert relays.unpublished() == 5
        own_kafka.start()
        wait_until(lambda: relays.unpublished() == 0, timeout=60, what="every row published")
    for party, texts in ((SCHOOL, ["one", "two", "three", "four"]), (AARHUS, ["first", "second"])):
        on_topic = relays.got(party, len(texts))
        assert [decode(message.value() or b"")[1]["reasons"] for message in on_topic] == [[t] for t in texts]
        assert sequences(on_topic) == list(range(1, len(texts) + 1))


def mailbox(api: httpx.Client, party: str) -> list[str]:
    return said(api.get("/v1/mailbox", params={"party": party, "after": 0}).raise_for_status().json())
