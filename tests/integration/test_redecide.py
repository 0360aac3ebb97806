"""After a change of rules every case is decided again: once, at a chosen pace, and after a preview."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas.identifiers import PartyAddress
from streams.ledger import deciding
from streams.ledger.deciding import Rulebook
from streams.ledger.ledger import Ledger
from streams.ledger.redeciding import Change, ChangedTasks
from streams.ledger.sealing import Seal
from streams.rules.rule_files import read_rule_book, shipped
from tests.integration.ledger_room import (
    LISTS,
    NOW,
    WRAPPING,
    Partition,
    contacted,
    ledger_on,
    notice,
    rows,
    status,
    take,
)

MUNICIPALITY = PartyAddress("/municipality/751")
TASKS = "SELECT kind, state, due_on::text, revision FROM tasks ORDER BY kind"
SENT = "SELECT recipient, split_part(type, '.', 3) FROM outbound ORDER BY n"
DIGESTS = "SELECT DISTINCT rules_digest FROM cases"


def changed_rules(directory: Path, old: str, new: str) -> Rulebook:
    """The shipped sets with one text changed in the latest."""
    for file in (files("streams.rules") / "sets").iterdir():
        if file.name.endswith(".toml"):
            (directory / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    latest = directory / "2025-07-01.toml"
    before, contact, rule = latest.read_text(encoding="utf-8").partition("[rules.dropout-contact]")
    assert old in rule
    latest.write_text(before + contact + rule.replace(old, new, 1), encoding="utf-8")
    return Rulebook(read_rule_book(directory), LISTS)


@contextmanager
def ledger_with(database_url: str, rulebook: Rulebook) -> Iterator[Ledger]:
    with Ledger(database_url, Seal(WRAPPING), rulebook) as ledger:
        yield ledger


@pytest.fixture
def three_days(tmp_path: Path) -> Rulebook:
    """Rules by which a young person must be contacted within three working days, not five."""
    return changed_rules(tmp_path, "working_days = 5", "working_days = 3")


def people(count: int) -> list[dict[str, Any]]:
    """Replacement numbers of that many people born in May 1974 (day + 60)."""
    return [
        {"cpr": f"{61 + n % 28}05{74 + n // 28}4123", "residence_municipality": "751"} for n in range(count)
    ]


def notices(count: int) -> list[dict[str, Any]]:
    return [
        notice(citizen=citizen, enrolment_id=f"E{n}", study_start_on="2026-09-28")
        for n, citizen in enumerate(people(count))
    ]


def make_old(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE cases SET rules_digest = 'of last year'")


def test_a_case_that_other_rules_decided_is_decided_once_and_nobody_is_told_what_is_as_it_was(
    database_url: str,
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(3))
        before = rows(database_url, TASKS), rows(database_url, SENT)
        assert ledger.redecide(NOW, 10) == []
        make_old(database_url)
        assert ledger.count_outdated() == 3
        done = ledger.redecide(NOW, 2)
        assert done == sorted(done)
        assert len(done) == 2
        assert len(ledger.redecide(NOW, 10, done[-1])) == 1
        assert (ledger.redecide(NOW, 10), ledger.count_outdated()) == ([], 0)
    assert (rows(database_url, TASKS), rows(database_url, SENT)) == before
    assert rows(database_url, DIGESTS) == [(Rulebook(shipped(), LISTS).digest,)]


def test_by_another_rule_set_tasks_become_what_it_says_and_recipients_are_told(
    database_url: str, three_days: Rulebook
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(1))
    # Thursday 1 October 2026: five working days are Thursday the 8th, three are Tuesday the 6th.
    assert rows(database_url, TASKS) == [("CONTACT_YOUNG_PERSON", "OPEN", "2026-10-08", 1)]
    with ledger_with(database_url, three_days) as ledger:
        assert len(ledger.redecide(NOW, 10)) == 1
        assert rows(database_url, TASKS) == [("CONTACT_YOUNG_PERSON", "OPEN", "2026-10-06", 2)]
        assert rows(database_url, SENT) == [
            (MUNICIPALITY, "dropout-risk"),
            (MUNICIPALITY, "task"),
            (MUNICIPALITY, "task"),
        ]
        assert ledger.redecide(NOW, 10) == []
    assert rows(database_url, "SELECT count(*) FROM task_revisions") == [(2,)]
    assert rows(database_url, DIGESTS) == [(three_days.digest,)]


def test_a_case_without_a_decision_is_decided_and_one_that_was_merged_is_left(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(2))
    with psycopg.connect(database_url) as connection:
        [undecided], [merged] = connection.execute("SELECT key FROM cases ORDER BY key").fetchall()
        connection.execute("UPDATE cases SET rules_digest = NULL, decided_at = NULL")
        connection.execute("DELETE FROM tasks")
        connection.execute("DELETE FROM task_revisions")
        connection.execute("DELETE FROM outbound")
        connection.execute("UPDATE cases SET merged_into = %s WHERE key = %s", (undecided, merged))
    with ledger_on(database_url) as ledger:
        assert ledger.redecide(NOW, 10) == [undecided]
    assert rows(database_url, "SELECT case_key, kind, revision FROM tasks") == [
        (undecided, "CONTACT_YOUNG_PERSON", 1)
    ]
    assert rows(database_url, "SELECT rules_digest FROM cases WHERE key = %s", merged) == [(None,)]


def test_what_another_transaction_holds_is_left_and_found_later(database_url: str) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(3))
        make_old(database_url)
        [held, *_] = sorted(key for [key] in rows(database_url, "SELECT key FROM cases"))
        with psycopg.connect(database_url) as other:
            other.execute("SELECT key FROM cases WHERE key = %s FOR UPDATE", (held,))
            assert len(ledger.redecide(NOW, 10)) == 2
            assert ledger.redecide(NOW, 10) == []
            assert ledger.count_outdated() == 1
        assert ledger.redecide(NOW, 10) == [held]


def test_two_runs_side_by_side_share_the_cases_and_double_nothing(
    database_url: str, three_days: Rulebook
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(60))

    def work(ledger: Ledger) -> list[str]:
        found: list[str] = []
        while keys := ledger.redecide(NOW, 4):
            found += keys
        return found

    with (
        ledger_with(database_url, three_days) as one,
        ledger_with(database_url, three_days) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        done = [key for keys in threads.map(work, [one, other]) for key in keys]
        # Both may have ended while the other held the last few.
        done += work(one)
    assert sorted(done) == sorted(key for [key] in rows(database_url, "SELECT key FROM cases"))
    assert len(done) == 60
    assert rows(database_url, "SELECT DISTINCT revision, due_on::text FROM tasks") == [(2, "2026-10-06")]
    assert rows(database_url, "SELECT count(*) FROM outbound WHERE type LIKE '%%task%%'") == [(120,)]


def test_a_case_that_cannot_be_decided_is_stuck_and_not_tried_for_ever(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(2))
        make_old(database_url)

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(deciding, "decide", broken)
        assert ledger.preview(NOW, 10).stuck == 2
        assert ledger.count_stuck() == 0
        assert len(ledger.redecide(NOW, 10)) == 2
        assert (ledger.redecide(NOW, 10), ledger.count_stuck()) == ([], 2)


def test_the_preview_tells_new_gone_and_changed_tasks_and_changes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-03-01"), *notices(2)])
        take(ledger, Partition("follow-up"), [contacted()])
    # Alma's notice came seven months after study start: a review. With eight months it is a duty.
    rulebook = changed_rules(tmp_path, "window_months = 6", "window_months = 8")
    before = [rows(database_url, f"SELECT * FROM {t} ORDER BY 1, 2") for t in ("cases", "tasks", "outbound")]
    with ledger_with(database_url, rulebook) as ledger:
        first = ledger.preview(NOW, 1)
        rest = ledger.preview(NOW, 10, first.last or "")
        assert (first.cases, rest.cases, ledger.preview(NOW, 10, rest.last or "").last) == (1, 2, None)
        # Of the two others only the sentence changes, which names the window: their recipients are told.
        assert first.tasks + rest.tasks == {
            ChangedTasks(Change.CHANGED, "CONTACT_YOUNG_PERSON", MUNICIPALITY): 3
        }
        assert first.messages + rest.messages == 3
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE tasks SET task_id = gen_random_uuid() WHERE revision = 2")
        found = ledger.preview(NOW, 10)
        assert found.tasks[ChangedTasks(Change.NEW, "CONTACT_YOUNG_PERSON", MUNICIPALITY)] == 1
        assert found.tasks[ChangedTasks(Change.GONE, "REVIEW_DROPOUT_NOTICE", MUNICIPALITY)] == 1
    now = [rows(database_url, f"SELECT * FROM {t} ORDER BY 1, 2") for t in ("cases", "outbound")]
    assert now == [before[0], before[2]]


@pytest.fixture
def command(database_url: str, processes: Any, tmp_path: Path) -> Any:
    """Starts `overgang redecide` on a ledger whose wrapping key is in a file."""
    key = tmp_path / "wrapping.key"
    key.write_text(WRAPPING.hex())
    key.chmod(0o600)
    environment = {
        "OVERGANG_DATABASE_URL": database_url,
        "OVERGANG_WRAPPING_KEY_FILE": str(key),
        "OVERGANG_DATA_DIRECTORY": str(tmp_path / "data"),
    }

    return lambda *arguments: processes.start("overgang", "redecide", *arguments, environment=environment)


def output_of(running: Any) -> str:
    assert running.wait() == 0, running.output
    return str(running.output)


def test_the_command_previews_then_decides_at_the_given_rate_then_has_nothing_left(
    database_url: str, command: Any
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(3))
    make_old(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE tasks SET due_on = due_on + 1")
    told = json.loads(output_of(command("--dry-run", "--json")))
    assert (told["cases"], told["messages"], told["stuck"]) == (3, 3, 0)
    assert told["changes"] == [
        {"change": "CHANGED", "kind": "CONTACT_YOUNG_PERSON", "recipient": MUNICIPALITY, "tasks": 3}
    ]
    assert "3 cases would be decided again, 3 tasks would change" in output_of(command("--dry-run"))
    assert rows(database_url, DIGESTS) == [("of last year",)]
    assert json.loads(output_of(command("--rate", "2", "--json"))) == {"decided": 3, "left": 0}
    [[first, last]] = rows(database_url, "SELECT min(decided_at), max(decided_at) FROM cases")
    # Two a second: the third comes a second after the first.
    assert (last - first).total_seconds() > 0.9
    assert output_of(command()) == "0 cases decided again\n"


def test_a_run_that_is_stopped_keeps_what_it_has_done_and_the_next_goes_on(
    database_url: str, command: Any, wait_until: Any
) -> None:
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("dropout-risk"), notices(20))
        make_old(database_url)
        stopped = command("--rate", "1")
        wait_until(lambda: ledger.count_outdated() < 20)
        stopped.process.send_signal(signal.SIGINT)
        assert stopped.wait() == 130
        left = ledger.count_outdated()
        assert 0 < left < 20
        assert f"stopped: {20 - left} cases decided again" in stopped.output
        assert json.loads(output_of(command("--json"))) == {"decided": left, "left": 0}
