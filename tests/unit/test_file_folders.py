"""Folders and names of dropped files: whose they are, which are taken, what a log may tell."""

import os
from pathlib import Path

import pytest

from connectors.files.arrivals import Arrivals, claim, given_name
from connectors.files.folders import make_folder, opened_folder, party_of
from connectors.files.names import is_taken, is_unfinished, shown
from schemas.identifiers import PartyAddress

SCHOOL = PartyAddress("/institution/280051")


@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("institution-280051", "/institution/280051"),
        ("municipality-751", "/municipality/751"),
        ("municipality-280051", None),
        ("institution-28005", None),
        ("gateway", None),
    ],
)
def test_a_folder_is_its_partys_by_its_name(name: str, party: str | None) -> None:
    assert party_of(name) == party


@pytest.mark.parametrize("name", ["a.csv.part", "a.TMP", "a.jsonl.filepart", ".a.csv"])
def test_the_name_says_that_a_file_is_still_written(name: str) -> None:
    assert is_unfinished(name)


@pytest.mark.parametrize(
    "name", ["a.xlsx", "a.csv\n.csv", "-a.csv", "a;b.csv", "=a.csv", "\udcff.csv", f"{'a' * 200}.csv"]
)
def test_a_name_of_another_form_is_never_taken_nor_told(name: str) -> None:
    assert not is_taken(name)
    assert shown(name) == "(a name that is not repeated)"


def test_a_name_that_could_hold_a_personal_number_is_taken_and_not_told() -> None:
    assert is_taken("enrolment-740503-4123.csv")
    assert "740503" not in shown("enrolment-740503-4123.csv")
    assert shown("enrolment-2026-11-21.csv") == "enrolment-2026-11-21.csv"


def test_a_file_settles_when_two_looks_find_it_alike_and_one_of_two_watchers_gets_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, SCHOOL)
    file = folder / "in" / "a.jsonl"
    file.write_bytes(b"half")
    (folder / "in" / "directory.csv").mkdir()
    refused: list[str] = []
    arrivals = Arrivals()
    with opened_folder(tmp_path, folder.name, SCHOOL) as rooms:

        def look() -> list[str]:
            return arrivals.settled(folder.name, rooms.inbox, lambda name, _: refused.append(name))

        assert look() == []
        file.write_bytes(b"whole")
        assert look() == []
        assert look() == ["a.jsonl"]
        claim("a.jsonl", rooms.inbox, rooms.work)
        with pytest.raises(FileNotFoundError):
            claim("a.jsonl", rooms.inbox, rooms.work)
        assert [given_name(name) for name in os.listdir(rooms.work)] == ["a.jsonl"]
        assert look() == []
    assert set(refused) == {"directory.csv"}


def test_a_room_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, SCHOOL)
    (folder / "results").rmdir()
    (folder / "results").symlink_to(tmp_path)
    with pytest.raises(OSError, match="Not a directory"), opened_folder(tmp_path, folder.name, SCHOOL):
        pytest.fail("entered")
