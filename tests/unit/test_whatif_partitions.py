"""A file in many small pieces: merged and corrected cases meet although their lines lie far apart."""

import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.cli.message_file import read_messages
from connectors.simulation import simulate
from connectors.whatif.from_file import Pieces, outcomes_of_file
from connectors.whatif.judging import Judging, Outcome
from schemas.code_lists import shipped as shipped_lists
from schemas.pseudonym import PseudonymKey
from streams.cases import group
from streams.comparison import Period
from streams.rules.decide import tasks_at
from streams.rules.rule_files import read_rule_book, shipped

KEY = PseudonymKey(bytes(range(32)))
LISTS = shipped_lists()
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "rules" / "no-mentor-right"
JUDGING = Judging(shipped(), read_rule_book(EXAMPLE), LISTS, datetime(2028, 1, 1, tzinfo=UTC), Period())


def outcome(file: Path, pieces: Pieces) -> Outcome:
    total = Outcome()
    for part in outcomes_of_file(file, KEY, JUDGING, pieces):
        total.add(part)
        total.rows += part.rows
    return total


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A term of 150 people in any order, with corrections, repeats and messages under a used id."""
    events: list[dict[str, Any]] = list(simulate(150, 26, 3))
    chance = random.Random(5)
    reused = [{**e, "id": o["id"], "source": o["source"]} for e, o in _pairs(events, chance)]
    events += chance.choices(events, k=100) + reused
    chance.shuffle(events)
    assert {"correction"} <= {e["type"].split(".")[2] for e in events}
    assert len(reused) >= 20
    path = tmp_path_factory.mktemp("whatif") / "messages.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in events))
    return path


def _pairs(events: list[dict[str, Any]], chance: random.Random) -> list[tuple[Any, Any]]:
    """Two messages of one sender about different people."""
    notices = [e for e in events if e["type"] == "dk.overgang.citizen-status.v1"]
    taken = ((e, o) for e in notices for o in chance.sample(notices, 5) if e["source"] == o["source"])
    return [(e, o) for e, o in taken if e["data"]["citizen"] != o["data"]["citizen"]][:40]


@pytest.mark.parametrize("pieces", [Pieces(10_000, 5_000), Pieces(1 << 20, 1 << 30)])
def test_pieces_of_any_size_give_what_all_in_one_gives(file: Path, pieces: Pieces) -> None:
    read = read_messages(file, KEY, LISTS)
    assert "ID_REUSED" in {w for said in read.warnings.values() for w in said}
    expected: Counter[tuple[str, str]] = Counter()
    ids: tuple[set[str], set[str]] = set(), set()
    for facts in group(read.facts.values()).values():
        for side, book, found in (("before", JUDGING.before, ids[0]), ("after", JUDGING.after, ids[1])):
            tasks, _ = tasks_at(facts, book, LISTS, JUDGING.as_of)
            expected.update((task.kind, side) for task in tasks)
            found.update(task.task_id for task in tasks)
    found = outcome(file, pieces)
    counted = Counter()
    for (kind, _, column), n in found.tally.items():
        if column in ("before", "after"):
            counted[kind, column] += n
    assert counted == expected
    assert found.messages == len(file.read_text().splitlines())
    rows = [row.split(",") for row in found.rows.splitlines()]
    assert {row[0] for row in rows if row[1] == "gone"} == ids[0] - ids[1]
    assert {row[0] for row in rows if row[1] == "added"} == ids[1] - ids[0]


def test_pieces_of_any_size_give_the_same_rows(file: Path) -> None:
    few, many = (outcome(file, pieces) for pieces in (Pieces(1 << 20, 1 << 30), Pieces(7_000, 9_000)))
    assert few.tally == many.tally
    assert sorted(few.rows.splitlines()) == sorted(many.rows.splitlines())
    assert few.cases == many.cases


def test_the_spilled_facts_are_unreadable_and_have_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.whatif.spill import Spill

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Spill() as spill:
        first, second = spill.put("a name of nobody"), spill.put([1, 2])
        assert list(tmp_path.iterdir()) == []
        held = spill._file
        held.seek(0)
        assert b"nobody" not in held.read()
        assert (spill.get(second), spill.get(first)) == ([1, 2], "a name of nobody")
