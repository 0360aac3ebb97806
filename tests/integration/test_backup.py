"""`overgang backup` and a restore to a point in time, on real servers: the same tasks come out."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL

from connectors.cli.main import run
from connectors.embedded.postgres import EmbeddedPostgres
from connectors.embedded.postgres_programs import program
from tests.integration.ledger_room import (
    NOW,
    Partition,
    admission,
    contacted,
    contents,
    ledger_on,
    notice,
    rows,
    settings_of_a_ledger,
    status,
    take,
)
from tests.integration.stream_room import StreamRoom
from tests.promises.aftermath import ledger_tasks


@pytest.fixture
def ledger_url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    settings_of_a_ledger(monkeypatch, tmp_path / "data", database_url)
    with ledger_on(database_url) as ledger:
        take(ledger, Partition("enrolment"), [admission()])
        take(ledger, Partition("citizen-status"), [status("751", "2026-09-01")])
        take(ledger, Partition("dropout-risk"), [notice(study_start_on="2026-09-28")])
        take(ledger, Partition("follow-up"), [contacted()])
        ledger.decide_due(NOW + timedelta(days=30), 100)
    return database_url


def test_a_backup_fills_an_empty_database_with_the_same_rows_and_replays_to_its_tasks(
    ledger_url: str,
    other_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["backup", "make", str(tmp_path / "backup"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["cases"], made["messages"]) == (1, 4)
    files = sorted((tmp_path / "backup").iterdir())
    assert [file.name for file in files] == ["backup.json", "keyring.dump", "ledger.dump"]
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    # The case keys are in the one file and not in the other.
    [(wrapped,)] = rows(ledger_url, "SELECT encode(wrapped, 'hex') FROM keyring.case_keys")
    told = {
        file.name: subprocess.run(
            [*program("pg_restore"), "--file=-"], stdin=file.open("rb"), capture_output=True, check=True
        ).stdout
        for file in files[1:]
    }
    assert {name: wrapped.encode() in text for name, text in told.items()} == {
        "keyring.dump": True,
        "ledger.dump": False,
    }
    # Kept apart, as it should be.
    apart = files[1].rename(tmp_path / "elsewhere.dump")
    restore = ["backup", "restore", str(tmp_path / "backup"), "--into", other_database_url]
    assert run(restore) == 1
    assert "--keyring" in capsys.readouterr().err
    assert run([*restore, "--keyring", str(apart)]) == 0
    assert contents(other_database_url) == contents(ledger_url)
    monkeypatch.setenv("OVERGANG_DATABASE_URL", other_database_url)
    capsys.readouterr()
    assert run(["replay", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["different"] == 0


def test_a_restore_overwrites_nothing_and_takes_no_file_that_has_changed(
    ledger_url: str, other_database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "backup"
    assert run(["backup", "make", str(directory)]) == 0
    assert run(["backup", "make", str(directory)]) == 1
    assert "name a new directory" in capsys.readouterr().err
    before = contents(ledger_url)
    assert run(["backup", "restore", str(directory), "--into", ledger_url]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert contents(ledger_url) == before
    with (directory / "ledger.dump").open("ab") as file:
        file.write(b"one byte more")
    assert run(["backup", "restore", str(directory), "--into", other_database_url]) == 1
    assert "is not the file" in capsys.readouterr().err
    (directory / "backup.json").write_text("{}")
    assert run(["backup", "restore", str(directory), "--into", other_database_url]) == 1
    assert "made_at is not as it was written" in capsys.readouterr().err
    assert run(["backup", "restore", str(tmp_path), "--into", other_database_url]) == 1
    assert "there is no backup.json" in capsys.readouterr().err
    assert rows(other_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_without_a_database_a_backup_says_so_and_leaves_no_directory_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OVERGANG_DATABASE_URL", "postgresql://nobody:secret-word@127.0.0.1:1/none")
    assert run(["backup", "make", str(tmp_path / "backup")]) == 1
    told = capsys.readouterr().err
    assert "does not answer" in told
    assert "secret-word" not in told
    assert not (tmp_path / "backup").exists()


@pytest.fixture
def archiving(own_postgres: EmbeddedPostgres, tmp_path: Path) -> EmbeddedPostgres:
    """A server that archives what it writes, as the runbook sets one up."""
    archive = tmp_path / "archive"
    archive.mkdir(mode=0o700)
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET archive_mode = 'on'")
        connection.execute(
            SQL("ALTER SYSTEM SET archive_command = {}").format(
                f"test ! -f {archive}/%f && cp %p {archive}/%f"
            )
        )
    own_postgres.stop()
    return own_postgres.start()


def test_restored_to_a_point_in_time_workers_read_again_and_end_with_the_same_tasks(
    archiving: EmbeddedPostgres,
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    room = StreamRoom(kafka, archiving.url, topic_prefix, tmp_path, wait_until)
    restored = tmp_path / "restored"
    restored.mkdir(mode=0o700)
    with room.worker():
        room.send(room.admissions(30))
        wait_until(lambda: room.inbox() == 30)
        _base_backup(archiving.url, restored / "cluster")
        room.send(room.admissions(20))
        wait_until(lambda: room.inbox() == 50)
        [(moment,)] = room.rows("SELECT clock_timestamp()::text")
        room.send(room.admissions(10))
        wait_until(lambda: room.inbox() == 60)
        wait_until(lambda: room.rows("SELECT count(*) FROM outbound WHERE published_at IS NULL") == [(0,)])
    tasks, outbound = ledger_tasks(room), room.rows("SELECT source, message_id FROM outbound ORDER BY 1, 2")
    assert len(tasks) >= 60
    _archive_all(archiving.url, wait_until)
    archiving.stop()

    _recover_until(moment, restored / "cluster", tmp_path / "archive")
    with EmbeddedPostgres(restored) as server:
        wait_until(lambda: rows(server.url, "SELECT pg_is_in_recovery()") == [(False,)])
        again = StreamRoom(kafka, server.url, topic_prefix, tmp_path, wait_until)
        assert (again.inbox(), again.position()) == (50, 50)
        with again.worker():
            wait_until(lambda: again.inbox() == 60)
            wait_until(
                lambda: again.rows("SELECT count(*) FROM outbound WHERE published_at IS NULL") == [(0,)]
            )
        assert ledger_tasks(again) == tasks
        assert again.rows("SELECT source, message_id FROM outbound ORDER BY 1, 2") == outbound
        assert again.duplicates() == 0


def _base_backup(url: str, target: Path) -> None:
    subprocess.run(
        [*program("pg_basebackup"), f"--dbname={url}", f"--pgdata={target}", "--checkpoint=fast"],
        check=True,
        capture_output=True,
    )


def _archive_all(url: str, wait_until: Callable[..., None]) -> None:
    [(last,)] = rows(url, "SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(lambda: rows(url, "SELECT last_archived_wal >= %s FROM pg_stat_archiver", last) == [(True,)])


def _recover_until(moment: str, cluster: Path, archive: Path) -> None:
    with (cluster / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write(
            "archive_mode = 'off'\n"
            f"restore_command = 'cp {archive}/%f %p'\n"
            f"recovery_target_time = '{moment}'\n"
            "recovery_target_action = 'promote'\n"
        )
    (cluster / "recovery.signal").touch()
