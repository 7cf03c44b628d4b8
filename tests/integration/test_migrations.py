"""Opening a database: created, migrated after a backup, refused if newer or damaged."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateTable
from store_fixtures import store

import memory.migrations
from core.errors import BadInput, StoreUnavailable
from memory import tables
from memory.database import Database
from memory.migrate import FOLDER, prepare, revision_of
from memory.migrations import HEAD, REVISIONS

GROWN = {"missions", "conversations"}
"""Tables that got columns later: SQLite writes those behind the constraints."""


async def open_and_close(path: Path) -> None:
    await (await Database.open(path)).close()


async def test_the_migrated_schema_is_the_one_in_tables(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "staffwork.db"
    await open_and_close(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        ours = MigrationContext.configure(connection, opts={"include_name": _ours, "compare_type": True})
        assert compare_metadata(ours, tables.metadata) == []
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql <> ''").all()
        made = {name: sql for name, sql in rows}
    engine.dispose()
    for table in tables.metadata.sorted_tables:  # what the comparison does not see: WITHOUT ROWID, cascades
        if table.name in GROWN:
            continue
        assert _words(made[table.name]) == _words(str(CreateTable(table).compile(dialect=tables.SQLITE)))
    for statement in tables.FULL_TEXT:
        assert _words(statement) in {_words(sql) for sql in made.values()}


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(("passages_fts", "alembic"))


def _words(sql: str) -> str:
    return "".join(sql.split())


def test_the_known_revisions_are_those_in_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(memory.migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    assert tuple(s.revision for s in reversed(list(scripts.walk_revisions()))) == REVISIONS


async def test_passages_are_found_by_their_words_and_not_after_they_are_gone(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        row = {"id": "p", "user_id": "ada", "conversation_id": "c", "origin": "file", "origin_id": "f", "position": 0}
        find = "SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?"

        async def found(word: str) -> int:
            async with database.reading() as connection:
                return int((await connection.exec_driver_sql(find, (word,))).scalar_one())

        await database.write((tables.passages.insert(), row | {"name": "memo.pdf", "text": "Die Erlöse stiegen"}))
        assert await found("erlose") == 1
        await database.write((tables.passages.update().values(text="sanken"), None))
        assert (await found("erlose"), await found("sanken")) == (0, 1)
        await database.write((tables.passages.delete(), None))
        assert await found("sanken") == 0


NEXT = """
from alembic import op
revision = {revision!r}
down_revision = {before!r}
def upgrade():
    op.execute("CREATE TABLE extra (a INTEGER)")
    op.execute("UPDATE users SET name = 'Grace' WHERE id = 'ada'")
    {last}
"""


def scripts(folder: Path, last: str = "") -> Path:
    """Copy our migrations and add one."""
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    following = NEXT.format(revision="next", before=HEAD, last=last)
    (folder / "versions" / "next.py").write_text(following)
    return folder


async def test_an_existing_database_is_backed_up_and_then_migrated(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    async with store(path):
        pass
    before = _dump(path)
    prepare(path, 1.0, (*REVISIONS, "next"), scripts(tmp_path / "100% migrations"))
    with closing(sqlite3.connect(path)) as connection:
        assert revision_of(connection) == "next"
        assert connection.execute("SELECT name FROM users WHERE id = 'ada'").fetchone() == ("Grace",)
    (backup,) = (tmp_path / "backups").iterdir()
    assert _dump(backup) == before
    backup.replace(path)  # a restore
    await open_and_close(path)
    assert _dump(path) == before


async def test_a_migration_that_fails_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    async with store(path):
        pass
    before = _dump(path)
    with pytest.raises(ZeroDivisionError):
        prepare(path, 1.0, (*REVISIONS, "next"), scripts(tmp_path / "migrations", last="1 / 0"))
    assert _dump(path) == before
    await open_and_close(path)


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.iterdump())  # VACUUM writes the schema in another order
    finally:
        connection.close()


async def test_a_newer_schema_is_refused_in_plain_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    async with store(path):
        pass
    prepare(path, 1.0, (*REVISIONS, "next"), scripts(tmp_path / "migrations"))
    before = _dump(path)
    with pytest.raises(BadInput) as caught:
        await Database.open(path)
    assert "newer version of Staffwork (schema next" in str(caught.value)
    assert _dump(path) == before


@pytest.mark.parametrize("damage", ["garbage", "middle", "header"])
async def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "staffwork.db"
    async with store(path):
        pass
    content = bytearray(path.read_bytes())
    match damage:
        case "garbage":
            content = bytearray(b"no database at all " * 1000)
        case "middle":
            content[4096 : 8 * 4096] = b"\xa5" * (7 * 4096)
        case "header":
            content[:16] = b"\x00" * 16
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        await Database.open(path)
    assert str(path) in str(caught.value)
    assert "Restore a backup" in str(caught.value)


async def test_a_path_that_cannot_be_opened_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        await Database.open(tmp_path / "file" / "staffwork.db")


def test_an_up_to_date_database_opens_without_importing_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from memory.database import Database\n"
        f"async def main(): await (await Database.open(Path({str(tmp_path / 'staffwork.db')!r}))).close()\n"
        "asyncio.run(main()); print('alembic' in sys.modules)"
    )

    def run() -> Any:
        root = str(Path(memory.migrations.__file__).parents[2])
        return subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert run().stdout.strip() == "True"
    assert run().stdout.strip() == "False"
