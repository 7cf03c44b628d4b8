"""Brings a PostgreSQL database to the newest schema, one process at a time, and refuses what it cannot read safely."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from core.errors import BadInput, StoreUnavailable
from memory.migrate import FOLDER, refuse_newer, run_scripts
from memory.migrations import REVISIONS
from memory.postgres_connection import patiently
from memory.postgres_errors import in_plain_words

log = logging.getLogger(__name__)
OLDEST_SERVER = 130000
LOCK = 0x5354414646
WAIT_SECONDS = 120.0


async def prepare(info: str, seconds: float, revisions: Sequence[str] = REVISIONS, folder: Path = FOLDER) -> None:
    """Bring the database to the last of `revisions` if it is older; a server that is just starting is waited for.

    Raises BadInput for a database that cannot be used or is newer, StoreUnavailable if no server answers.
    """
    try:
        await patiently(lambda: asyncio.to_thread(_prepare, info, revisions, folder), seconds)
    except (psycopg.Error, DBAPIError) as error:
        words = str(error).strip().splitlines()[-1]
        if "FATAL" in words:
            raise BadInput(f"STAFFWORK_DATABASE_URL: the database server refuses us ({words}).") from None
        plain = in_plain_words(error)
        raise StoreUnavailable(f"{plain} ({words})") if isinstance(plain, StoreUnavailable) else plain from error


@contextmanager
def alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Hold the lock on changes of the schema; the connection must be in autocommit mode.

    Asked for again and again: a session that waits inside the server would stop the other's CREATE INDEX CONCURRENTLY.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not _value(connection, "SELECT pg_try_advisory_lock(%s)", (LOCK,)):
        if time.monotonic() > deadline:
            raise StoreUnavailable("Another process is still changing the schema of the database. Try again later.")
        time.sleep(0.05)
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _prepare(info: str, revisions: Sequence[str], folder: Path) -> None:
    with psycopg.connect(info, autocommit=True) as connection:
        _examine(connection)
        if _is_newest(connection, revisions):
            return
        with alone(connection):
            if not _is_newest(connection, revisions):
                _upgrade(info, revisions[-1], folder)


def _examine(connection: psycopg.Connection[Any]) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise BadInput(f"The database keeps text as {encoding}. Create one with ENCODING 'UTF8'.")
    if connection.info.server_version < OLDEST_SERVER:
        raise BadInput(f"The database server is too old. PostgreSQL {OLDEST_SERVER // 10000} or newer is needed.")


def _is_newest(connection: psycopg.Connection[Any], revisions: Sequence[str]) -> bool:
    found = ""
    if _value(connection, "SELECT to_regclass('alembic_version')") is not None:
        found = _value(connection, "SELECT max(version_num) FROM alembic_version") or ""
    refuse_newer(found, revisions, f"The database {connection.info.dbname}")
    return bool(found == revisions[-1])


def _upgrade(info: str, revision: str, folder: Path) -> None:
    log.info("bringing the database to schema %s", revision)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(info), poolclass=NullPool)
    with engine.begin() as connection:  # all of it or nothing
        run_scripts(connection, revision, folder)


def _value(connection: psycopg.Connection[Any], query: Any, values: Sequence[Any] = ()) -> Any:
    row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]
