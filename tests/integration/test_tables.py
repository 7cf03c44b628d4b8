"""Tables: profiles and SQL over real files, in a process that hostile input can only kill."""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import pytest
from tables_fixtures import SALES, row_of, rows, workbook
from tools_fixtures import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    await desk.give("Sales 2026.csv", SALES, "text/csv")
    return desk


async def test_profile_of_a_csv(desk: Desk) -> None:
    outcome = await desk.use("profile_table", file="Sales 2026.csv")
    assert outcome.output.startswith("Table sales_2026 (Sales 2026.csv): 4 rows, 3 columns.")
    assert row_of(outcome.output, "region") == ["region", "VARCHAR", "0", "3", "East", "South", ""]
    assert row_of(outcome.output, "Revenue_EUR") == ["Revenue_EUR", "DOUBLE", "1", "3", "0.25", "20", "10.25"]
    assert row_of(outcome.output, "day") == ["day", "DATE", "0", "4", "2026-01-01", "2026-01-04", ""]
    assert "Note: Revenue_EUR is 'Revenue (EUR)' in the file." in outcome.output
    assert "| North | 10.5 | 2026-01-01 |" in outcome.output
    (source,) = outcome.sources
    assert (source.file, source.line, source.quote) == ("Sales 2026.csv", 1, "region,Revenue (EUR),day")


async def test_query_gives_correct_totals_and_cites_the_file(desk: Desk) -> None:
    sql = "SELECT region, sum(Revenue_EUR) AS total FROM sales_2026 GROUP BY region ORDER BY total DESC NULLS LAST;"
    outcome = await desk.use("query_table", sql=sql, files=["Sales 2026.csv"])
    assert outcome.output == ("| region | total |\n|---|---|\n| South | 20 |\n| North | 10.75 |\n| East |  |\n(3 rows)")
    assert outcome.sources[0].quote == SALES.splitlines()[0]


async def test_a_file_written_here_is_a_table_too_and_two_are_joined(desk: Desk) -> None:
    await desk.ask("write_file", name="out/targets.tsv", content="region\tgoal\nNorth\t11\nSouth\t19\n")
    sql = """WITH s AS (SELECT region, sum(Revenue_EUR) AS total FROM sales_2026 GROUP BY 1)
             SELECT region, total >= goal AS reached FROM s JOIN targets USING (region) ORDER BY 1"""
    assert await rows(desk, sql, "Sales 2026.csv", "out/targets.tsv") == [["North", "false"], ["South", "true"]]


async def test_sums_do_not_show_the_noise_of_floats(desk: Desk) -> None:
    await desk.give("cents.csv", "x\n" + "0.1\n" * 3)
    assert await rows(
        desk, "SELECT sum(x), 1234567890.12::DOUBLE, 1e300, 0.1 + 0.2::DOUBLE FROM cents", "cents.csv"
    ) == [["0.3", "1234567890.12", "1e+300", "0.3"]]


@pytest.mark.parametrize(
    ("content", "total"),
    [
        pytest.param("name;sum\na;1,5\nb;2,25\n", "3.75", id="decimal comma"),
        pytest.param("name;sum\na;1.200,50 €\nb;-200,50 €\n", "1000", id="euros"),
        pytest.param('name,sum\na,"$1,234.50"\nb,"2,000"\nc,NA\n', "3234.5", id="thousands, currency and a gap"),
        pytest.param("name\tsum\na\t1\nb\t2\n", "3", id="tabs"),
        pytest.param("name|sum\na|1\nb|2\n", "3", id="pipes"),
        pytest.param("Sales report\n\nname,sum\na,1\nb,2\n", "3", id="title above"),
        pytest.param("name,sum\na,1\nb\nc,2,extra\n", "3", id="uneven rows"),
        pytest.param("name,sum\n" + "a,1\n" * 30 + "b,1,2\n" * 5, "35", id="a wider part below"),
        pytest.param("name,sum\n" + "a,1\n" * 5 + "b,1,2\n" * 30, "35", id="a wider part that is most"),
        pytest.param("name,sum\na,1\n\nb,2\n,\n\nSource: ERP\n", "3", id="empty lines and a remark"),
        pytest.param('name,sum\n"x "quoted" y",1\nb,2\n', "3", id="quotes in quotes"),
        pytest.param("\ufeffname,sum\r\na,1\r\nb,2\r\n", "3", id="byte order mark"),
        pytest.param("name,sum\nMüller,1\nCafé,2\n".encode("cp1252"), "3", id="windows encoding"),
        pytest.param("name,sum\nMüller,1\nb,2\n".encode("utf-16"), "3", id="utf-16"),
        pytest.param('name,sum\n"two\nlines, one cell",1\nb,2\n', "3", id="line break in a cell"),
    ],
)
async def test_tables_as_people_save_them(desk: Desk, content: str | bytes, total: str) -> None:
    await desk.give("odd.csv", content)
    assert await rows(desk, "SELECT sum(sum) FROM odd", "odd.csv") == [[total]]


async def test_encodings_keep_their_letters(desk: Desk) -> None:
    await desk.give("w.csv", "name,price\nMüller,5 €\n".encode("cp1252"))
    assert await rows(desk, "SELECT name, price FROM w", "w.csv") == [["Müller", "5"]]


async def test_codes_with_leading_zeros_stay_text(desk: Desk) -> None:
    await desk.give("codes.csv", 'zip,n\n01234,1\n99999,2\n00001,"3"\n')
    assert row_of(await desk.ask("profile_table", file="codes.csv"), "zip")[:5] == ["zip", "VARCHAR", "0", "3", "00001"]


