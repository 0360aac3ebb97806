"""Each test has a database of its own."""

import psycopg
import pytest


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_starts_with_an_empty_database(database_url: str, turn: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert tables == []
        connection.execute("CREATE TABLE left_behind (turn text)")
