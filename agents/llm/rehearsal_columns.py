"""Which columns of a table a goal means: by their names, by common other names for the same thing, by their types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.llm.rehearsal_words import content_words, stem

_SAME = (
    "revenue sale turnover amount income proceed",
    "cost expense spend expenditure",
    "quantity unit qty volume piece",
    "region area territory zone",
    "country nation",
    "product item article sku",
    "customer client buyer account",
    "employee staff person rep seller salesperson",
    "category type kind class segment",
    "profit margin earning gain",
    "price rate",
)
_OTHER_NAMES = {word: frozenset(group.split()) for group in _SAME for word in group.split()}
_COMMON = """
total sum average mean median count number max maximum min minimum highest lowest biggest largest smallest greatest best worst
top least most change growth trend difference increase decrease drop decline rise fall over time overall between consecutive
period day week month quarter year monthly yearly quarterly weekly daily per each table sheet column row value data compute
calculate sort sorted rank ranking compare distinct different there order record entry statistic percent percentage
development give get make see
"""
_GENERIC = frozenset(stem(w) for w in _COMMON.split())
_PERIODS = ("day", "week", "month", "quarter", "year")
_PERIOD_NAME = re.compile(
    r"(?:^|_)(?:date|day|week|month|quarter|year|period|time|timestamp|datum)(?:_|$)", re.IGNORECASE
)
_ID = re.compile(r"(?:^|_)(?:id|no|nr|number|key|code|index|zip|phone)$", re.IGNORECASE)
_NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL", "NUMERIC")


@dataclass(frozen=True)
class Column:
    """One column as the profile describes it; `kind` is its SQL type."""

    name: str
    kind: str

    @property
    def is_date(self) -> bool:
        return self.kind.upper().startswith(("DATE", "TIMESTAMP"))

    @property
    def is_period(self) -> bool:
        return self.is_date or bool(_PERIOD_NAME.search(self.name))

    @property
    def is_number(self) -> bool:
        """Say whether it holds amounts: numbers that are neither a period nor a mere name."""
        return any(n in self.kind.upper() for n in _NUMERIC) and not self.is_period and not _ID.search(self.name)

    @property
    def words(self) -> frozenset[str]:
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name)
        return frozenset(stem(w) for w in re.findall(r"[^\W\d_]+", spaced.lower()))

    @property
    def sql(self) -> str:
        return f'"{self.name.replace(chr(34), chr(34) * 2)}"'


def words_of(text: str) -> list[str]:
    return [stem(w) for w in re.findall(r"[^\W\d_]+", text.lower())]


def without_files(goal: str) -> str:
    """Leave out the names of files: sales.csv is not about the column of sales."""
    return re.sub(r"\(in [^()]*\)\s*$|\b[\w-]+\.[a-z]\w{1,7}\b", " ", goal)


def named_in(text: str, columns: Iterable[Column]) -> Column | None:
    """Find the column a text names, by its own name first, else by another name for the same thing."""
    spoken = words_of(text)
    for near in (lambda w: {w}, lambda w: _OTHER_NAMES.get(w, frozenset())):
        fits = [
            (sum(1 for w in spoken if near(w) & c.words), -min(i for i, w in enumerate(spoken) if near(w) & c.words), c)
            for c in columns
            if any(near(w) & c.words for w in spoken)
        ]
        if fits:
            return max(fits, key=lambda f: f[:2])[2]
    return None


def unmatched(goal: str, columns: Sequence[Column]) -> list[str]:
    """List the words of a goal that say something and that no column goes by."""
    known = {w for c in columns for name in c.words for w in (name, *_OTHER_NAMES.get(name, ()))}
    spoken = re.findall(r"[^\W\d_]+", without_files(goal).lower())
    return [w for w in spoken if content_words(w) and stem(w) not in known and stem(w) not in _GENERIC]


def measure_in(texts: Sequence[str], columns: Sequence[Column], *, guess: bool = True) -> str:
    """Write the amount that is meant as SQL ("" if it cannot be told): a column, or quantity times price as revenue.

    The first text that names one decides; if none does, `guess` takes the only column of amounts there is.
    """
    numbers = [c for c in columns if c.is_number]
    for text in texts:
        if column := named_in(text, numbers):
            asked = _OTHER_NAMES["revenue"] & set(words_of(text)) and not _OTHER_NAMES["revenue"] & column.words
            if product := _revenue(numbers) if asked else "":
                return product
            return column.sql
        if _OTHER_NAMES["revenue"] & set(words_of(text)) and (product := _revenue(numbers)):
            return product
    return numbers[0].sql if guess and len(numbers) == 1 else ""


def _revenue(numbers: Sequence[Column]) -> str:
    quantity, price = named_in("quantity", numbers), named_in("price", numbers)
    return f"{quantity.sql} * {price.sql}" if quantity and price and quantity != price else ""


def group_in(text: str, columns: Sequence[Column]) -> Column | None:
    """Find what a text wants to be told apart: the column after "per" or "by", else a category that it names."""
    categories = [c for c in columns if not c.is_number and not c.is_period]
    for found in re.finditer(
        r"\b(?:per|by|for each|in each|each|every|which|what)\s+(\w+(?:\s\w+)?)", text, re.IGNORECASE
    ):
        if column := named_in(found[1].split()[0], categories) or named_in(found[1], categories):
            return column
    return named_in(text, categories)


def period_in(text: str) -> str:
    """Read which period a text names (day, week, month, quarter or year; "" if none)."""
    spoken = set(words_of(text)) | {w.removesuffix("ly") for w in words_of(text)}
    return next((p for p in _PERIODS if p in spoken), "")


def time_column(columns: Sequence[Column]) -> Column | None:
    """Choose the column that orders the rows in time: a date, else one named like a period."""
    periods = [c for c in columns if c.is_period]
    return next((c for c in periods if c.is_date), periods[0] if periods else None)