async def test_strange_column_and_file_names_become_usable(desk: Desk) -> None:
    await desk.give("2026 order-list.csv", 'id,id,,Ünit price,select,"a ""b"""\n1,2,3,4,5,6\n')
    await desk.give("order.csv", "x\n1\n")
    await desk.give("Order.csv", "x\n2\n")
    first = await rows(desk, "SELECT id, id_1, Ünit_price, select_, a_b FROM t_2026_order_list", "2026 order-list.csv")
    assert first == [["1", "2", "4", "5", "6"]]
    both = await rows(desk, "SELECT a.x, b.x FROM order_ a, order_2 b", "Order.csv", "order (2).csv")
    assert both == [["2", "1"]]


async def test_excel_sheets_dates_gaps_and_totals(desk: Desk) -> None:
    import datetime

    day = datetime.date(2026, 5, 1)
    book = workbook(
        {
            "Q1": [
                ["Quarterly sales"],
                ["Region", "Revenue", "Day"],
                ["North", 1.5, day],
                ["South", 2, day],
                [None, None, None],
            ],
            "Q2 (draft)": [["Region", "Revenue"], ["North", 7], ["007", "n/a"]],
            "empty": [],
        }
    )
    await desk.give("Book.xlsx", book)
    outcome = await desk.use("profile_table", file="Book.xlsx")
    assert "Table book_Q1 (Book.xlsx, sheet Q1): 2 rows, 3 columns." in outcome.output
    assert "Table book (Book.xlsx, sheet Q1): another name for book_Q1." in outcome.output
    assert (outcome.sources[0].page, outcome.sources[0].quote) == (1, "Region | Revenue | Day")
    assert await rows(desk, "SELECT sum(Revenue), max(Day) FROM book", "Book.xlsx") == [["3.5", "2026-05-01"]]
    draft = await rows(desk, "SELECT Region, Revenue FROM book_Q2_draft ORDER BY 1", "Book.xlsx")
    assert draft == [["007", ""], ["North", "7"]]


async def test_parquet(desk: Desk, tmp_path: Path) -> None:
    duckdb.sql("SELECT range AS n, range % 3 AS g FROM range(1000)").write_parquet(str(tmp_path / "x.parquet"))
    await desk.give("numbers.parquet", (tmp_path / "x.parquet").read_bytes())
    assert "1,000 rows, 2 columns" in await desk.ask("profile_table", file="numbers.parquet")
    assert await rows(desk, "SELECT sum(n) FROM numbers", "numbers.parquet") == [["499500"]]


async def test_the_content_decides_the_format_and_a_letter_is_no_table(desk: Desk) -> None:
    await desk.give("really-excel.csv", workbook({"S": [["a"], [5]]}))
    assert await rows(desk, "SELECT a FROM really_excel", "really-excel.csv") == [["5"]]
    await desk.give("letter.md", "Dear all,\n")
    assert "letter.md is not a table" in (await desk.use("profile_table", file="letter.md")).output
    for name, content in {"broken.xlsx": b"PK\x03\x04garbage", "broken.parquet": b"PAR1garbagePAR1"}.items():
        await desk.give(name, content)
        outcome = await desk.use("profile_table", file=name)
        assert outcome.status == "failed"
        assert "/dev/fd" not in outcome.output


async def test_many_rows_are_cut_and_it_is_said(desk: Desk) -> None:
    outcome = await desk.use("query_table", sql="SELECT * FROM range(5000)", files=["Sales 2026.csv"])
    assert "(The first 200 rows; there are more." in outcome.output
    assert "| 199 |" in outcome.output
    assert "| 200 |" not in outcome.output


async def test_values_that_would_break_the_markdown(desk: Desk) -> None:
    assert await desk.ask("query_table", sql="SELECT 'a|b' || chr(10) || 'c' AS x", files=["Sales 2026.csv"]) == (
        "| x |\n|---|\n| a\\|b c |\n(1 row)"
    )
    odd = "SELECT TIMESTAMPTZ '2026-01-01 10:00:00+00' AS t, [1, 2] AS l, NULL AS n, true AS b, 2::HUGEINT ** 100 AS h"
    assert (await rows(desk, odd, "Sales 2026.csv"))[0][1:4] == ["[1, 2]", "", "true"]
    assert (
        await desk.ask("query_table", sql="SELECT 1 AS x WHERE false", files=["Sales 2026.csv"])
        == "No rows. Columns: x."
    )


async def test_wrong_sql_comes_back_with_the_tables_there_are(desk: Desk) -> None:
    outcome = await desk.use("query_table", sql="SELECT revenue FROM sales_2026", files=["Sales 2026.csv"])
    assert outcome.status == "failed"
    assert "Tables: sales_2026 (region, Revenue_EUR, day)" in outcome.output
    assert "no file 'other.csv'" in (await desk.use("query_table", sql="SELECT 1", files=["other.csv"])).output


async def test_a_hundred_thousand_rows_are_profiled_quickly(desk: Desk) -> None:
    lines = (f"{i},region{i % 7},{i % 1000}.{i % 100:02d},2026-01-{1 + i % 28:02d}" for i in range(100_000))
    await desk.give("big.csv", "id,region,revenue,day\n" + "\n".join(lines))
    outcome = await desk.use("profile_table", file="big.csv")
    assert "100,000 rows" in outcome.output
    assert row_of(outcome.output, "region")[3] == "7"
    assert outcome.seconds < 30  # 0.5 s on an idle machine; the limit leaves room for a busy one


async def test_tables_at_the_same_time(desk: Desk) -> None:
    sums = await asyncio.gather(
        *(rows(desk, f"SELECT {n} + count(*) FROM sales_2026", "Sales 2026.csv") for n in range(5))
    )
    assert sums == [[[str(n + 4)]] for n in range(5)]
