"""P13: no identifier in keys, topic names, logs, metrics, URLs, traces.

Nor in any row outside sealed columns.
"""

import re
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from tests.integration.api_server import watermarks
from tests.promises.finished_run import FinishedRun, secrets


class Search:
    """Finds secrets as whole words; `found` names places, never the secret."""

    def __init__(self, run: FinishedRun) -> None:
        words = sorted(map(re.escape, secrets(run)), key=len, reverse=True)
        assert len(words) > 500
        self._text = re.compile(rf"(?<![\w@.])(?:{'|'.join(words)})(?!\w)")
        self._raw = re.compile("|".join(word for word in words if len(word) > 8).encode())
        self.found: set[str] = set()
        self.looked_at = 0

    def look(self, place: str, value: object) -> None:
        self.looked_at += 1
        if isinstance(value, bytes):
            if self._raw.search(value):
                self.found.add(place)
        elif value is not None and self._text.search(str(value)):
            self.found.add(place)


def test_the_search_finds_what_it_should(run: FinishedRun) -> None:
    person = next(e["data"]["citizen"] for e in run.sent if e["data"].get("citizen", {}).get("cpr"))
    for value in (person["cpr"], person["family_name"], f'{{"detail": "{person["birth_date"]}"}}'):
        search = Search(run)
        search.look("here", f"a line with {value}, and more")
        assert search.found == {"here"}


def test_no_row_of_any_table_holds_what_is_not_sealed(run: FinishedRun) -> None:
    search = Search(run)
    with psycopg.connect(run.room.database_url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) >= 11
        for schema, table in tables:
            cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
            columns = [column.name for column in cursor.description or ()]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    search.look(f"{schema}.{table}.{column}", value)
    assert search.found == set()
    assert search.looked_at > 50_000


def test_no_topic_name_key_or_header_holds_one(run: FinishedRun) -> None:
    """Inbound topics as far as the gateway writes them: headers and keys of direct writers are their own."""
    search = Search(run)
    consumer = Consumer(
        {"bootstrap.servers": run.room.bootstrap, "group.id": "search", "enable.auto.commit": False}
    )
    try:
        topics = consumer.list_topics(timeout=10).topics
        ours = {name: topic for name, topic in topics.items() if name.startswith(run.room.prefix)}
        assert any("outbound.institution" in name for name in ours)
        places = [TopicPartition(name, part, 0) for name, topic in ours.items() for part in topic.partitions]
        left = sum(watermarks(consumer, place.topic, place.partition)[1] for place in places)
        consumer.assign(places)
        for name in ours:
            search.look("topic names", name.removeprefix(run.room.prefix))
        for _ in range(left):
            record = consumer.poll(20)
            assert record is not None
            assert record.error() is None, record.error()
            headers = dict(record.headers())
            if "ce_citizen" in headers or "ce_id" not in headers or len(headers["ce_id"]) < 36:
                continue
            kind = record.topic().removeprefix(run.room.prefix).split(".")[0]
            search.look(f"keys of {kind}", (record.key() or b"").decode())
            for header, text in headers.items():
                search.look(f"header {header} of {kind}", text.decode())
    finally:
        consumer.close()
    assert search.found == set()


def test_no_log_no_number_and_no_file_name_holds_one(
    run: FinishedRun, infrastructure_directory: Path
) -> None:
    search = Search(run)
    outputs = {**run.outputs, **{f"metrics of {name}": text for name, text in run.numbers.items()}}
    for name in ("kafka/broker.log", "postgres/postgres.log"):
        outputs[name] = (infrastructure_directory / name).read_text(encoding="utf-8", errors="replace")
    for name, text in outputs.items():
        assert text, f"nothing was written: {name}"
        for line in text.splitlines():
            search.look(name, line)
    for path in run.room.directory.rglob("*"):
        search.look("file names", str(path.relative_to(run.room.directory)))
    assert search.found == set()


def test_no_address_and_no_header_of_a_webhook_holds_one(run: FinishedRun) -> None:
    """Nor do the parties' folders: their names are looked at with those of all files."""
    search = Search(run)
    assert {post.method for post in run.posts} == {"OPTIONS", "POST"}
    for post in run.posts:
        search.look("path of a webhook", post.path)
        for name, text in post.headers.items():
            search.look(f"header {name} of a webhook", text)
    assert search.found == set()


def test_urls_name_cases_by_pseudonym_and_routes_by_template(run: FinishedRun) -> None:
    """The log of the API has no address that a client asked for, only the route's template."""
    routes = set(re.findall(r'"route": "([^"]+)"', run.outputs["api"]))
    assert "/v1/messages" in routes
    assert all(re.fullmatch(r"[a-z0-9/{}_.]+", route) for route in routes), routes


def test_no_span_of_a_trace_holds_one(run: FinishedRun) -> None:
    search = Search(run)
    spans = run.traces.spans
    assert {span.service for span in spans} == {"overgang-api", "overgang-worker", "overgang-deliver"}
    assert {span.told.get("overgang.outcome") for span in spans} >= {"accepted", "duplicate", "quarantined"}
    for body in run.traces.bodies:
        search.look("an export", body)
    for span in spans:
        search.look("name", span.name)
        for name, value in span.told.items():
            search.look(f"attribute {name} of {span.kind}", value)
    assert search.found == set()
