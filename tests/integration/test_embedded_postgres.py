"""The embedded database: it keeps what it committed, ends with its owner, who alone can enter."""

import os
import stat
from pathlib import Path

import psutil
import psycopg
import pytest

from connectors.embedded.failures import DirectoryInUse, EmbeddedFailure
from connectors.embedded.postgres import EmbeddedPostgres
from tests.living import lives
from tests.processes import Processes

OWNER = """
import sys, threading, psycopg
from pathlib import Path
from connectors.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])).start()
with psycopg.connect(server.url) as connection:
    connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
print("server", server.pid, flush=True)
busy = psycopg.connect(server.url)
busy.execute("SELECT 1")
threading.Event().wait()
"""


def kept(url: str) -> list[tuple[int]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT value FROM kept ORDER BY value").fetchall()


def test_a_server_that_was_killed_comes_back_at_its_url_with_what_was_committed(
    own_postgres: EmbeddedPostgres,
) -> None:
    url, process = own_postgres.url, own_postgres.pid
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (value integer)")
        connection.execute("INSERT INTO kept VALUES (1)")
    with psycopg.connect(url) as unfinished:
        unfinished.execute("INSERT INTO kept VALUES (2)")
        own_postgres.kill()
        assert not psutil.pid_exists(process)
        with pytest.raises(psycopg.OperationalError):
            unfinished.execute("SELECT 1")
        unfinished.close()
    own_postgres.start()
    assert own_postgres.url == url
    assert kept(url) == [(1,)]


def test_a_process_id_in_a_left_over_file_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    with EmbeddedPostgres(directory) as server:
        left_over = (directory / "cluster" / "postmaster.pid").read_text()
        process = str(server.pid)
    # As after a restart of the machine: the id of the former server is now that of a living stranger.
    (directory / "cluster" / "postmaster.pid").write_text(left_over.replace(process, str(os.getppid()), 1))
    with EmbeddedPostgres(directory) as again:
        assert again.running


def test_a_killed_owner_takes_its_server_with_it_and_the_next_one_finds_the_data(
    tmp_path: Path, processes: Processes
) -> None:
    directory = tmp_path / "postgres"
    owner = processes.start("python", "-c", OWNER, str(directory))
    server = psutil.Process(int(owner.wait_for_line("server", 60).split()[1]))
    family = [server, *server.children(recursive=True)]
    assert len(family) > 2
    owner.kill()
    with EmbeddedPostgres(directory) as again:
        assert not any(lives(process) for process in family)
        assert kept(again.url) == [(42,)]


def test_a_directory_with_a_living_owner_is_refused(own_postgres: EmbeddedPostgres) -> None:
    with pytest.raises(DirectoryInUse, match=rf"in use by process {os.getpid()};"):
        EmbeddedPostgres(own_postgres.log.parent).start()
    assert own_postgres.running


def test_two_servers_run_side_by_side(database_url: str, own_postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(own_postgres.url) as connection:
        connection.execute("CREATE TABLE kept (value integer)")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_the_server_is_durable_and_opens_no_port(own_postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(own_postgres.url) as connection:

        def setting(name: str) -> str:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert row is not None
            return str(row[0])

        assert [setting(name) for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3
        assert setting("listen_addresses") == ""
        assert setting("server_encoding") == "UTF8"
        assert setting("TimeZone") == "UTC"
    assert not [c for c in psutil.Process(own_postgres.pid).net_connections("tcp") if c.status == "LISTEN"]


def test_only_the_owner_can_enter_the_directory(own_postgres: EmbeddedPostgres) -> None:
    directory = own_postgres.log.parent
    own_postgres.stop()
    directory.chmod(0o755)
    own_postgres.start()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert directory.stat().st_uid == os.geteuid()


def test_a_data_directory_too_deep_for_a_socket_still_works(tmp_path: Path) -> None:
    directory = tmp_path / ("deep" * 30)
    with EmbeddedPostgres(directory, durable=False) as server:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            row = connection.execute("SELECT current_setting('unix_socket_directories')").fetchone()
        assert row is not None
        sockets = Path(row[0].strip('"'))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_the_log_holds_neither_statements_nor_values(own_postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY)")
        connection.execute("INSERT INTO people VALUES ('Ellen Exempel')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('Ellen Exempel')")
    log = own_postgres.log.read_text()
    assert "duplicate key" in log
    assert "Ellen" not in log


def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedFailure, match=r"made by PostgreSQL 17, this is 18; .*pg_upgrade"):
        EmbeddedPostgres(tmp_path / "postgres").start()


def test_an_initdb_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        assert server.running
