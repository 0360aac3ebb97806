import csv
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from schemas.code_list_files import CodeListError
from schemas.code_lists import read_code_lists, shipped

SHIPPED = files("schemas") / "codes"
DAY = date(2026, 6, 1)
LISTS = shipped()


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    """A directory with copies of the shipped files, to be spoilt."""
    for file in SHIPPED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def edited(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_there_are_98_municipalities_and_christiansoe_is_none() -> None:
    assert len(LISTS.municipalities) == 98
    assert LISTS.is_municipality("751", DAY)
    assert LISTS.is_municipality("400", DAY)
    assert not LISTS.is_municipality("411", DAY)
    assert not LISTS.is_municipality("", DAY)


def test_every_municipality_has_one_ics_municipality_from_2022_on() -> None:
    for code in LISTS.municipalities:
        handling = LISTS.ics_route(code, date(2022, 1, 1))
        assert handling is not None
        assert LISTS.is_ics(handling, date(2022, 1, 1))
        assert LISTS.ics_route(code, date(2021, 12, 31)) is None


def test_the_four_cities_are_the_ics_municipalities_and_handle_their_own() -> None:
    assert sorted(LISTS.ics_municipalities) == ["101", "461", "751", "851"]
    assert all(LISTS.ics_route(city, DAY) == city for city in LISTS.ics_municipalities)
    assert LISTS.ics_route("615", DAY) == "751"
    assert LISTS.ics_route("411", DAY) is None
    assert not LISTS.is_ics("147", DAY)


def test_31_countries_apply_the_regulation_and_are_written_as_eessi_does() -> None:
    assert sum(LISTS.is_eea(code, DAY) for code in LISTS.countries) == 27 + 4
    assert all(LISTS.is_eea(code, DAY) for code in ("DE", "EL", "IS", "LI", "NO", "CH", "HR"))
    assert not any(LISTS.is_eea(code, DAY) for code in ("GR", "US", "GB", "de"))


def test_the_united_kingdom_is_known_but_left_at_the_end_of_2020() -> None:
    assert LISTS.is_eea("UK", date(2020, 12, 31))
    assert not LISTS.is_eea("UK", date(2021, 1, 1))
    assert LISTS.knows_country("UK", DAY)
    assert not LISTS.knows_country("US", DAY)


def test_thirteen_target_groups_are_known_before_and_after_july_2025() -> None:
    for number in range(1, 14):
        for day in (date(2022, 1, 1), date(2025, 6, 30), date(2025, 7, 1), DAY):
            assert LISTS.knows_target_group(f"LAB_6_{number}", day)
    assert not LISTS.knows_target_group("LAB_6_14", DAY)
    assert not LISTS.knows_target_group("LAB_6_4", date(2021, 12, 31))


def test_the_rules_documents_are_known_sed_types() -> None:
    for sed_type in ("U007", "U008", "U009", "U010", "U012", "U013", "U014", "PD_U3"):
        assert LISTS.knows_sed_type(sed_type, date(2022, 1, 1))
    assert not LISTS.knows_sed_type("U099", DAY)


def test_each_row_names_its_source() -> None:
    for file in SHIPPED.iterdir():
        with file.open(encoding="utf-8", newline="") as rows:
            assert all(row["source"] for row in csv.DictReader(rows)), file.name


def test_the_shipped_routes_are_those_agreed_on(pytestconfig: pytest.Config) -> None:
    agreed = pytestconfig.rootpath.parent / "shared" / "ics_routes.csv"
    if agreed.exists():
        assert (SHIPPED / "ics_routes.csv").read_bytes() == agreed.read_bytes()


def test_the_tasks_of_a_merged_municipality_pass_to_its_successor(codes: Path) -> None:
    def merge(rows: list[dict[str, str]]) -> None:
        for row in rows:
            if row["code"] in ("563", "561"):
                row["valid_to"] = "2026-12-31" if row["code"] == "563" else "2029-12-31"
                row["successor"] = "561" if row["code"] == "563" else "573"

    edited(codes / "municipalities.csv", merge)
    lists = read_code_lists(codes)
    assert lists.successor_of("563", date(2026, 12, 31)) == "563"
    assert lists.successor_of("563", date(2027, 1, 1)) == "561"
    assert lists.successor_of("563", date(2030, 1, 1)) == "573"
    assert lists.successor_of("411", DAY) is None
    assert not lists.is_municipality("563", date(2027, 1, 1))


def test_a_code_stands_for_itself_until_it_ends_and_for_nobody_where_none_follows(codes: Path) -> None:
    def close(rows: list[dict[str, str]]) -> None:
        for row in rows:
            if row["code"] == "563":
                row["valid_to"] = "2026-12-31"

    edited(codes / "municipalities.csv", close)
    lists = read_code_lists(codes)
    assert lists.acting_municipality("563", date(2026, 12, 31)) == "563"
    assert lists.acting_municipality("563", date(2027, 1, 1)) is None
    assert lists.acting_municipality("563", date(1999, 1, 1)) == "563"
    assert lists.acting_municipality("411", date(2027, 1, 1)) == "411"
    assert lists.municipality_turns("563") == {date(2027, 1, 1)}
    assert lists.municipality_turns("751") == set()


def test_a_number_that_is_used_again_has_its_old_successor_only_in_between(codes: Path) -> None:
    with (codes / "institutions.csv").open("a", encoding="utf-8") as file:
        file.write("280051,,2020-01-01,2026-07-31,101582,test\n280051,,2030-01-01,,,test\n")
    lists = read_code_lists(codes)
    days = [date(2019, 1, 1), date(2026, 7, 31), date(2026, 8, 1), date(2029, 12, 31), date(2030, 1, 1)]
    acting = [lists.institution_successor_of("280051", day) for day in days]
    assert acting == ["280051", "280051", "101582", "101582", "280051"]
    assert lists.institution_turns("280051") == {date(2026, 8, 1), date(2030, 1, 1)}
    assert lists.is_one_institution("101582", "280051", date(2026, 8, 1))
    assert not lists.is_one_institution("101582", "280051", date(2030, 1, 1))


def test_no_institution_ends_as_shipped_and_every_number_is_valid() -> None:
    assert LISTS.institutions == {}
    assert LISTS.institution_successor_of("751403", DAY) == "751403"


def test_the_digest_changes_with_any_content(codes: Path) -> None:
    assert read_code_lists(codes).digest == LISTS.digest
    with (codes / "sed_types.csv").open("a", encoding="utf-8") as file:
        file.write("U099,,2027-01-01,,test\n")
    assert read_code_lists(codes).digest != LISTS.digest


@pytest.mark.parametrize(
    ("name", "line", "mend"),
    [
        ("municipalities.csv", "751,Aarhus,2030-01-01,,,test", "line 100: 751 already holds on 2030-01-01"),
        ("municipalities.csv", "999,Ny,2030-13-01,,,test", "line 100: valid_from is not a date"),
        (
            "municipalities.csv",
            "999,Ny,2030-01-01,2029-12-31,,test",
            "line 100: valid_to lies before valid_from",
        ),
        ("municipalities.csv", "99,Ny,2030-01-01,,,test", "line 100: code must have the form"),
        ("municipalities.csv", "999,Ny,2030-01-01,,,", "line 100: source is empty"),
        ("municipalities.csv", "999,Ny,2030-01-01,,test", "line 100: must have 6 fields"),
        ("municipalities.csv", "999,Ny,2030-01-01,,,te,st", "line 100: must have 6 fields"),
        (
            "municipalities.csv",
            "999,Ny,2029-01-01,2030-01-01,998,test",
            "line 100: successor 998 is not listed",
        ),
        ("municipalities.csv", "999,Ny,2030-01-01,,751,test", "line 100: has a successor and no end"),
        ("municipalities.csv", "999,Ny,2029-01-01,2030-01-01,999,test", "line 100: is its own successor"),
        ("municipalities.csv", '999,"Ny,2030-01-01,,,test', "line 100: is not CSV"),
        ("institutions.csv", "28005,,2020-01-01,,,test", "line 2: number must have the form"),
        ("institutions.csv", "280051,,2020-01-01,,101582,test", "line 2: has a successor and no end"),
        (
            "institutions.csv",
            "280051,,2020-01-01,2026-07-31,101582,test\n101582,,2020-01-01,2027-07-31,280051,test",
            "line 2: is its own successor",
        ),
        ("ics_municipalities.csv", "999,Ny,2030-01-01,,test", "line 6: 999 is no municipality"),
        ("ics_routes.csv", "999,Ny,751,2030-01-01,,test", "line 100: 999 is no municipality"),
        ("ics_routes.csv", "101,København,147,2030-01-01,,test", "line 100: 101 already holds"),
        ("eea_countries.csv", "US,United States,NAFTA,2030-01-01,,test", "agreement must have the form"),
    ],
)
def test_a_wrong_row_is_told_with_file_and_line(codes: Path, name: str, line: str, mend: str) -> None:
    with (codes / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(CodeListError) as error:
        read_code_lists(codes)
    assert str(error.value).startswith(name)
    assert mend in str(error.value)


def test_a_route_to_a_municipality_that_is_no_ics_is_refused(codes: Path) -> None:
    def reroute(rows: list[dict[str, str]]) -> None:
        rows[0]["ics_municipality"] = "147"

    edited(codes / "ics_routes.csv", reroute)
    with pytest.raises(CodeListError, match=r"ics_routes.csv line 2: ics_municipality 147 is not listed"):
        read_code_lists(codes)


def test_missing_columns_files_and_other_encodings_are_told(codes: Path) -> None:
    sed_types = codes / "sed_types.csv"
    sed_types.write_text("code,name\nU009,\n", encoding="utf-8")
    with pytest.raises(CodeListError, match=r"sed_types.csv line 1: must have the columns"):
        read_code_lists(codes)
    sed_types.write_bytes("code,name,valid_from,valid_to,source\nU009,æ,2022-01-01,,x\n".encode("latin-1"))
    with pytest.raises(CodeListError, match=r"sed_types.csv: cannot be read as UTF-8"):
        read_code_lists(codes)
    sed_types.unlink()
    with pytest.raises(CodeListError, match=r"sed_types.csv: cannot be read"):
        read_code_lists(codes)
