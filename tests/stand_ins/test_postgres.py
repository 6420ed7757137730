from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from tests.stand_ins.postgres import PostgresServer

TABLES = (
    "SELECT table_schema FROM information_schema.tables"
    " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
)


def test_a_reused_database_is_empty(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        name = sql.Identifier(url.rpartition("/")[2])
        with closing(psycopg.connect(url, autocommit=True)) as left_open:
            left_open.execute("CREATE TABLE a (b int); CREATE SCHEMA c; CREATE TABLE c.d (e int)")
            left_open.execute("SELECT pg_advisory_lock(1)")
            postgres.administer(sql.SQL("ALTER DATABASE {} SET work_mem = '1MB'").format(name))
            postgres.administer(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
            postgres.clear(url)
            with pytest.raises(psycopg.OperationalError):
                left_open.execute("SELECT 1")
        with psycopg.connect(url) as connection:
            assert connection.execute(TABLES).fetchall() == []
            assert connection.execute("SHOW work_mem").fetchone() != ("1MB",)
            assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
            assert connection.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)
            connection.execute("CREATE TABLE a (b int)")


def test_a_reused_copy_has_the_tables_and_no_rows(postgres: PostgresServer) -> None:
    template = postgres.make()
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("CREATE TABLE a (b serial PRIMARY KEY)")
        connection.execute("CREATE TABLE c (d int REFERENCES a)")
    with postgres.copy(template) as first, psycopg.connect(first, autocommit=True) as connection:
        connection.execute("INSERT INTO a DEFAULT VALUES; INSERT INTO c VALUES (1)")
    with postgres.copy(template) as again, psycopg.connect(again, autocommit=True) as connection:
        assert again == first
        assert connection.execute("SELECT count(*) FROM c").fetchone() == (0,)
        assert connection.execute("INSERT INTO a DEFAULT VALUES RETURNING b").fetchone() == (1,)
        connection.execute("CREATE TABLE e (f int)")
    with postgres.copy(template) as other:
        assert other != first
