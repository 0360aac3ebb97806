"""The HTTP API as one ASGI app. Routes parse, call and map errors; what they share is opened here.

app = create_app(ApiConfig(kafka_bootstrap="127.0.0.1:9092", database_url="postgresql://...", ...))
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from connectors.access.gate import Gate
from connectors.access.tokens import TokenVerifier
from connectors.http import (
    access,
    description,
    ingest,
    mailbox,
    operations,
    receipts,
    registry,
    schemas,
    tasks,
    webhooks,
)
from connectors.http.config import ApiConfig
from connectors.http.document import complete, operation_id
from connectors.http.health import WITHIN_SECONDS, Health
from connectors.http.inbound import InboundProducer
from connectors.http.limits import Limits
from connectors.http.metrics import Metrics
from connectors.http.observe import Observe
from connectors.http.parts import Parts
from connectors.http.problems import Refusal, page
from connectors.http.traced import TraceIngest
from connectors.inbound_topics import inbound_topics
from connectors.mailbox.bell import Bell
from connectors.mailbox.polls import Polls
from connectors.mailbox.reading import Mailboxes
from connectors.mailbox.unread import UnreadAges
from schemas.flows import FLOWS
from schemas.problems import Problem
from streams.broker_access import client_settings
from streams.disk_room import no_room
from streams.ledger.registry_watch import RegistryWatch
from streams.ledger_numbers import LedgerNumbers
from streams.measurements.build import tell_build
from streams.rules.rule_files import shipped as shipped_rules
from streams.tracing.target import tracing_to

_log = structlog.get_logger(__name__)
_AWAY_SECONDS = "5"
_BY_STATUS = {404: "not-found", 405: "method-not-allowed"}


def create_app(config: ApiConfig) -> FastAPI:
    """The app; its lifespan opens the producer, the database pool and the health checks, and closes them."""
    metrics = Metrics()
    tell_build(metrics.registry, shipped_rules().digest, config.lists.digest)
    bell = Bell(config.database_url)
    tracing = tracing_to(config.traces, "api", metrics.spans_dropped.inc)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        producer = InboundProducer(
            client_settings(config.kafka_bootstrap, config.kafka_login),
            config.acknowledge_within,
            config.messages_in_flight,
        )
        engine, writing = open_engine(config), open_engine(config, read_only=False)
        watch = RegistryWatch(engine)
        gate = Gate(TokenVerifier(config.token_issuers, config.token_audience), watch)
        health = Health(
            producer,
            engine,
            inbound_topics(config.topic_prefix),
            lambda: no_room(config.data_directory, config.disk_floor_mb),
        )
        metrics.in_flight.set_function(lambda: producer.in_flight)
        batches = asyncio.Semaphore(config.batches_in_hand)
        mailboxes = Mailboxes(
            engine,
            writing,
            config.wrapping,
            config.mailbox_page,
            metrics.delivered.labels("mailbox").observe,
            tracing,
        )
        numbers = LedgerNumbers(
            database_url=config.database_url,
            broker=client_settings(config.kafka_bootstrap, config.kafka_login),
            topics={config.topic_prefix + contract.topic: flow for flow, contract in FLOWS.items()},
            group=config.topic_prefix + config.consumer_group,
            lists=config.lists,
            leads=metrics.leads.set,
            every=config.count_every,
        )
        unread = UnreadAges(mailboxes)
        metrics.registry.register(unread)
        polls = Polls(config.polls, config.polls_of_one, config.polls_of_system, config.polls_of_party)
        metrics.polls.set_function(lambda: polls.waiting)
        app.state.parts = Parts(
            config,
            producer,
            engine,
            writing,
            health,
            metrics,
            batches,
            gate,
            mailboxes,
            bell,
            polls,
            numbers,
            Limits(config.limits, metrics),
            tracing,
        )
        health.start()
        bell.start()
        unread.start()
        await asyncio.to_thread(watch.start)
        numbers.start()
        try:
            yield
        finally:
            await health.stop()
            await bell.stop()
            await unread.stop()
            mailboxes.close()
            await producer.close()
            await asyncio.to_thread(watch.stop)
            await asyncio.to_thread(numbers.stop)
            engine.dispose()
            writing.dispose()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    app = described_app(lifespan)
    app.state.bell = bell
    app.add_middleware(_OnlyKnownHosts, hosts=frozenset(config.allowed_hosts))
    if tracing is not None:
        app.add_middleware(TraceIngest, tracing=tracing)
    app.add_middleware(Observe, metrics=metrics)
    return app


def described_app(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The routes and what is told of them. Without the lifespan it answers nothing but `openapi()`."""
    app = FastAPI(
        title="Overgang",
        version="1",
        description=description.API,
        lifespan=lifespan,
        dependencies=[Depends(access.caller)],
        # The framework's own routes take no dependencies, and its pages load scripts from elsewhere.
        openapi_url=None,
        generate_unique_id_function=operation_id,
        # The framework's own would tell addresses and what a client sent.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    for room in (ingest, receipts, mailbox, tasks, webhooks, schemas, registry, operations):
        app.include_router(room.router)
    app.get("/problems/{slug}", include_in_schema=False)(problem_page)
    app.get("/openapi.json", include_in_schema=False)(lambda: app.openapi())
    _answer_errors(app)
    complete(app)
    return app


def open_engine(config: ApiConfig, *, read_only: bool = True) -> Engine:
    """A pool of connections that answers or fails within seconds."""
    url = make_url(config.database_url).set(drivername="postgresql+psycopg")
    timeout = int(WITHIN_SECONDS * 1000)
    return create_engine(
        url,
        pool_size=config.database_connections,
        max_overflow=0,
        pool_timeout=WITHIN_SECONDS,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
        connect_args={
            "connect_timeout": int(WITHIN_SECONDS),
            "options": f"-c statement_timeout={timeout} -c default_transaction_read_only={read_only}",
        },
    )


def problem_page(slug: str) -> Response:
    """What a kind of problem means."""
    text = page(slug)
    if text is None:
        raise Refusal("not-found")
    return PlainTextResponse(text)


class _OnlyKnownHosts:
    """Refuses other names for this host: a web page could else reach loopback through a name of its own."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _host_of(scope) not in self._hosts:
            await Refusal("unknown-host", headers={"Connection": "close"}).response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host_of(scope: Scope) -> str:
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    end = host.rfind(":")
    return (host[:end] if end > host.rfind("]") else host).lower()


def _answer_errors(app: FastAPI) -> None:
    async def refusal(_: Request, refused: Refusal) -> Response:
        return refused.response()

    async def http(_: Request, error: HTTPException) -> Response:
        slug = _BY_STATUS.get(error.status_code, "invalid-request")
        return Refusal(slug, headers=dict(error.headers or {})).response()

    async def malformed(_: Request, error: RequestValidationError) -> Response:
        problems = [
            Problem(".".join(map(str, fault["loc"])), "is malformed", fault["msg"])
            for fault in error.errors()
        ]
        return Refusal("invalid-request", errors=problems).response()

    async def database(_: Request, error: SQLAlchemyError) -> Response:
        _log.error("database", kind=type(error).__name__)
        return Refusal("database-unavailable", headers={"Retry-After": _AWAY_SECONDS}).response()

    app.add_exception_handler(Refusal, refusal)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, http)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, malformed)  # type: ignore[arg-type]
    app.add_exception_handler(SQLAlchemyError, database)  # type: ignore[arg-type]
