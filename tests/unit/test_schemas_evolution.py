"""Parties that have not taken up a new release of a schema are still read."""

import json
from pathlib import Path

import pytest

from schemas import wire

NAME = "dk.overgang.v1.Receipt"
RECEIPT = {
    "message_id": "3f0c1a52-5d0e-5b1c-9b0a-1d2e3f4a5b6c",
    "outcome": "ACCEPTED",
    "warnings": [],
    "reasons": [],
    "recipients": ["/municipality/751"],
}
WRITTEN_BEFORE = wire.encode(NAME, RECEIPT)


@pytest.fixture
def second_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that has got an optional field, under the id 99, beside its first release under the id 13."""
    first = wire.released_file(NAME, 1)
    second = json.loads(first)
    second["fields"].append({"name": "later", "type": ["null", "string"], "default": None, "doc": "New."})
    releases = tmp_path / "released" / "receipt-v1"
    releases.mkdir(parents=True)
    (releases / "1.avsc").write_text(first, encoding="utf-8")
    (releases / "2.avsc").write_text(json.dumps(second), encoding="utf-8")
    (tmp_path / "ids.json").write_text(json.dumps({NAME: [13, 99]}), encoding="utf-8")
    monkeypatch.setattr(wire, "AVRO", tmp_path)
    by_id, current = wire._load()
    monkeypatch.setattr(wire, "_BY_ID", by_id)
    monkeypatch.setattr(wire, "_CURRENT", current)


def test_a_value_of_an_older_release_is_read_as_the_current_schema(second_release: None) -> None:
    assert WRITTEN_BEFORE[:5] == b"\x00\x00\x00\x00\x0d"
    assert wire.decode(WRITTEN_BEFORE) == (NAME, RECEIPT | {"later": None})


def test_a_new_value_is_written_under_the_id_of_the_latest_release(second_release: None) -> None:
    newer = wire.encode(NAME, RECEIPT | {"later": "x"})
    assert newer[:5] == b"\x00\x00\x00\x00\x63"
    assert wire.schema_id(NAME) == 99
    assert wire.decode(newer) == (NAME, RECEIPT | {"later": "x"})
