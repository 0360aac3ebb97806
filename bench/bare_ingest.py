"""The least that answers 202 once Kafka has a body: FastAPI and confluent-kafka, nothing checked.

What `bench.ingest` measures the gateway beside. Environment: BOOTSTRAP, TOPIC, PORT.
"""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from confluent_kafka import KafkaError, Message, Producer
from fastapi import FastAPI, Request
from fastapi.responses import Response

_TOPIC = os.environ.get("TOPIC", "")
_PRODUCER = {
    "bootstrap.servers": os.environ.get("BOOTSTRAP", ""),
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 0,
    "compression.type": "zstd",
}


@asynccontextmanager
async def _producing(app: FastAPI) -> AsyncIterator[None]:
    producer, stopped = Producer(_PRODUCER), threading.Event()

    def poll() -> None:
        while not stopped.is_set():
            producer.poll(0.2)

    thread = threading.Thread(target=poll)
    thread.start()
    app.state.producer = producer
    yield
    stopped.set()
    thread.join()


app = FastAPI(lifespan=_producing, openapi_url=None)


@app.get("/health/ready")
async def ready() -> Response:
    """It is there."""
    return Response()


@app.post("/v1/messages")
async def post(request: Request) -> Response:
    """One message, or a list of them."""
    body = await request.body()
    values = [json.dumps(event).encode() for event in json.loads(body)] if body.startswith(b"[") else [body]
    await asyncio.gather(*(_sent(value) for value in values))
    return Response(status_code=202)


async def _sent(value: bytes) -> None:
    loop = asyncio.get_running_loop()
    sent: asyncio.Future[None] = loop.create_future()

    def told(error: KafkaError | None, _: Message) -> None:
        if error is None:
            loop.call_soon_threadsafe(sent.set_result, None)
        else:
            loop.call_soon_threadsafe(sent.set_exception, RuntimeError(error.name()))

    app.state.producer.produce(_TOPIC, value, on_delivery=told)
    await sent


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_config=None, access_log=False)
