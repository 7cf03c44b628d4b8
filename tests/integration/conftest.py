"""The databases that the tests of the store run on (a file, and a PostgreSQL), and the user that tests of the sandbox run as."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import ordinary_user
import postgres_fixtures
import pytest

from memory.postgres_connection import connection_info
from memory.postgres_migrate import prepare

HERE = Path(__file__).parent


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


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Have tests marked `sandbox` run by an ordinary user, if this is root (see ordinary_user.py)."""
    ours = item.path.is_relative_to(HERE)  # tests elsewhere see to it themselves
    if not ours or item.get_closest_marker(ordinary_user.MARK) is None:
        return None
    if os.geteuid() != 0 or not ordinary_user.possible():
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in ordinary_user.parts(item):
        item.ihook.pytest_runtest_logreport(report=report)
    item.session._setupstate.teardown_exact(nextitem)  # what the test before this one had left for it
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    ordinary_user.report_inwards(report)
