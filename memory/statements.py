"""What must be said differently to SQLite and PostgreSQL, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.sql import ClauseElement

from core.errors import Conflict


def on_postgres(connection: Connection) -> bool:
    """Say whether a connection leads to PostgreSQL."""
    return connection.dialect.name == "postgresql"


def insert_into(connection: Connection, table: Table) -> Any:
    """Return an INSERT that can say what happens on a conflict, in the words of the connection's database."""
    if on_postgres(connection):
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_once(connection: Connection, table: Table, row: Mapping[str, Any], words: str) -> None:
    """Insert a row whose maker chose its id; raises Conflict with `words`, and changes nothing, if that id is there already."""
    added = insert_into(connection, table).values(dict(row)).on_conflict_do_nothing(index_elements=["id"])
    if connection.execute(added.returning(table.c.id)).first() is None:
        raise Conflict(words)


class Ready:
    """A statement turned into text once per database: a parameter's way through SQLAlchemy costs more than SQLite itself.

    Values are given by position, in the order of the columns (or of the parameters in the text).
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement, self._columns = statement, columns
        self._texts: dict[str, str] = {}

    def run(self, connection: Connection, values: Any) -> CursorResult[*tuple[Any, ...]]:
        """Execute it with one tuple of values, or a list of them."""
        name = connection.dialect.name
        text = self._texts.get(name) or self._write(name)
        return connection.exec_driver_sql(text, values)

    def _write(self, name: str) -> str:
        compiled = self._statement.compile(dialect=_positional(name), column_keys=self._columns)
        self._texts[name] = str(compiled)
        return self._texts[name]


@cache
def _positional(name: str) -> Dialect:
    if name == "postgresql":
        from sqlalchemy.dialects.postgresql import psycopg

        return psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    return sqlite.dialect()
