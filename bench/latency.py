"""From the start of a POST to the forwarded message in the hands of a consumer of the recipient's topic."""

import statistics
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from socket import create_server
from uuid import uuid4

import httpx
from confluent_kafka import Consumer, TopicPartition

from bench.load import events
from bench.rig import House, Rig
from streams.topics import ensure_topics, outbound_shape

_RECIPIENT = "outbound.municipality.751.v1"
_WARM = 100


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds over `count` messages."""

    count: int
    p50: float
    p99: float


def measure_latency(on: Rig, rate: int, seconds: int) -> Latency:
    """POST `rate` notices a second one by one; match each with its forward by message id."""
    house = on.fresh()
    ensure_topics(on.running.bootstrap, [house.prefix + _RECIPIENT], outbound_shape())
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (
        house.process(*house.overgang("worker")),
        house.process(*house.overgang("api"), OVERGANG_HTTP_PORT=str(port)),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, auth=on.credential) as client,
    ):
        _until_ready(client)
        arrived: dict[str, float] = {}
        total = _WARM + rate * seconds
        reader = threading.Thread(target=_read, args=(on, house, arrived, total))
        reader.start()
        posted = _post(client, rate, total)
        reader.join(30)
    spent = [1_000 * (arrived[id_] - at) for id_, at in list(posted.items())[_WARM:] if id_ in arrived]
    if len(spent) < total - _WARM:
        raise RuntimeError(f"{total - _WARM - len(spent)} forwards did not arrive within 30 s")
    cuts = statistics.quantiles(spent, n=100)
    return Latency(len(spent), cuts[49], cuts[98])


def _until_ready(client: httpx.Client) -> None:
    pause = threading.Event()
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pause.wait(0.1)
        pause.wait(0.1)
    raise TimeoutError("the API was not ready within 60 s")


def _post(client: httpx.Client, rate: int, total: int) -> dict[str, float]:
    at = datetime.now(UTC) - timedelta(days=1)
    # Person 0, 4, 8 ... live in municipality 751.
    notices = []
    for n in range(total):
        [event] = [e for e in events(1, at, first=4 * n) if "dropout-risk" in e["type"]]
        event["data"]["citizen"]["residence_municipality"] = "751"
        notices.append(event)
    pause = threading.Event()
    posted: dict[str, float] = {}
    start = time.perf_counter()
    for place, event in enumerate(notices):
        pause.wait(max(0.0, start + place / rate - time.perf_counter()))
        posted[event["id"]] = time.perf_counter()
        answer = client.post(
            "/v1/messages", json=event, headers={"content-type": "application/cloudevents+json"}
        )
        answer.raise_for_status()
    return posted


def _read(on: Rig, house: House, arrived: dict[str, float], total: int) -> None:
    consumer = Consumer({"bootstrap.servers": on.running.bootstrap, "group.id": f"bench-{uuid4()}"})
    consumer.assign([TopicPartition(house.prefix + _RECIPIENT, 0, 0)])
    give_up = time.monotonic() + 120
    while len(arrived) < total and time.monotonic() < give_up:
        record = consumer.poll(0.5)
        if record is not None and record.error() is None:
            headers = dict(record.headers() or [])
            if b"dropout-risk" in headers["ce_type"]:
                arrived.setdefault(headers["ce_id"].decode(), time.perf_counter())
    consumer.close()
