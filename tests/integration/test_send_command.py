"""`overgang send` against the real API and broker."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from connectors.cli.main import run
from connectors.simulation import simulate
from schemas.flows import FLOWS
from tests.integration.api_server import records_on, served


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


def test_send_brings_every_message_of_a_file_to_its_topic(
    api: httpx.Client,
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    events = list(simulate(80, 2, 5))
    assert len(events) > 500
    path = tmp_path / "all.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, events)))
    assert run(["send", str(path), "--url", str(api.base_url), "--json"]) == 0
    # The API under test runs in this process and logs to the same standard output.
    summary = orjson.loads(capsysbinary.readouterr().out.splitlines()[-1])
    assert summary == {"sent": len(events), "accepted": len(events), "refused": 0}
    for contract in FLOWS.values():
        sent = sorted(e["id"] for e in events if e["type"] == contract.type)
        found = records_on(kafka, topic_prefix + contract.topic)
        assert sorted(dict(record.headers() or [])["ce_id"].decode() for record in found) == sent


def test_send_names_the_lines_that_the_gateway_refuses(
    api: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = next(simulate(80, 2, 5))
    typo = {**good, "data": {**good["data"], "colour": "red"}}
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(b"\n".join([orjson.dumps(good), b"{", orjson.dumps(typo), b"x" * 600_000]))
    assert run(["send", str(path), "--url", str(api.base_url)]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("line", "4 "))]
    assert [line.split(":")[0] for line in told[:-1]] == ["line 2", "line 3", "line 4"]
    assert told[1].startswith("line 3: data.colour: ")
    assert "more than 524288 bytes" in told[2]
    assert told[-1] == "4 messages, 1 accepted, 3 refused"
