"""`overgang doctor`: is everything there that the gateway needs, and if not, what to do."""

import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from sqlalchemy.exc import SQLAlchemyError

from connectors.access.own_token import local_credential
from connectors.broker import NoBroker, admin_client, broker_address
from connectors.cli import run_file
from connectors.cli.doctor_access import access
from connectors.cli.doctor_schemas import schema_registry
from connectors.cli.finding import Finding
from connectors.cli.printing import AsJson, print_json, print_table
from connectors.database import with_password
from connectors.inbound_topics import inbound_topics
from connectors.settings import Settings
from schemas.key_file import KeyFileError
from streams.database_roles import shipped_roles
from streams.ledger.clock import clock_ahead
from streams.ledger.disk_room import disk_is_full
from streams.ledger.migrate import current_revision, newest_revision
from streams.ledger.roles import plan, standing
from streams.ledger.roles import told as roles_told

_BROKER_SECONDS = 5.0
_HEALTH_SECONDS = 5.0
_CLOCK_SECONDS = 2.0
"""How far clocks may be apart: tokens, seals and due times are measured by them."""
_FREE_BYTES = 1 << 30
_SEE_LOG = "see its log in the data directory; stop `overgang up` and start it again"
_REFUSALS = {
    "_AUTHENTICATION": "mend OVERGANG_KAFKA_USER and OVERGANG_KAFKA_PASSWORD_FILE",
    "_SSL": "mend OVERGANG_KAFKA_CA_FILE, or the broker's certificate",
}
_ROLES = "run `overgang database roles apply` as the owner of the tables"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def doctor(json: AsJson = False) -> None:
    """Look at broker, topics, access, database, schema registry, clock, disk and keys.

    Exit status 1 where something is not well.
    """
    settings = Settings()
    running = run_file.read(settings.data_directory)
    database_url = settings.database_url or (running.database_url if running else None)
    embedded = settings.profile == "embedded"
    broker = list(_broker(settings))
    database = list(_database(database_url and with_password(database_url, settings)))
    # What access should be stands in the database.
    known = all(part.well for part in (broker[0], *database))
    findings = [
        *_gateway(running, settings),
        *broker,
        *([access(settings)] if known else ()),
        *database,
        *_role(database_url and with_password(database_url, settings), embedded),
        schema_registry(settings),
        _disk(settings.data_directory),
        _key("pseudonym key", settings.pseudonym_key_file),
        _key("wrapping key", settings.wrapping_key_file),
        *([_key("token key", settings.token_key_file)] if embedded else ()),
        _key("seal keys", settings.seal_keys_file),
    ]
    if json:
        print_json(findings)
    else:
        rows = ((f.part, "well" if f.well else "NOT WELL", f.found, f.mend) for f in findings)
        print_table("overgang doctor", ("part", "", "found", "mend"), rows)
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def _gateway(running: run_file.Running | None, settings: Settings) -> Iterator[Finding]:
    if running is None:
        yield Finding("gateway", True, "none runs on this data directory")
        return
    yield Finding("gateway", True, f"runs as process {running.process}")
    for part, url in (("api", running.http), ("worker", running.worker), ("deliver", running.deliver)):
        try:
            answer = httpx.get(
                f"{url}/health/ready",
                timeout=_HEALTH_SECONDS,
                trust_env=False,
                auth=local_credential(settings),
            )
        except httpx.TransportError as silent:
            yield Finding(part, False, f"{url} does not answer ({type(silent).__name__})", _SEE_LOG)
            continue
        ready = answer.status_code == httpx.codes.OK
        yield Finding(part, ready, f"{url} is ready" if ready else answer.text, None if ready else _SEE_LOG)


