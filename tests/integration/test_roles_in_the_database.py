"""`overgang database roles` on a real PostgreSQL: each part may do what the file says, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, NotNullViolation
from psycopg.sql import SQL, Composed, Identifier

from connectors.cli.main import run
from connectors.embedded.postgres import EmbeddedPostgres
from streams.database_roles import PRIVILEGES, Right, shipped_roles
from streams.ledger.migrate import migrate
from tests.integration.database_users import as_user
from tests.production_settings import production_settings, secret_file

ROLES = shipped_roles()
RIGHTS = ROLES.rights()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Its own, since users are a server's; only the owner comes in without a password."""
    directory = tmp_path_factory.mktemp("roles") / "postgres"
    with EmbeddedPostgres(directory, durable=False) as server:
        (directory / "cluster" / "pg_hba.conf").write_text(
            "local all overgang trust\nlocal all all scram-sha-256\n"
        )
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        migrate(server.url)
        yield server


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {user: f"the-{part}-of-this-test" for part, user in ROLES.users.items()}


@pytest.fixture(scope="module")
def applied(
    server: EmbeddedPostgres, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The owner's URL of a database to which the file was applied once."""
    directory = tmp_path_factory.mktemp("passwords")
    for user, password in passwords.items():
        (directory / f"{user}.password").touch(mode=0o600)
        (directory / f"{user}.password").write_text(f"{password}\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OVERGANG_DATABASE_URL", server.url)
        assert run(["database", "roles", "diff"]) == 1
        assert run(["database", "roles", "apply", "--passwords", str(directory)]) == 0
    return server.url


@pytest.fixture
def ours(applied: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The same, and the settings of whoever owns it."""
    monkeypatch.setenv("OVERGANG_DATABASE_URL", applied)
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path))
    return applied


def executed(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def differences(capsys: pytest.CaptureFixture[str]) -> set[tuple[str, str, str]]:
    capsys.readouterr()
    status = run(["database", "roles", "diff", "--json"])
    found = {(line["action"], line["what"], line["detail"]) for line in json.loads(capsys.readouterr().out)}
    assert status == (1 if found else 0)
    return found


def columns(connection: psycopg.Connection, table: str) -> list[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n"
        " ON n.oid = relnamespace WHERE nspname = %s AND relname = %s AND attnum > 0 ORDER BY attnum",
        table.split("."),
    )
    return [name for (name,) in found]


def tries(connection: psycopg.Connection, table: str) -> Iterator[tuple[str, str, Composed]]:
    """Statements, each of which needs one right and touches no row: privilege, column, statement."""
    place = Identifier(*table.split("."))
    yield "SELECT", "", SQL("SELECT FROM {} LIMIT 0").format(place)
    yield "INSERT", "", SQL("INSERT INTO {} DEFAULT VALUES").format(place)
    yield "DELETE", "", SQL("DELETE FROM {} WHERE false").format(place)
    yield "TRUNCATE", "", SQL("TRUNCATE {}").format(place)
    yield "TRIGGER", "", SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(place)
    for column in columns(connection, table):
        yield (
            "UPDATE",
            column,
            SQL("UPDATE {} SET {} = DEFAULT WHERE false").format(place, Identifier(column)),
        )


def refused(connection: psycopg.Connection, statement: Composed) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except InsufficientPrivilege:
        return True
    except NotNullViolation:
        return False  # Rights are looked at first, so whoever comes this far has them.
    return False


@pytest.mark.parametrize("part", ROLES.users)
def test_each_part_may_do_what_the_file_says_and_is_refused_everything_else(
    applied: str, passwords: dict[str, str], part: str
) -> None:
    user = ROLES.users[part]
    with psycopg.connect(as_user(applied, user, passwords[user]), autocommit=True) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (user,)
        tried, wrong = 0, []
        for table in ROLES.tables:
            for privilege, column, statement in tries(connection, table):
                whole = Right(user, "table", table, privilege)
                may = whole in RIGHTS or Right(user, "table", table, privilege, column) in RIGHTS
                tried += 1
                if refused(connection, statement) == may:
                    wrong.append((table, privilege, column))
        assert wrong == []
        assert tried > 5 * len(ROLES.tables)
        for statement in (
            "CREATE TABLE more (n int)",
            "CREATE TABLE keyring.more (n int)",
            "CREATE ROLE more",
        ):
            assert refused(connection, SQL(statement)), statement  # type: ignore[arg-type]


def test_without_its_password_no_part_comes_in(applied: str, passwords: dict[str, str]) -> None:
    for user in passwords:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(as_user(applied, user, "another"))


def test_the_server_holds_no_password_that_could_be_read(applied: str, passwords: dict[str, str]) -> None:
    with psycopg.connect(applied) as connection:
        found = connection.execute("SELECT rolname, rolpassword FROM pg_authid").fetchall()
    kept = {user: text for user, text in found if user in passwords}
    assert kept.keys() == passwords.keys()
    assert all(text.startswith("SCRAM-SHA-256$4096:") for text in kept.values())


def test_applied_again_nothing_differs_and_nobody_is_dropped(
    ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert differences(capsys) == set()
    assert run(["database", "roles", "apply"]) == 0
    assert "0 differences" in capsys.readouterr().out
    assert differences(capsys) == set()


def test_what_was_given_or_taken_by_hand_is_told_and_put_right(
    ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    executed(
        ours,
        'GRANT DELETE ON audit TO "overgang-api"',
        "GRANT SELECT ON keyring.case_keys TO PUBLIC",
        'GRANT UPDATE (value) ON credentials TO "overgang-worker"',
        'REVOKE INSERT ON outbound FROM "overgang-worker"',
        'GRANT USAGE ON SCHEMA keyring TO "overgang-reader"',
    )
    assert differences(capsys) == {
        ("take", "overgang-api", "DELETE on table public.audit"),
        ("take", "PUBLIC", "SELECT on table keyring.case_keys"),
        ("take", "overgang-worker", "UPDATE(value) on table public.credentials"),
        ("give", "overgang-worker", "INSERT on table public.outbound"),
        ("take", "overgang-reader", "USAGE on schema keyring"),
    }
    assert run(["database", "roles", "apply"]) == 0
    assert differences(capsys) == set()


def test_what_no_right_on_a_table_takes_away_is_told_to_be_mended_by_hand(
    ours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    executed(ours, 'ALTER ROLE "overgang-api" SUPERUSER', 'GRANT pg_read_all_data TO "overgang-reader"')
    try:
        assert {(action, what) for action, what, _ in differences(capsys)} == {
            ("by hand", "user overgang-api"),
            ("by hand", "user overgang-reader"),
        }
    finally:
        executed(
            ours, 'ALTER ROLE "overgang-api" NOSUPERUSER', 'REVOKE pg_read_all_data FROM "overgang-reader"'
        )
    assert differences(capsys) == set()


def test_a_part_may_look_what_differs_and_not_give_itself_rights(
    ours: str, passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user = ROLES.users["worker"]
    monkeypatch.setenv("OVERGANG_DATABASE_URL", as_user(ours, user, passwords[user]))
    assert differences(capsys) == set()
    executed(ours, f'REVOKE DELETE ON facts FROM "{user}"')
    assert differences(capsys) == {("give", user, "DELETE on table public.facts")}
    assert doctor(capsys)["database role"] == {
        "part": "database role",
        "well": False,
        "found": f"{user}: DELETE on table public.facts is to give",
        "mend": "run `overgang database roles apply` as the owner of the tables",
    }
    assert run(["database", "roles", "apply"]) == 1
    assert "run it as the owner of the tables" in capsys.readouterr().err
    monkeypatch.setenv("OVERGANG_DATABASE_URL", ours)
    assert run(["database", "roles", "apply"]) == 0
    monkeypatch.setenv("OVERGANG_DATABASE_URL", as_user(ours, user, passwords[user]))
    assert doctor(capsys)["database role"]["well"]


def doctor(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    run(["doctor", "--json"])
    return {finding["part"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_a_directory_without_a_password_is_refused(
    ours: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["database", "roles", "apply", "--passwords", str(tmp_path)]) == 1
    assert "overgang-worker.password" in capsys.readouterr().err


def test_a_backup_is_made_by_the_user_that_only_reads(
    ours: str, passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = ROLES.users["backup"]
    monkeypatch.setenv("OVERGANG_DATABASE_URL", as_user(ours, user, passwords[user]))
    assert run(["backup", "make", str(tmp_path / "backup")]) == 0
    assert len(list((tmp_path / "backup").iterdir())) == 3


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of the production profile, less the database; the broker that they name is never asked."""
    for name, value in production_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize("command", ["worker", "api", "deliver"])
def test_in_production_no_part_runs_as_a_superuser(
    ours: str, production: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 1
    told = capsys.readouterr().err
    assert (
        "OVERGANG_DATABASE_URL: overgang is a superuser of the database; run `overgang database roles" in told
    )


@pytest.mark.parametrize("command", ["worker", "api", "deliver"])
def test_in_production_no_part_runs_as_who_owns_the_tables(
    ours: str,
    production: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    executed(ours, "CREATE ROLE almost LOGIN PASSWORD 'almost' IN ROLE overgang")
    try:
        password = secret_file(production / "almost.password", "almost")
        monkeypatch.setenv("OVERGANG_DATABASE_URL", as_user(ours, "almost"))
        monkeypatch.setenv("OVERGANG_DATABASE_PASSWORD_FILE", str(password))
        assert run([command]) == 1
        assert "almost owns the tables; run `overgang database roles apply`" in capsys.readouterr().err
    finally:
        executed(ours, "DROP ROLE almost")


def test_in_production_the_doctor_names_an_owner_and_the_mend(
    ours: str, production: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doctor(capsys)["database role"]
    assert (found["well"], found["found"]) == (
        False,
        "overgang may do everything: right for `overgang migrate` alone",
    )


def test_the_privileges_of_the_file_are_those_that_are_tried() -> None:
    assert {right.privilege for right in RIGHTS if right.on == "table"} == set(PRIVILEGES)
