"""Brings a database file to the newest schema before it is used, and refuses what it cannot read safely."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import BadInput, StoreUnavailable
from memory.migrations import REVISIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection

PAGE_SIZE = 1024
"""Bytes: a mission makes many small changes all over the file, and each one writes its page twice (log, then file)."""
FOLDER = Path(__file__).parent / "migrations"


def prepare(path: Path, busy_seconds: float, revisions: Sequence[str] = REVISIONS, folder: Path = FOLDER) -> None:
    """Create or examine the database at `path`, and bring it to the last of `revisions` if it is older (blocking).

    An existing one is copied to `backups/` beside it first. Raises BadInput for a damaged file or a newer schema,
    StoreUnavailable if the file stays locked or cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)) as connection:
            _examine(connection, path)
            found = revision_of(connection)
            refuse_newer(found, revisions, f"The database {path}")
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")  # takes effect in a new file only
            connection.execute("PRAGMA journal_mode=WAL")
            if found != revisions[-1]:
                if found:
                    _back_up(connection, path, found)
                _upgrade(path, busy_seconds, revisions[-1], folder)
    except (sqlite3.OperationalError, OSError) as error:
        raise StoreUnavailable(f"The database {path} cannot be opened: {error}.") from error


def revision_of(connection: sqlite3.Connection) -> str:
    """Read the revision of an open database ("" for an empty one)."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return ""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise BadInput(f"The database {path} is damaged ({found}). Restore a backup of it; nothing was changed.")


def refuse_newer(found: str, revisions: Sequence[str], name: str) -> None:
    """Raise BadInput if the database called `name` has a schema (`found`) that this version does not know."""
    if found and found not in revisions:
        raise BadInput(
            f"{name} was written by a newer version of Staffwork (schema {found}; this version knows "
            f"{revisions[-1]}). Start the newer version, or restore a backup made before the upgrade; nothing was changed."
        )


def _back_up(connection: sqlite3.Connection, path: Path, found: str) -> None:
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    connection.execute("VACUUM INTO ?", (str(folder / f"{path.stem}-{found}-{moment}{path.suffix}"),))


def _upgrade(path: Path, busy_seconds: float, revision: str, scripts: Path) -> None:
    from sqlalchemy import URL, create_engine

    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": busy_seconds, "isolation_level": None}
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")  # all of it or nothing, also when the power fails
            run_scripts(connection, revision, scripts)
    finally:
        engine.dispose()


def run_scripts(connection: Connection, revision: str, scripts: Path) -> None:
    """Run the migrations up to `revision` within the open transaction of a connection."""
    # Imported here: alembic takes longer to import than an up-to-date database takes to open.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
