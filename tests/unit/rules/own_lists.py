"""Code lists of one's own: the shipped files with merges, closings and renumberings that tests make up."""

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from schemas.code_lists import CodeLists, read_code_lists

_HEAD = ["number", "name", "valid_from", "valid_to", "successor", "source"]


def merged(
    directory: Path,
    *,
    municipalities: Mapping[str, tuple[str, str]] | None = None,
    institutions: Sequence[tuple[str, str, str]] = (),
    ics_routes: Mapping[str, str] | None = None,
) -> CodeLists:
    """`municipalities`: code -> (last day, successor); `institutions`: (number, last day, successor).

    `ics_routes`: residence -> last day of its route.
    """
    for file in (files("schemas") / "codes").iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    for name, column, ends in (
        ("municipalities.csv", "code", municipalities or {}),
        ("ics_routes.csv", "municipality", {code: (day, "") for code, day in (ics_routes or {}).items()}),
    ):
        with (directory / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if row[column] in ends:
                row["valid_to"], successor = ends[row[column]]
                if successor:
                    row["successor"] = successor
        with (directory / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    with (directory / "institutions.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(_HEAD)
        lines.writerows([number, "", "2020-01-01", end, heir, "test"] for number, end, heir in institutions)
    return read_code_lists(directory)
