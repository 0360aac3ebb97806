"""`overgang describe`: the documents in docs/ are fresh, and a wrong word or file is told in one line."""

from pathlib import Path

import pytest

from connectors.api_documents.texts import NAMES, text
from connectors.cli.main import run

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_document_is_fresh(name: str) -> None:
    fresh = (DOCS / f"{name}.json").read_bytes() == text(name)
    assert fresh, f"docs/{name}.json is not what the code says any more; run: make docs"


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_printed_or_written(
    name: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["describe", name]) == 0
    assert capfdbinary.readouterr().out == text(name)
    assert run(["describe", name, "--out", str(tmp_path / "document.json")]) == 0
    assert capfdbinary.readouterr().out == b""
    assert (tmp_path / "document.json").read_bytes() == text(name)


def test_another_word_is_answered_with_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", "soap"]) == 2
    assert "choose one of openapi, asyncapi" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", "openapi", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told == f"overgang: {tmp_path}: Is a directory; name a file that can be written\n"
