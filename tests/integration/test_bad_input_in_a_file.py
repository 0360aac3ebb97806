"""Bad lines in a file: `overgang check` and `decide` name line, field and mend, and show no value."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.cli.main import run
from tests.integration.api_server import notice
from tests.integration.bad_messages import (
    NINE_DIGITS,
    THIRTY_FIRST_OF_FEBRUARY,
    UNREADABLE,
    WRONG,
    in_the_far_future,
)

LINES = {
    **{case: (json.dumps(event).encode(), field) for case, (event, _, field) in WRONG.items()},
    **{case: (body, "body") for case, body in UNREADABLE.items() if body},
    "a text": (b'"7405034123"', "body"),
    "a line without end": (b"x" * 600_000, "body"),
}


@pytest.fixture
def run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on a file of lines; returns exit status, standard output and standard error."""
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path / "data"))

    def command(name: str, *lines: bytes) -> tuple[int, str, str]:
        file = tmp_path / "messages.jsonl"
        file.write_bytes(b"\n".join(lines))
        status = run([name, str(file)])
        said = capfd.readouterr()
        return status, said.out, said.err

    return command


def good() -> bytes:
    return json.dumps(notice()).encode()


@pytest.mark.parametrize("case", LINES)
def test_check_names_the_line_and_its_field_and_counts_the_good_ones(run_on: Any, case: str) -> None:
    line, field = LINES[case]
    status, out, err = run_on("check", good(), line, good())
    told = out.splitlines()
    assert (status, err) == (1, "")
    assert told[-1].startswith("3 messages, 2 valid, 1 wrong")
    assert any(fault.startswith(f"line 2: {field}: ") for fault in told), out
    assert all(fault.startswith("line 2: ") and "; " in fault for fault in told[:-1])
    shows_nothing(out)


@pytest.mark.parametrize("case", LINES)
def test_decide_names_the_line_and_its_field_and_prints_no_task(run_on: Any, case: str) -> None:
    line, field = LINES[case]
    status, out, err = run_on("decide", good(), line, good())
    assert (status, out) == (1, "")
    assert f"line 2: {field}: " in err
    assert "Traceback" not in err
    assert len(err) < 5_000
    shows_nothing(err)


def test_every_bad_line_is_told_in_one_run(run_on: Any) -> None:
    lines = [line for line, _ in LINES.values()]
    status, out, _ = run_on("check", *lines)
    assert status == 1
    assert {fault.split(":")[0] for fault in out.splitlines()[:-1]} == {
        f"line {number}" for number in range(1, len(lines) + 1)
    }


def test_check_refuses_a_time_in_the_far_future_and_decide_does_not_see_it_yet(run_on: Any) -> None:
    line = json.dumps(in_the_far_future()).encode()
    status, out, _ = run_on("check", line)
    assert status == 1
    assert out.startswith("line 1: time: lies more than 24 hours in the future; ")
    assert run_on("decide", line)[:2] == (0, "")


def test_an_empty_file_and_blank_lines_are_no_messages(run_on: Any) -> None:
    for lines in ([], [b"", b" ", b""]):
        assert run_on("check", *lines)[:2] == (0, "0 messages, 0 valid, 0 wrong\n")
        assert run_on("decide", *lines)[:2] == (0, "")


@pytest.mark.parametrize("name", ["check", "decide"])
def test_what_is_no_file_is_a_usage_error(run_on: Any, tmp_path: Path, name: str) -> None:
    for path in (tmp_path, tmp_path / "absent.jsonl"):
        assert run([name, str(path)]) == 2


def shows_nothing(text: str) -> None:
    assert NINE_DIGITS not in text
    assert THIRTY_FIRST_OF_FEBRUARY not in text
    assert "7405034123" not in text
