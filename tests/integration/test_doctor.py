"""`overgang doctor` on clocks that differ, a disk that is full, and a broker that lets everybody in."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from connectors.cli import doctor
from connectors.cli.main import run
from streams.ledger.clock import clock_ahead
from streams.ledger.migrate import migrate


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run(["doctor", "--json"]) == 1
    return {finding["part"]: finding for finding in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize("late", [-3600.0, 0.0, 90.0])
def test_a_clock_is_measured_against_the_databases(database_url: str, late: float) -> None:
    assert clock_ahead(database_url, lambda: time.time() - late) == pytest.approx(late, abs=0.5)


def test_a_clock_that_is_off_and_a_full_disk_are_named_with_the_mend(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path / "not" / "made"))
    monkeypatch.setenv("OVERGANG_DATABASE_URL", database_url)
    found = findings(capsys)
    assert (found["clock"]["well"], found["disk"]["well"]) == (True, True)
    an_hour_ago = time.time() - 3600
    monkeypatch.setattr(doctor.time, "time", lambda: an_hour_ago)
    monkeypatch.setattr(doctor, "_FREE_BYTES", 1 << 60)
    found = findings(capsys)
    assert (found["clock"]["well"], found["disk"]["well"]) == (False, False)
    assert "NTP" in found["clock"]["mend"]
    assert "make room" in found["disk"]["mend"]


def test_a_broker_without_an_authorizer_is_said_to_be_one(
    kafka: str,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    migrate(database_url)
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("OVERGANG_DATABASE_URL", database_url)
    assert "access" not in findings(capsys), "a broker is asked that is not there"
    monkeypatch.setenv("OVERGANG_KAFKA_BOOTSTRAP", kafka)
    found = findings(capsys)["access"]
    assert (found["well"], found["found"]) == (True, "not looked at: the broker has no authorizer")
