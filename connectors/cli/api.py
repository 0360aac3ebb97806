"""`overgang api`: the HTTP API as a process of its own."""

import signal
import socket
from datetime import timedelta

import uvicorn

from connectors.access.token_keys import IssuerKeys, OwnKeys, fetched_from, own_key
from connectors.access.tokens import OWN_ISSUER, Keys
from connectors.broker import broker_login
from connectors.cli.log_lines import log_as_json
from connectors.database import with_password
from connectors.http.app import create_app
from connectors.http.client_certificates import tls_options
from connectors.http.config import ApiConfig
from connectors.http.limits import LimitConfig
from connectors.http.serving import ApiServer
from connectors.limits.in_hand import Shares
from connectors.limits.rates import Rate
from connectors.own_rights import refuse_owner
from connectors.settings import Settings
from schemas.problems import OvergangError
from schemas.pseudonym import load_or_make_key
from streams.ledger.sealing import load_or_make_wrapping_key
from streams.seal_keys import SealKeys
from streams.tracing.target import TraceTarget

_DRAIN_SECONDS = 10
_CONNECTIONS = 1000
_BACKLOG = 256


class AddressTaken(OvergangError):
    """The HTTP address cannot be listened on."""


def api() -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C; requests in hand are answered first."""
    settings = Settings()
    config = api_config(settings)
    refuse_owner(settings, config.database_url)
    # Where every key is given, nothing else has made it.
    settings.data_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_as_json()
    with listen(settings.http_host, settings.http_port) as listening:
        server = ApiServer(
            uvicorn.Config(
                create_app(config),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                **tls_options(settings),
            )
        )
        # The server stops by itself on these and then raises them again: once stopped, they mean nothing.
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: None)
        server.run(sockets=[listening])
    if not server.started:
        raise OvergangError("the HTTP API did not start; its log above says why")


def api_config(settings: Settings) -> ApiConfig:
    """The API's part of the settings. Raises OvergangError where broker or database is not named."""
    if settings.kafka_bootstrap is None:
        raise OvergangError("no broker: set OVERGANG_KAFKA_BOOTSTRAP, or start all with `overgang up`")
    if settings.database_url is None:
        raise OvergangError("no database: set OVERGANG_DATABASE_URL, or start all with `overgang up`")
    embedded = settings.profile == "embedded"
    return ApiConfig(
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_login=broker_login(settings),
        data_directory=settings.data_directory,
        disk_floor_mb=settings.disk_floor_mb,
        database_url=with_password(settings.database_url, settings),
        pseudonym_key=load_or_make_key(settings.pseudonym_key_file),
        seal_keys=SealKeys(settings.seal_keys_file),
        token_issuers=_token_issuers(settings),
        token_audience=settings.token_audience,
        wrapping=load_or_make_wrapping_key(settings.wrapping_key_file),
        everybody=embedded,
        loopback_webhooks=embedded,
        webhook_ttl=timedelta(days=settings.webhook_days),
        topic_prefix=settings.topic_prefix,
        consumer_group=settings.consumer_group,
        traces=TraceTarget.of(settings.traces_endpoint, settings.traces_share),
        limits=LimitConfig(
            requests=Rate(settings.requests_per_second, settings.requests_burst),
            messages=Rate(settings.messages_per_second, settings.messages_burst),
            shares=Shares(requests=settings.requests_at_once, batches=settings.batches_at_once),
        ),
        allowed_hosts=(
            "localhost",
            "127.0.0.1",
            "[::1]",
            settings.http_host,
            *filter(None, settings.http_names.split(",")),
        ),
    )


def _token_issuers(settings: Settings) -> dict[str, Keys]:
    issuers: dict[str, Keys] = {}
    if settings.profile == "embedded":
        issuers[OWN_ISSUER] = OwnKeys(own_key(settings.token_key_file))
    if settings.token_issuer is not None and settings.token_keys is not None:
        issuers[settings.token_issuer] = IssuerKeys(fetched_from(settings.token_keys))
    return issuers


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `AddressTaken`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only then: with it, the second packet
    # of an answer waits 40 ms for the client's delayed acknowledgement of the first.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as taken:
        listening.close()
        raise AddressTaken(
            f"cannot listen on {host} port {port} ({taken.strerror}); choose another in OVERGANG_HTTP_PORT"
        ) from None
    return listening
