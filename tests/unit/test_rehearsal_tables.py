"""The rehearsal model computes what a table holds, by SQL on a real one, and nothing that it does not hold."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from rehearsal_fixtures import ACCEPTANCE, Work

from core.decisions import Finish


class Sales:
    """A table in memory, described and queried in the form of the table tools."""

    def __init__(self, columns: str, *rows: tuple[Any, ...]) -> None:
        self.database = duckdb.connect(":memory:")
        self.database.execute(f"CREATE TABLE sales ({columns})")
        self.database.executemany(f"INSERT INTO sales VALUES ({', '.join('?' * len(rows[0]))})", rows)
        self.rows = len(rows)

    def profile(self) -> str:
        described = self.database.execute("DESCRIBE sales").fetchall()
        lines = [f"| {name} | {kind} | 0 | 2 | a | b |  |" for name, kind, *_ in described]
        head = f"Table sales (sales.csv): {self.rows} rows, {len(lines)} columns."
        first = "First rows:\n| x | y |\n|---|---|\n| 1 | DOUBLE |"
        return "\n".join(
            [head, "| column | type | empty | distinct | min | max | mean |", "|" + "---|" * 7, *lines, first]
        )

    def query(self, sql: str) -> str:
        cursor = self.database.execute(sql)
        names, rows = [c[0] for c in cursor.description], cursor.fetchall()
        if not rows:
            return f"No rows. Columns: {', '.join(names)}."
        head, *lines = ["| " + " | ".join(map(str, line)) + " |" for line in [names, *rows]]
        return "\n".join([head, "|" + "---|" * len(names), *lines, f"({len(rows)} rows)"])

    async def ask(self, goal: str, part_of: str = ACCEPTANCE) -> Finish:
        work = Work(goal, "sales.csv", part_of=part_of)
        decision = await work.next()
        assert decision == ("profile_table", {"file": "sales.csv"})
        decision = await work.next(self.profile())
        while not isinstance(decision, Finish):
            name, arguments = decision
            assert (name, arguments["files"]) == ("query_table", ["sales.csv"])
            decision = await work.next(self.query(arguments["sql"]))
        return decision


BY_DAY = Sales(
    "order_date DATE, region VARCHAR, product VARCHAR, units INTEGER, revenue DECIMAL(10,2)",
    ("2024-01-05", "North", "Lamp", 10, 100), ("2024-01-20", "North", "Chair", 10, 50.5), ("2024-02-05", "North", "Lamp", 1, 120),
    ("2024-01-15", "South", "Lamp", 10, 20), ("2024-02-15", "South", "Chair", 10, 220), ("2024-03-15", "South", "Chair", 5, 190),
)  # fmt: skip
BY_MONTH_NAME = Sales(
    "month VARCHAR, area VARCHAR, units INTEGER, price DOUBLE",
    ("January", "East", 2, 10), ("February", "East", 9, 10), ("March", "East", 1, 10), ("April", "East", 2, 10),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "goal", "rows"),
    [
        (BY_DAY, "Total revenue per region (in sales.csv)", ["| South | 430.00 |", "| North | 270.50 |"]),
        (BY_DAY, "Average revenue by product", ["| Chair | 153.5 |", "| Lamp | 80.0 |"]),
        (BY_DAY, "The biggest change (in sales.csv)", ["| South | 2024-01 | 2024-02 | 20.00 | 220.00 | 200.00 | 1000.0 |"]),
        (BY_DAY, "The biggest drop in revenue per region", ["| North | 2024-01 | 2024-02 | 150.50 | 120.00 | -30.50 | -20.3 |"]),
        (BY_DAY, "Revenue per month", ["| 2024-01 | 170.50 |", "| 2024-02 | 340.00 |", "| 2024-03 | 190.00 |"]),
        (BY_DAY, "How many products are there?", ["| 2 | 6 |"]),
        (BY_DAY, "Number of orders", ["| 6 |"]),
        (BY_DAY, "Which region has the lowest revenue?", ["| North | 270.50 |", "| South | 430.00 |"]),
        (BY_DAY, "Total units", ["| 46 | 6 |"]),
        (BY_MONTH_NAME, "Total revenue per region", ["| East | 140.0 |"]),
        (BY_MONTH_NAME, "The biggest change", ["| East | February | March | 90.0 | 10.0 | -80.0 | -88.9 |"]),
    ],
)  # fmt: skip
async def test_tables_are_computed_by_sql(table: Sales, goal: str, rows: list[str]) -> None:
    end = await table.ask(goal)
    assert end.status == "completed", end
    found = [line for line in end.result.splitlines() if line.startswith("| ")][1:]
    assert found[: len(rows)] == rows
    assert "[sales.csv]" in end.result


async def test_months_too_coarse_to_compare_are_taken_by_day() -> None:
    table = Sales("day DATE, revenue DOUBLE", ("2024-01-01", 1), ("2024-01-02", 5), ("2024-01-03", 6))
    assert "| 2024-01-01 | 2024-01-02 | 1.0 | 5.0 | 4.0 | 400.0 |" in (await table.ask("The biggest change")).result


@pytest.mark.parametrize("goal", ["Total profit", "Total revenue per shop", "The weather"])
async def test_what_the_columns_do_not_hold_is_not_computed(goal: str) -> None:
    end = await BY_DAY.ask(goal)
    assert end.status == "failed"
    assert "order_date, region, product, units, revenue" in end.summary


async def test_words_that_no_column_goes_by_are_named() -> None:
    end = await BY_DAY.ask("Total revenue per region for Atlantis")
    assert "Not taken into account, as no column goes by it: atlantis." in end.result


async def test_an_overview_of_a_table_is_its_profile() -> None:
    end = await BY_DAY.ask("Summarise each file (in sales.csv)")
    assert "| revenue | DECIMAL(10,2) |" in end.result
    assert "6 rows" in end.result