def _broker(settings: Settings) -> Iterator[Finding]:
    heard: list[str] = []
    try:
        bootstrap = broker_address(settings)
        client = admin_client(settings, lambda error: heard.append(error.name()))
    except KeyFileError as closed:
        yield Finding("broker", False, str(closed), "see OVERGANG_KAFKA_PASSWORD_FILE")
        return
    except NoBroker:
        yield Finding(
            "broker", False, "none configured, none runs", "`overgang up`, or OVERGANG_KAFKA_BOOTSTRAP"
        )
        return
    try:
        topics = _topics(client, heard)
    except KafkaException as away:
        if refused := next((name for name in heard if name in _REFUSALS), None):
            yield Finding("broker", False, f"{bootstrap} refuses ({refused})", _REFUSALS[refused])
            return
        error = f"{bootstrap} does not answer ({away.args[0].name()})"
        yield Finding("broker", False, error, "start it, or mend OVERGANG_KAFKA_BOOTSTRAP")
        return
    yield Finding("broker", True, f"{bootstrap} answers by {settings.kafka_security}")
    wanted = inbound_topics(settings.topic_prefix)
    if missing := sorted(wanted - topics.keys()):
        yield Finding(
            "topics", False, f"missing: {', '.join(missing)}", "`overgang worker` or `up` makes them"
        )
        return
    other = sorted(name for name in wanted if len(topics[name].partitions) != settings.inbound_partitions)
    if other:
        found = f"not {settings.inbound_partitions} partitions: {', '.join(other)}"
        yield Finding("topics", False, found, "set OVERGANG_INBOUND_PARTITIONS to what they have")
        return
    yield Finding("topics", True, f"{len(wanted)} inbound topics")


def _topics(client: AdminClient, heard: list[str]) -> Mapping[str, Any]:
    """Those of the broker. Raises KafkaException: no answer in time, or at once where it refuses us."""
    give_up = time.monotonic() + _BROKER_SECONDS
    while True:
        try:
            return client.list_topics(timeout=0.5).topics  # type: ignore[no-any-return] # no types
        except KafkaException:
            client.poll(0)
            if time.monotonic() > give_up or not _REFUSALS.keys().isdisjoint(heard):
                raise


def _database(url: str | None) -> Iterator[Finding]:
    if not url:
        yield Finding(
            "database", False, "none configured, none runs", "`overgang up`, or OVERGANG_DATABASE_URL"
        )
        return
    try:
        found = current_revision(url)
        ahead = clock_ahead(url, time.time)
        with psycopg.connect(url, connect_timeout=5) as connection:
            full = disk_is_full(connection)
    except (SQLAlchemyError, psycopg.Error) as away:
        kind = type(away).__name__
        yield Finding(
            "database", False, f"does not answer ({kind})", "start it, or mend OVERGANG_DATABASE_URL"
        )
        return
    yield Finding("database", True, "answers")
    if full:
        yield Finding("database disk", False, "PostgreSQL has no room to write", "make room on its disk")
    apart = f"{abs(ahead):.1f} s from the database's"
    if abs(ahead) > _CLOCK_SECONDS:
        yield Finding("clock", False, apart, "let both machines keep time by NTP (timedatectl)")
    else:
        yield Finding("clock", True, apart)
    wanted = newest_revision()
    if found == wanted:
        yield Finding("migrations", True, f"at {wanted}")
    else:
        yield Finding("migrations", False, f"at {found or 'none'}, not {wanted}", "`overgang up` migrates it")


def _role(url: str | None, embedded: bool) -> Iterator[Finding]:
    """Whether whoever we are there may do what the file says; an embedded database has its owner alone."""
    if not url:
        return
    try:
        found, wanted = standing(url), shipped_roles()
        with psycopg.connect(url, connect_timeout=5) as connection:
            differs = plan(connection, wanted).of(found.user)
    except psycopg.Error:
        return  # told above
    if found.user not in wanted.users.values():
        if not embedded:
            owns = found.superuser or found.owner
            told = f"{found.user} {'may do everything' if owns else 'is none of ours'}"
            yield Finding("database role", False, f"{told}: right for `overgang migrate` alone", _ROLES)
        return
    lines = [f"{detail} is to {action}" for action, _, detail in roles_told(differs)]
    if lines:
        yield Finding("database role", False, f"{found.user}: {'; '.join(lines)}", _ROLES)
    else:
        yield Finding("database role", True, f"{found.user} may do what it needs and no more")


def _disk(directory: Path) -> Finding:
    there = next(place for place in (directory, *directory.parents) if place.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / (1 << 30):.1f} GiB free for {directory}"
    if free < _FREE_BYTES:
        return Finding("disk", False, found, "make room: below this broker and database stop")
    return Finding("disk", True, found)


def _key(name: str, file: Path) -> Finding:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return Finding(name, False, f"{file} is missing", "restore it from its backup; a first `up` makes it")
    except PermissionError:
        return Finding(name, False, f"{file} is not ours to read", "run as its owner")
    if mode & _OTHERS:
        return Finding(name, False, f"{file} is open to others", f"chmod 600 {file}")
    return Finding(name, True, str(file))
