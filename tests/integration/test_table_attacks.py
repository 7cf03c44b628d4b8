"""SQL and files that mean harm reach nothing, and kill at most the process that reads them."""

from __future__ import annotations

import asyncio
import os
import time
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from tables_fixtures import SALES, workbook
from tools_fixtures import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    await desk.give("Sales 2026.csv", SALES, "text/csv")
    return desk


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT content FROM read_blob('/proc/self/environ')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_csv('/dev/fd/0')",
        "SELECT * FROM read_csv('/dev/stdin')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
        "COPY sales_2026 TO '{out}/stolen.csv'",
        "COPY (SELECT 1) TO '{out}/stolen.csv'",
        "EXPORT DATABASE '{out}/stolen'",
        "ATTACH '{out}/stolen.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "PRAGMA enable_external_access = true",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 1; SELECT * FROM read_text('/etc/passwd')",
        "SELECT 1; SET enable_external_access = true",
        "-- harmless\nCREATE TABLE t AS SELECT 1",
        "/* SELECT */ DROP TABLE sales_2026",
        "INSERT INTO sales_2026 SELECT * FROM sales_2026",
        "UPDATE sales_2026 SET region = 'x'",
        "CREATE MACRO f() AS 1",
        "PREPARE p AS SELECT 1",
        "BEGIN",
        "SELECT * FROM duckdb",
        "SELECT * FROM request",
        "SELECT getenv('HOME')",
        ";",
        "-- nothing",
        "not sql at all",
    ],
)
async def test_sql_reaches_nothing_but_the_tables(desk: Desk, sql: str) -> None:
    out = desk.root / "out"
    out.mkdir()
    outcome = await desk.use("query_table", sql=sql.replace("{out}", str(out)), files=["Sales 2026.csv"])
    assert outcome.status == "failed"
    assert "root:" not in outcome.output
    assert os.listdir(out) == []


async def test_the_worker_has_none_of_our_environment(desk: Desk, tmp_path: Path) -> None:
    from tools.confined import run_confined

    (tmp_path / "x.csv").write_text("a\n1\n")
    with (tmp_path / "x.csv").open("rb") as file:
        request = {"action": "query", "sql": "SELECT current_setting('home_directory') AS h", "files": []}
        request["files"] = [{"fd": file.fileno(), "table": "x", "format": "text", "name": "x.csv"}]
        reply = await run_confined("tools.table_worker", request, [file.fileno()], "died")
    assert reply["rows"] == [[""]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('a', 2000000000))",
        "SELECT len(range(400000000))",
        "SELECT list(x) FROM range(1000000000) t(x)",
    ],
)
async def test_sql_that_swells_ends_with_words(desk: Desk, sql: str) -> None:
    started = time.perf_counter()
    outcome = await desk.use("query_table", sql=sql, files=["Sales 2026.csv"])
    assert outcome.status == "failed"
    assert "memory" in outcome.output
    assert time.perf_counter() - started < 15


def children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts processes through /proc")
async def test_sql_that_never_ends_is_killed_at_the_timeout(tmp_path: Path) -> None:
    desk = Desk(tmp_path, seconds=1)
    await desk.give("x.csv", "a\n1\n")
    before = children()
    started = time.perf_counter()
    endless = "SELECT count(*) FROM range(10000) a, range(10000000000) b WHERE (a.range + b.range) % 7 = 3"
    outcome = await desk.use("query_table", sql=endless, files=["x.csv"])
    assert outcome.status == "timeout"
    assert time.perf_counter() - started < 20
    assert children() <= before


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts processes through /proc")
async def test_cancelling_a_mission_kills_its_query(desk: Desk) -> None:
    before = children()
    endless = "SELECT count(*) FROM range(10000) a, range(10000000000) b WHERE (a.range + b.range) % 7 = 3"
    task = asyncio.create_task(desk.use("query_table", sql=endless, files=["Sales 2026.csv"]))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() <= before


def bomb() -> bytes:
    """A workbook of one KB whose two cells lie at opposite ends of the sheet; it makes calamine abort its process."""
    stored = BytesIO(workbook({"S": [[1]]}))
    result = BytesIO()
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if name.endswith("sheet1.xml"):
                head, _, rest = text.partition("<sheetData>")
                text = f"{head}<sheetData>{cells}</sheetData>{rest.partition('</sheetData>')[2]}"
            new.writestr(name, text)
    return result.getvalue()


async def test_a_workbook_that_kills_its_reader_kills_nobody_else(desk: Desk) -> None:
    await desk.give("bomb.xlsx", bomb())
    outcome = await desk.use("profile_table", file="bomb.xlsx")
    assert outcome.status == "failed"
    assert "needs more memory" in outcome.output
    assert (await desk.use("profile_table", file="Sales 2026.csv")).status == "ok"


async def test_a_link_or_pipe_named_like_a_table_is_not_opened(desk: Desk) -> None:
    await desk.ask("write_file", name="a.csv", content="x\n1\n")
    (desk.workspace / "link.csv").symlink_to("/etc/passwd")
    os.mkfifo(desk.workspace / "pipe.csv")
    for name in ("link.csv", "pipe.csv"):
        assert (await desk.use("profile_table", file=name)).status == "failed"
