"""The databases that the tests of the store run on, one after the other: a file, and a PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import postgres_fixtures
import pytest

from memory.postgres_connection import connection_info
from memory.postgres_migrate import prepare


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of an empty database of ours."""
    server = postgres_fixtures.server()
    url = server.create(postgres_fixtures.migrated(_migrate))
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database is: the path of a file, then the address of one in PostgreSQL (see store_fixtures.store)."""
    if request.param == "sqlite":
        return tmp_path / "staffwork.db"
    return str(request.getfixturevalue("postgres"))


def _migrate(url: str) -> None:
    # On a thread: pytest has a loop of its own here.
    thread = Thread(target=lambda: asyncio.run(prepare(connection_info(url), 15)))
    thread.start()
    thread.join()
