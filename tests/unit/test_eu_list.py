"""A list of open EU/EEA registrations becomes the messages that its municipality would have sent."""

from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from connectors.cli.main import run
from connectors.csv_files.columns import shipped_table
from connectors.csv_files.rows import CsvRows
from connectors.eu_import.importing import checked_rows, would_send
from connectors.eu_import.listed_case import ListedCase, ListReading
from connectors.eu_import.repeats import Repeats
from connectors.eu_import.row_result import Outcome
from schemas.code_lists import shipped as shipped_lists
from schemas.identifiers import PartyAddress
from schemas.pseudonym import PseudonymKey
from streams.rules.rule_files import shipped as shipped_rules

HEADER = (
    "eu_case_id;cpr;foreign_id_country;foreign_id_number;family_name;residence_municipality;registered_on;"
    "document_presented;competent_institution;ceased_available_on;entitled_until;legal_basis;"
    "u009_sent_on;u013_sent"
)
ROW = (
    "AT-1;;AT;7405-0343;Beispiel;707;08-09-2025;ja;AT:1234;01-09-2025;30-11-2025;ART_64;"
    "09-09-2025;2025-09: 03-10-2025"
)
KEY = PseudonymKey(bytes(range(32)))


def reading(text: str, *, cut_over: date | None = None, key: PseudonymKey = KEY) -> ListReading:
    csv = CsvRows(BytesIO(text.encode()), shipped_table("eu-list"))
    now = datetime(2025, 11, 20, tzinfo=UTC)
    sender = PartyAddress("/municipality/751")
    return ListReading(csv, sender, cut_over, key, shipped_lists(), shipped_rules(), now)


def listed(text: str, **how: Any) -> list[ListedCase]:
    found = list(checked_rows(reading(text, **how), Repeats()))
    assert all(isinstance(case, ListedCase) for case in found)
    return [case for case in found if isinstance(case, ListedCase)]


def test_a_row_is_a_registration_and_an_event_for_each_document() -> None:
    [case] = listed(f"{HEADER}\n{ROW}\n")
    assert case.registration.envelope.source == "/municipality/751"
    assert case.registration.envelope.time == datetime(2025, 9, 7, 22, tzinfo=UTC)  # midnight in Denmark
    assert case.registration.data["registered_on"] == date(2025, 9, 8)
    assert [(m.data["event"], m.data["sed_type"], m.data["on"], m.data["month"]) for m in case.documents] == [
        ("SED_SENT", "U009", date(2025, 9, 9), None),
        ("SED_SENT", "U013", date(2025, 10, 3), "2025-09"),
    ]
    assert case.handled_by == "/municipality/751"  # 707 belongs to Aarhus, by ics_routes.csv


def test_a_cut_over_dates_what_was_registered_before_it_and_nothing_else() -> None:
    later = ROW.replace("08-09-2025", "13-10-2025").replace("AT-1", "AT-2")
    before, after = listed(f"{HEADER}\n{ROW}\n{later}\n", cut_over=date(2025, 10, 6))
    assert before.registration.envelope.time == datetime(2025, 10, 5, 22, tzinfo=UTC)
    assert after.registration.envelope.time == datetime(2025, 10, 12, 22, tzinfo=UTC)
    assert before.documents[0].envelope.time == datetime(2025, 9, 8, 22, tzinfo=UTC)


def test_an_id_depends_on_what_a_row_says_and_not_on_how_it_is_written() -> None:
    names, values = HEADER.split(";"), ROW.split(";")
    order = sorted(range(len(names)), key=names.__getitem__)
    other = ",".join(names[i] for i in order) + "\n" + ",".join(values[i] for i in order)
    other = other.replace("08-09-2025", "2025-09-08").replace("ja", "true") + "\n"
    [one], [two] = listed(f"{HEADER}\n{ROW}\n"), listed(other)
    ids = [m.envelope.id for m in (one.registration, *one.documents)]
    assert sorted(ids) == sorted(m.envelope.id for m in (two.registration, *two.documents))
    assert len(set(ids)) == 3
    [changed] = listed(f"{HEADER}\n{ROW.replace('30-11-2025', '29-11-2025')}\n")
    assert changed.registration.envelope.id != one.registration.envelope.id
    assert changed.documents[0].envelope.id == one.documents[0].envelope.id
    [elsewhere] = listed(f"{HEADER}\n{ROW}\n", key=PseudonymKey(bytes(32)))
    assert elsewhere.registration.envelope.id != one.registration.envelope.id


def test_every_fault_of_a_row_is_told_by_its_column_at_once_and_no_number_is_repeated() -> None:
    row = "AT-1;010180123;;;;999;31-02-2025;måske;AT:1234;01-09-2025;30-11-2025;ART_65;;"
    [result] = would_send(checked_rows(reading(f"{HEADER}\n{row}\n"), Repeats()))
    assert result.outcome is Outcome.REFUSED
    assert {problem.field for problem in result.problems} == {
        "cpr",
        "registered_on",
        "document_presented",
        "legal_basis",
    }
    assert "010180123" not in "".join(map(str, result.problems))


def test_a_document_of_tomorrow_is_refused_under_its_own_column() -> None:
    [result] = would_send(
        checked_rows(reading(f"{HEADER}\n{ROW.replace('09-09-2025', '09-09-2026')}\n"), Repeats())
    )
    assert [problem.field for problem in result.problems] == ["u009_sent_on"]


def test_a_case_that_stands_twice_counts_once_or_is_refused() -> None:
    other = ROW.replace("30-11-2025", "01-12-2025")
    one, same, different = would_send(checked_rows(reading(f"{HEADER}\n{ROW}\n{ROW}\n{other}\n"), Repeats()))
    assert (one.outcome, same.outcome, different.outcome) == (
        Outcome.WOULD_SEND,
        Outcome.ALREADY_THERE,
        Outcome.REFUSED,
    )
    assert same.note == "says the same as line 2"
    assert "stands on line 2 too" in different.problems[0].problem


def test_a_reference_that_is_somebodys_number_or_name_is_not_told() -> None:
    for reference in ("010180-1234", "Beispiel-1", "x 74050343"):
        row = ROW.replace("AT-1", reference).replace("7405-0343", "74050343")
        [result] = would_send(checked_rows(reading(f"{HEADER}\n{row}\n"), Repeats()))
        assert result.case == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--as", "/institution/280051"], "name the municipality"),
        (["--as", "/municipality/999"], "name the municipality"),
        (["--as", "751"], "--as"),
        (["--as", "/municipality/751", "--cut-over", "1.10.2025"], "year-month-day"),
        ([], "--as"),
    ],
)
def test_a_wrong_option_is_told_with_its_mend(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"{HEADER}\n{ROW}\n")
    assert run(["import", "eu", str(file), *options]) == 2
    assert said in capsys.readouterr().err
