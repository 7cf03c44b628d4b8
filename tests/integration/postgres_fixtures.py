"""A real PostgreSQL for the tests: started once, on a socket of its own, with a fresh database for whoever asks."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_numbers = count(1)


class Server:
    """One PostgreSQL in a temporary folder."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short: the path of a socket has a limit
        self._data = self._folder / "data"
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            shutil.chown(self._folder, "nobody")
        self._run("initdb", "-D", str(self._data), "-U", "staffwork", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
            settings.write(f"unix_socket_directories = '{self._folder}'\n")
        self.control("start")
        atexit.register(self.remove)

    def control(self, action: str, *more: str) -> None:
        """Start, stop or restart it, as an administrator does."""
        self._run("pg_ctl", action, "-D", str(self._data), "-w", "-s", "-l", str(self._folder / "log"), *more)

    def url(self, database: str) -> str:
        return f"postgresql://staffwork@/{database}?host={self._folder}"

    def create(self, template: str = "template1") -> str:
        """Create a database and return its address."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def remove(self) -> None:
        self.control("stop", "-m", "immediate")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=nobody", "--clear-groups", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _programs() -> Path | None:
    """Find where initdb is: on PATH, or where Debian keeps the programs of each version."""
    found = [Path(path).resolve() for path in [shutil.which("initdb")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[4]), reverse=True)
    return next((path.parent for path in found if (path.parent / "pg_ctl").exists()), None)


@cache
def server() -> Server:
    """Start the server, once; skips where PostgreSQL is not installed, unless the tests are asked to insist on it."""
    programs = _programs()
    if programs is None:
        words = "PostgreSQL (initdb, pg_ctl) is not installed here"
        if "postgres" in os.environ.get("STAFFWORK_TESTS_REQUIRE", "").split(","):
            pytest.fail(words)
        pytest.skip(words)
    return Server(programs)


@cache
def migrated(migrate: Callable[[str], None]) -> str:
    """Name the database that others are copied from: ours, empty."""
    url = server().create()
    migrate(url)
    return name_in(url)


def name_in(url: str) -> str:
    """Take the database's name out of an address."""
    return conninfo_to_dict(url)["dbname"]
