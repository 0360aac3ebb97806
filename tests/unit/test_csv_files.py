"""CSV files as people write them: columns, encodings, delimiters, one bad row among good ones."""

from datetime import date
from io import BytesIO
from pathlib import Path

import pytest

from connectors.csv_files.columns import shipped_table
from connectors.csv_files.problems import UnreadableCsv
from connectors.csv_files.rows import CsvRows, Row

TABLE = shipped_table("eu-list")
NEEDED = "eu_case_id;registered_on;document_presented;competent_institution;ceased_available_on;legal_basis"
VALUES = "SE-1;2025-09-08;ja;SE:1;2025-09-01;ART_64"


def rows(text: str, encoding: str = "utf-8") -> list[Row]:
    return list(CsvRows(BytesIO(text.encode(encoding)), TABLE))


def refusal(content: bytes) -> str:
    with pytest.raises(UnreadableCsv) as refused:
        list(CsvRows(BytesIO(content), TABLE))
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_the_programs_that_write_danish_csv_are_all_understood(encoding: str, delimiter: str) -> None:
    header = "Sagsnummer;Registreret den;DOKUMENT FORELAGT;Kompetent_institution;ophørt-ledig;Retsgrundlag"
    text = f"{header};Efternavn\r\n{VALUES};Åkjær\r\n".replace(";", delimiter)
    [row] = rows(text, encoding)
    assert row.problems == ()
    assert row.record == {
        "eu_case_id": "SE-1",
        "registered_on": date(2025, 9, 8),
        "document_presented": True,
        "competent_institution": {"id": "SE:1"},
        "ceased_available_on": date(2025, 9, 1),
        "legal_basis": "ART_64",
        "citizen": {"family_name": "Åkjær"},
    }


def test_a_line_break_and_a_delimiter_in_quotation_marks_belong_to_the_text() -> None:
    first, second = rows(f'{NEEDED};address\n{VALUES};"Prøvevej 1; st\n8500 Grenaa"\n\n{VALUES};x\n')
    assert first.record["address"] == "Prøvevej 1; st\n8500 Grenaa"
    assert (first.line, second.line) == (2, 5)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("08-09-2025", date(2025, 9, 8)),
        ("8.9.2025", date(2025, 9, 8)),
        ("8/9/2025", date(2025, 9, 8)),
        ("2025-09-08", date(2025, 9, 8)),
        ("29-02-2024", date(2024, 2, 29)),
    ],
)
def test_a_date_begins_with_its_day_or_is_iso(written: str, read: date) -> None:
    [row] = rows(f"{NEEDED}\n{VALUES.replace('2025-09-08', written)}\n")
    assert (row.problems, row.record["registered_on"]) == ((), read)


@pytest.mark.parametrize("written", ["29-02-2025", "2025-02-30", "8-9-25", "9/30/2025", "8.9-2025", "i går"])
def test_what_is_no_date_is_told_by_the_name_of_its_column_and_never_repeated(written: str) -> None:
    [row] = rows(f"{NEEDED}\n{VALUES.replace('2025-09-08', written)}\n")
    [problem] = row.problems
    assert problem.field == "registered_on"
    assert "day-month-year" in problem.mend
    assert written not in str(problem)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("740503412", "took the zero"),
        ("40503-4123", "took the zero"),
        ("7,40503E+09", "rounded by a spreadsheet"),
    ],
)
def test_a_personal_number_that_a_spreadsheet_spoiled_is_told_with_the_mend(written: str, said: str) -> None:
    [row] = rows(f"{NEEDED};CPR-nr\n{VALUES};{written}\n".replace("CPR-nr", "CPR-nummer"))
    assert said in row.problems[0].problem
    assert "as text" in row.problems[0].mend


def test_months_come_with_the_day_on_which_each_was_followed_up() -> None:
    [row] = rows(f"{NEEDED};U013 sendt\n{VALUES};2025-09: 03-10-2025, 2025-10 2025-11-04\n")
    expected = [("2025-09", date(2025, 10, 3)), ("2025-10", date(2025, 11, 4))]
    assert row.record["documents"]["SED_SENT"]["U013"] == expected


def test_a_bad_row_does_not_stop_those_after_it() -> None:
    content = f'{NEEDED}\nSE-1;2025-09-08\n{VALUES}\n{VALUES};surplus\n"open {VALUES}\n'
    found = rows(content)
    assert [row.line for row in found] == [2, 3, 4, 5]
    assert [len(row.problems) for row in found] == [1, 0, 1, 1]
    assert {p.field for row in found for p in row.problems} == {"row"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "first line is empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"\xff\xfee\x00", "UTF-16"),
        (NEEDED.encode() + b"\n\x00", "line 2"),
        (b"1;2;3\n", "names no known column"),
        (NEEDED.replace("registered_on;", "").encode(), "registreret (registered_on)"),
        ((NEEDED + ";registreret").encode(), "registered_on stands twice"),
        ((NEEDED + ";bopælskomune").encode(), "did you mean bopælskommune"),
        ((NEEDED + ";0101801234").encode(), "whose name is not repeated"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused_whole_with_the_mend(content: bytes, said: str) -> None:
    told = refusal(content)
    assert said in told
    assert "0101801234" not in told


def test_a_line_longer_than_any_row_is_refused_without_being_held() -> None:
    assert "more than 262144 bytes" in refusal(NEEDED.encode() + b"\n" + b"x" * 3_000_000)


def test_the_page_for_ics_tells_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ics.md").read_text(encoding="utf-8")
    for column in TABLE.columns:
        must = " (must)" if column.required else ""
        row = (
            f"| `{column.name}`{must} | {', '.join(column.danish)} | {column.meaning} | `{column.example}` |"
        )
        assert row in page
