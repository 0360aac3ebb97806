"""Each flow's CSV file: a column for each field of its contract, an example that the gateway would take."""

import csv
import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from connectors.cli.main import run
from connectors.csv_files.columns import flow_table, normal
from connectors.csv_files.messages import CsvMessages, RowMessage, flow_of_name
from connectors.csv_files.problems import UnreadableCsv
from connectors.files_page import PAGE, page
from connectors.message_identity import is_hashed, line_of
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.flows import FLOWS
from schemas.identifiers import Flow, PartyAddress
from schemas.pseudonym import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHOOL = PartyAddress("/institution/280051")
MUNICIPALITY = PartyAddress("/municipality/751")
ALTERNATIVES = {"eu-registration": "max_days", "correction": "assigned_eu_case_id"}
"""Columns whose example cannot stand beside another's: the contract takes one of the two."""
ENROLMENT = "Tidspunkt;CPR;Indskrivningsnummer;Hændelse;Uddannelseskode;Uddannelsestype;Optaget den;Efternavn"
ADMITTED = "2025-08-11T09:00:00+02:00;740503-4123;E-1;optaget;1850;erhvervskompetence;01-07-2025;Åkjær"


def fields(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """The path of every value of a contract, records within records opened."""
    for name, field in model.model_fields.items():
        inner = record_of(field.annotation)
        yield from fields(inner, f"{path}{name}.") if inner else [path + name]


def record_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, typing.Annotated):
        return next((found for part in get_args(annotation) if (found := record_of(part))), None)
    return None


def sender(flow: Flow) -> PartyAddress:
    return SCHOOL if "institution" in FLOWS[flow].senders else MUNICIPALITY


def example(flow: Flow, without: str | None) -> str:
    columns = [column for column in flow_table(flow).columns if column.name != without]
    out = StringIO()
    rows = csv.writer(out, delimiter=";")
    rows.writerow([column.name for column in columns])
    rows.writerow([column.example for column in columns])
    return out.getvalue()


def messages(text: str, flow: Flow = "enrolment", encoding: str = "utf-8") -> list[RowMessage]:
    file = BytesIO(text.encode(encoding))
    return list(CsvMessages(file, flow, sender(flow), KEY, shipped(), lambda: NOW))


@pytest.mark.parametrize("flow", FLOWS)
def test_every_field_of_a_contract_has_one_column(flow: Flow) -> None:
    columns = [column.field for column in flow_table(flow).columns]
    assert sorted(columns) == sorted(["envelope.id", "envelope.time", *fields(FLOWS[flow].model)])


@pytest.mark.parametrize("flow", FLOWS)
def test_no_name_of_a_flows_columns_means_two_of_them(flow: Flow) -> None:
    names = [column.name for column in flow_table(flow).columns]
    assert len(names) == len(set(names))
    owners: dict[str, set[str]] = {}
    for column in flow_table(flow).columns:
        for written in (column.name, *column.danish):
            owners.setdefault(normal(written), set()).add(column.name)
    assert {name: of for name, of in owners.items() if len(of) > 1} == {}


@pytest.mark.parametrize("flow", FLOWS)
def test_the_example_row_of_a_table_makes_a_message_that_the_gateway_takes(flow: Flow) -> None:
    [row] = messages(example(flow, ALTERNATIVES.get(flow)), flow)
    assert row.problems == ()
    assert row.message is not None
    taken = from_structured(line_of(row.message, 2).content, KEY, shipped(), NOW)
    assert (taken.envelope, taken.data) == (row.message.envelope, row.message.data)
    assert taken.envelope.source == sender(flow)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_danish_row_is_the_same_message_however_it_is_written(encoding: str) -> None:
    [row] = messages(f"{ENROLMENT}\r\n{ADMITTED}\r\n", encoding=encoding)
    commas = f"{ENROLMENT}\n{ADMITTED}\n".replace(";", ",").replace("740503-4123", "7405034123")
    [other] = messages(commas.replace("01-07-2025", "2025-07-01"))
    assert row.message is not None
    assert other.message == row.message
    assert is_hashed(row.message.envelope.id)
    assert row.message.data["citizen"]["family_name"] == "Åkjær"
    [changed] = messages(f"{ENROLMENT}\n{ADMITTED.replace('optaget', 'startet')}\n")
    assert changed.message is not None
    assert changed.message.envelope.id != row.message.envelope.id


