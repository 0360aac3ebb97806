"""`overgang send` against the real API and broker."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from connectors.access.tokens import issue
from connectors.cli.main import run
from connectors.simulation import simulate
from schemas.flows import FLOWS
from streams.registry import LOCAL
from tests.integration.api_server import TOKEN_KEY, records_on, served


@pytest.fixture
def api(kafka: str, database_url: str, topic_prefix: str) -> Iterator[httpx.Client]:
    with served(kafka, database_url, topic_prefix) as client:
        yield client


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Of a file with a token of the API's operator."""
    file = tmp_path / "token"
    file.write_text(issue(TOKEN_KEY, LOCAL, 600, time.time()) + "\n")
    return str(file)


def test_send_brings_every_message_of_a_file_to_its_topic(
    api: httpx.Client,
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    token: str,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    events = list(simulate(80, 2, 5))
    assert len(events) > 500
    path = tmp_path / "all.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, events)))
    assert run(["send", str(path), "--url", str(api.base_url), "--token-file", token, "--json"]) == 0
    # The API under test runs in this process and logs to the same standard output.
    summary = orjson.loads(capsysbinary.readouterr().out.splitlines()[-1])
    assert summary == {"sent": len(events), "accepted": len(events), "refused": 0}
    for contract in FLOWS.values():
        sent = sorted(e["id"] for e in events if e["type"] == contract.type)
        found = records_on(kafka, topic_prefix + contract.topic)
        assert sorted(dict(record.headers() or [])["ce_id"].decode() for record in found) == sent


def test_send_names_the_lines_that_the_gateway_refuses(
    api: httpx.Client, tmp_path: Path, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = next(simulate(80, 2, 5))
    typo = {**good, "data": {**good["data"], "colour": "red"}}
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(b"\n".join([orjson.dumps(good), b"{", orjson.dumps(typo), b"x" * 600_000]))
    assert run(["send", str(path), "--url", str(api.base_url), "--token-file", token]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("line", "4 "))]
    assert [line.split(":")[0] for line in told[:-1]] == ["line 2", "line 3", "line 4"]
    assert told[1].startswith("line 3: data.colour: ")
    assert "more than 524288 bytes" in told[2]
    assert told[-1] == "4 messages, 1 accepted, 3 refused"


@pytest.mark.parametrize(("content", "said"), [("nonsense", "does not let this in"), ("", "is empty")])
def test_a_token_that_does_not_count_is_told_and_nothing_is_sent(
    api: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    file, token = tmp_path / "one.jsonl", tmp_path / "wrong"
    file.write_bytes(orjson.dumps(next(simulate(80, 2, 5))))
    token.write_text(content)
    assert run(["send", str(file), "--url", str(api.base_url), "--token-file", str(token)]) == 1
    assert said in capsys.readouterr().err
