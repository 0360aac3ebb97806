"""A full disk is told with how much is left, and what has to be done."""

import shutil
from pathlib import Path

from psycopg.errors import AdminShutdown, DiskFull

from streams.disk_room import no_room
from streams.failures import Outcome, database_trouble, outcome_of


def test_there_is_room_as_long_as_the_floor_is_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free >> 20
    assert free > 100
    assert no_room(tmp_path, free // 2) is None
    told = no_room(tmp_path, 2 * free)
    assert told is not None
    assert told.endswith(f" MiB free for the data directory, fewer than {2 * free}; make room")


def test_a_floor_of_nothing_never_minds(tmp_path: Path) -> None:
    assert no_room(tmp_path, 0) is None


def test_a_directory_that_is_gone_is_no_room_either(tmp_path: Path) -> None:
    told = no_room(tmp_path / "gone", 0)
    assert told == "the data directory cannot be looked at (No such file or directory); bring it back"


def test_a_full_disk_of_the_database_is_tried_again_and_told_by_its_own_name() -> None:
    assert outcome_of(DiskFull()) is Outcome.RETRY
    assert database_trouble(DiskFull())[0] == "database disk"
    assert database_trouble(AdminShutdown()) == ("database", "does not answer")