def test_a_day_as_time_is_its_first_instant_in_denmark() -> None:
    [row] = messages(f"{ENROLMENT}\n{ADMITTED.replace('2025-08-11T09:00:00+02:00', '11-08-2025')}\n")
    assert row.message is not None
    assert row.message.envelope.time == datetime(2025, 8, 10, 22, tzinfo=UTC)


def test_a_rows_own_id_is_kept_and_reasons_are_read_in_danish() -> None:
    head = "time;message_id;cpr;enrolment_id;event;observed_on;årsager"
    own = "5f0c9d0a-30f4-4c53-9a4e-0a6a35a0d0c1"
    [row] = messages(
        f'{head}\n11-08-2025;{own};7405034123;E-1;rejst;11-08-2025;"fravær, Trivsel"\n', "dropout-risk"
    )
    assert row.message is not None
    assert row.message.envelope.id == own
    assert row.message.data["reasons"] == ["ABSENCE", "WELLBEING"]


def test_every_fault_of_a_row_is_told_by_its_column_and_no_value_is_repeated() -> None:
    faulty = "11-08-2025T9;740503412;E-1;forsvundet;850;erhvervskompetence;30-02-2025;Åkjær"
    row, good = messages(f"{ENROLMENT}\n{faulty}\n{ADMITTED}\n")
    assert {p.field for p in row.problems} == {
        "Tidspunkt",
        "CPR",
        "Hændelse",
        "Uddannelseskode",
        "Optaget den",
    }
    told = " ".join(map(str, row.problems))
    assert not any(value in told for value in ("740503412", "forsvundet", "30-02-2025"))
    assert (good.line, good.problems) == (3, ())


def test_a_row_of_a_role_that_may_not_send_the_flow_is_refused() -> None:
    file = BytesIO(f"{ENROLMENT}\n{ADMITTED}\n".encode())
    [row] = CsvMessages(file, "enrolment", MUNICIPALITY, KEY, shipped(), lambda: NOW)
    assert [p.field for p in row.problems] == ["source"]
    assert "may not send enrolment" in row.problems[0].problem


@pytest.mark.parametrize(
    ("name", "flow"),
    [
        ("enrolment.csv", "enrolment"),
        ("Dropout_Risk-2026.CSV", "dropout-risk"),
        ("eu-event-7.csv", "eu-event"),
        ("enrolments.csv", None),
        ("list.csv", None),
    ],
)
def test_a_csv_file_is_of_the_flow_that_its_name_begins_with(name: str, flow: str | None) -> None:
    if flow:
        assert flow_of_name(name) == flow
    else:
        with pytest.raises(UnreadableCsv, match=r"begin it with one of enrolment, .*such as enrolment-2026"):
            flow_of_name(name)


def test_check_tells_a_csv_file_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"{ENROLMENT}\n{ADMITTED}\n{ADMITTED.replace('optaget', 'borte')}\n", encoding="cp1252")
    command = ["check", str(file), "--flow", "enrolment", "--as", SCHOOL]
    assert run(command) == 1
    fault, summary = capsys.readouterr().out.splitlines()
    assert fault.startswith("line 3: Hændelse: ")
    assert summary == "2 messages, 1 valid, 1 wrong, REPLACEMENT_CPR 1"
    file.write_text(f"{ENROLMENT}\n{ADMITTED}\n", encoding="utf-8")
    assert run(command) == 0
    assert run(["check", str(file), "--flow", "enrolment"]) == 2
    assert "--as" in capsys.readouterr().err


def test_the_page_of_columns_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m connectors.files_page"
