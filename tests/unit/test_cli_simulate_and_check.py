"""`overgang simulate` writes what `overgang check` accepts; `check` names line, field and mend."""

import os
import threading
from pathlib import Path

import orjson
import pytest

from connectors.cli.main import run
from connectors.simulation import simulate


def written(path: Path, *arguments: str) -> bytes:
    assert run(["simulate", "--people", "40", "--seed", "3", "--out", str(path), *arguments]) == 0
    return path.read_bytes()


def test_simulate_writes_one_message_a_line_in_order_of_arrival(tmp_path: Path) -> None:
    assert [orjson.loads(line) for line in written(tmp_path / "all.jsonl").splitlines()] == list(
        simulate(40, 2, 3)
    )


def test_simulate_writes_only_the_flows_asked_for(tmp_path: Path) -> None:
    every = written(tmp_path / "all.jsonl").splitlines()
    chosen = written(tmp_path / "some.jsonl", "--flow", "mentor", "--flow", "enrolment").splitlines()
    types = ("dk.overgang.mentor.v1", "dk.overgang.enrolment.v1")
    assert chosen == [line for line in every if orjson.loads(line)["type"] in types]
    assert chosen


def test_simulate_refuses_a_flow_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--flow", "enrollment"]) == 2
    assert "choose one of enrolment, dropout-risk" in capsys.readouterr().err


def test_simulate_says_why_a_file_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "--out", str(tmp_path / "absent" / "file")]) == 1
    assert "--out: No such file or directory" in capsys.readouterr().err


def test_check_accepts_what_simulate_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(tmp_path / "all.jsonl").count(b"\n")
    assert run(["check", str(tmp_path / "all.jsonl")]) == 0
    assert f"{lines} messages, {lines} valid, 0 wrong" in capsys.readouterr().out


def test_check_names_line_field_and_mend_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = next(simulate(40, 2, 3))
    typo = {**good, "data": {**good["data"], "colour": "red"}}
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(b"\n".join([orjson.dumps(good), b"", orjson.dumps(typo), b"{", b"x" * 600_000]))
    assert run(["check", str(path)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told[:-1]] == ["line 3", "line 4", "line 5"]
    assert told[0].startswith("line 3: data.colour: ")
    assert told[0].count("; ") == 1
    assert "is not JSON" in told[1]
    assert "more than 524288 bytes" in told[2]
    assert told[-1].startswith("4 messages, 1 valid, 3 wrong")


def test_check_prints_json_objects(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_bytes(b"[1]\n")
    assert run(["check", "--json", str(path)]) == 1
    fault, summary = map(orjson.loads, capsysbinary.readouterr().out.splitlines())
    assert fault["line"] == 1
    assert fault.keys() == {"line", "field", "problem", "mend"}
    assert summary == {"messages": 1, "valid": 0, "wrong": 1, "warnings": {}}


def test_check_reads_a_pipe_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = written(tmp_path / "all.jsonl")
    lines = content.count(b"\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert run(["check", str(pipe)]) == 0
    writer.join(10)
    with (tmp_path / "all.jsonl").open() as standard_input:
        monkeypatch.setattr("sys.stdin", standard_input)
        assert run(["check", "-"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in told] == [f"{lines} messages"] * 2


@pytest.mark.parametrize("wrong", [".", "absent.jsonl"])
def test_what_is_no_file_is_wrong_usage(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", wrong]) == 2
    assert wrong in capsys.readouterr().err


def test_send_does_not_try_a_gateway_on_port_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setenv("OVERGANG_HTTP_PORT", "0")
    written(tmp_path / "all.jsonl")
    assert run(["send", str(tmp_path / "all.jsonl")]) == 1
    told = capsys.readouterr().err
    assert "names no port" in told
    assert ":0" not in told
