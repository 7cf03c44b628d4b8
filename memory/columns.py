"""What the tables are made of: their own column types, and the keys most of them have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Column, ForeignKey, MetaData, String, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A point in time, kept as ISO 8601 text in UTC, which sorts and reads the same everywhere."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Money(TypeDecorator[Decimal]):
    """US dollars, kept as exact decimal text; None is an unknown price."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


SQLITE = sqlite.dialect()
"""For statements turned into text once, where a parameter's way through SQLAlchemy would cost more than SQLite itself."""

WAITS = text("embedded_by = ''")
"""Matches the passages without a vector, in the very words of the index that finds them."""

metadata = MetaData()


def id_column(name: str = "id") -> Column[str]:
    return Column(name, String(64), primary_key=True)


def reference(name: str, target: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(64), ForeignKey(target, ondelete="CASCADE"), nullable=nullable)
