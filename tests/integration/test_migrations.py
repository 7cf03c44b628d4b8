"""Opening a database: created, migrated after a backup, refused if newer or damaged."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import postgres_fixtures
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.schema import CreateTable
from store_fixtures import store

import memory.migrations
from core.errors import BadInput, StoreUnavailable
from memory import postgres_migrate, tables
from memory.database import Database
from memory.migrate import FOLDER, prepare, revision_of
from memory.migrations import HEAD, REVISIONS
from memory.postgres import PostgresDatabase
from memory.postgres_connection import connection_info

GROWN = {"artifacts", "missions", "conversations", "users", "passages", "memories"}
"""Tables that got columns later: SQLite writes those behind the constraints."""

POSTGRES_ONLY = {
    "alembic_version", "passage_vectors", "messages.rowid", "passages.words", "passages.passages_by_words",
    "search_entries.words", "search_entries.search_entries_by_words",
}  # fmt: skip
"""What SQLite has of its own accord, or in Chroma."""


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
    for statement in (*tables.FULL_TEXT, *tables.ENTRY_WORDS):
        assert _words(statement) in {_words(sql) for sql in made.values()}


async def test_the_schema_in_postgresql_has_the_same_tables(postgres: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(postgres))

    def ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        place = name if kind == "table" else f"{thing.table.name}.{name}"
        return place not in POSTGRES_ONLY

    with engine.connect() as connection:
        # Lengths of text are left out there: SQLite does not hold anyone to them either.
        options = {"include_object": ours, "compare_type": _other_type}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
        found = inspect(connection)
        for table in tables.metadata.sorted_tables:
            cascades = {tuple(k["constrained_columns"]) for k in found.get_foreign_keys(table.name)
                        if k["options"].get("ondelete") == "CASCADE"}  # fmt: skip
            assert cascades == {tuple(key.column_keys) for key in table.foreign_key_constraints}
    engine.dispose()


def _other_type(_context: object, _seen: object, _wanted: object, seen: Any, wanted: Any) -> bool:
    return (
        seen.python_type is not wanted.impl_instance.python_type
        if hasattr(wanted, "impl_instance")
        else (seen.python_type is not wanted.python_type)
    )


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(("passages_fts", "search_fts", "alembic"))


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


async def test_two_processes_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    url = postgres_fixtures.server().create()
    program = (
        "import asyncio, sys; from memory.checkpoints import open_checkpointer; from memory.postgres import PostgresDatabase\n"
        "async def main():\n"
        f"  database = await PostgresDatabase.at({url!r})\n"
        "  async with open_checkpointer(database): print(await database.check() or 'ready')\n"
        "  await database.close()\n"
        "asyncio.run(main())"
    )
    root = str(Path(memory.migrations.__file__).parents[2])
    racing = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=root, stdout=-1, stderr=-1)
        for _ in range(4)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in racing))
    assert [out.decode().strip() for out, _ in outputs] == ["ready"] * 4, outputs
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        assert connection.execute(invalid).fetchone() == (0,)
    postgres_fixtures.server().drop(url)


async def test_a_newer_or_failing_schema_in_postgresql_is_refused_and_left_alone(postgres: str, tmp_path: Path) -> None:
    info = connection_info(postgres)
    with pytest.raises(ZeroDivisionError):
        await postgres_migrate.prepare(info, 5, (*REVISIONS, "next"), scripts(tmp_path / "broken", last="1 / 0"))
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT to_regclass('extra')").fetchone() == (None,)
    await postgres_migrate.prepare(info, 5, (*REVISIONS, "next"), scripts(tmp_path / "migrations"))
    with pytest.raises(BadInput, match="newer version of Staffwork"):
        await PostgresDatabase.at(postgres)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("next",)]


async def test_a_database_that_cannot_hold_every_letter_is_refused(postgres: str) -> None:
    with psycopg.connect(postgres_fixtures.server().url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(BadInput, match="LATIN1"):
        await PostgresDatabase.at(postgres_fixtures.server().url("old"))


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
