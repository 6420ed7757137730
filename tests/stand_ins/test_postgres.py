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
