"""The same schema for PostgreSQL: migrations are written in the words of SQLite and translated."""

from __future__ import annotations

import re

from alembic import op

_SERIAL = re.compile(r"\bnumber INTEGER NOT NULL(?=,)")
_SHORT_TEXT = re.compile(r"\bVARCHAR\(\d+\)")


def on_postgres() -> bool:
    """Say whether PostgreSQL is being migrated."""
    return op.get_context().dialect.name == "postgresql"


def execute(statement: str) -> None:
    """Execute a statement written for SQLite on the database that is being migrated."""
    op.execute(for_postgres(statement) if on_postgres() else statement)


def for_postgres(statement: str) -> str:
    """Translate a statement: numbers of rows count themselves, and text has no length, as on SQLite."""
    statement = statement.replace("WITHOUT ROWID", "")
    return _SHORT_TEXT.sub("TEXT", _SERIAL.sub("number SERIAL NOT NULL", statement))
