"""Files made into DuckDB tables; runs in the worker's process, before external access is taken away."""

# ruff: noqa: S608  (whatever is put into SQL passes quoted() or literal())

from __future__ import annotations

import codecs
import csv
import io
import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import duckdb

from tools.table_dialect import Dialect, dialect_of, records_of
from tools.table_names import identifier, literal, quoted
from tools.table_sheets import Columns, read_sheets

# How people write numbers that DuckDB leaves as text; a currency sign may stand on either side.
_SIGN = r"^[-+]?\s?[$€£]?\s?"
_STYLES = {  # style: what a number looks like, what to drop from it, what to read as the decimal point
    "US": (_SIGN + r"(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s?[$€£]?$", r"[^0-9.-]", "."),
    "European": (_SIGN + r"(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s?[$€£]?$", r"[^0-9,-]", ","),
}
_CODE = r"^0\d"
_NOTHING = "('', '-', '–', '—', 'NA', 'N/A', 'n/a', 'NaN', 'null', 'NULL')"


class Problem(Exception):
    """Something an operator can act on, in words for them."""


def load(database: Any, file: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the tables of one open file: table, file, sheet, page, same_as, original (column names in the file), notes."""
    if file["format"] == "sheets":
        return _load_sheets(database, file)
    if file["format"] == "parquet":
        source = f"CREATE TABLE {quoted(file['table'])} AS SELECT * FROM read_parquet({_path(file['fd'])})"
        try:
            database.execute(source)
        except duckdb.InvalidInputException:
            raise Problem(f"{file['name']} is damaged: it cannot be read as Parquet.") from None
        return [_finished(database, file, file["table"])]
    delimiter = _load_text(database, file["fd"], file["table"], file["name"])
    made = _finished(database, file, file["table"])
    return [made | {"notes": _numbers_from_text(database, file["table"], european_first=delimiter == ";")}]


def _finished(database: Any, file: dict[str, Any], table: str) -> dict[str, Any]:
    made = {"table": table, "file": file["name"], "sheet": "", "page": None, "header": "", "same_as": "", "notes": []}
    return made | {"original": _rename(database, table)}


def _load_text(database: Any, fd: int, table: str, name: str) -> str:
    """Read a text table; where DuckDB refuses its rows or does not bring all of them, even them out first.

    Returns the delimiter.
    """
    with _from_start(fd) as raw, _in_utf8(raw) as text:
        layout = dialect_of(_beginning(text))
        try:
            records, width = _measure(text, layout)
            if not records:
                raise Problem(f"{name} has no rows.")
            if not _read_csv(database, table, text, layout, records):
                with _evened(text, layout, width) as even:
                    if not _read_csv(database, table, even, Dialect(",", 0, layout.header), records):
                        raise Problem(f"{name} cannot be read as a table: its rows do not fit together.")
        except csv.Error as error:
            raise Problem(f"{name} cannot be read as a table: {error}.") from None
    return layout.delimiter


def _read_csv(database: Any, table: str, text: BinaryIO, layout: Dialect, records: int) -> bool:
    """Read a CSV file whose layout is known, types found in all of it; False unless every record became a row."""
    os.lseek(text.fileno(), 0, os.SEEK_SET)  # where /dev/fd shares its place with us (macOS)
    options = f"delim={literal(layout.delimiter)}, skip={layout.skip}, header={str(layout.header).lower()}"
    source = f"SELECT * FROM read_csv({_path(text.fileno())}, sample_size=-1, quote='\"', escape='\"', {options})"
    try:
        database.execute(f"CREATE OR REPLACE TABLE {quoted(table)} AS {source}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return False
    (rows,) = database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    return bool(rows == records - layout.header)


def _measure(text: BinaryIO, layout: Dialect) -> tuple[int, int]:
    """Count the records, the header with them, and the cells of the widest."""
    records = width = 0
    for record in records_of(_lines(text), layout):
        records += 1
        width = max(width, len(record))
    return records, width


def _evened(text: BinaryIO, layout: Dialect, width: int) -> BinaryIO:
    """Copy a table with every row as wide as the widest and without empty lines; the caller closes it."""
    copy = tempfile.TemporaryFile("w+", newline="", encoding="utf-8")  # noqa: SIM115
    writer = csv.writer(copy)
    for number, record in enumerate(records_of(_lines(text), layout)):
        filling = [f"column{i}" if layout.header and not number else "" for i in range(len(record) + 1, width + 1)]
        writer.writerow([*record, *filling])
    copy.flush()
    return cast(BinaryIO, copy)


def _lines(text: BinaryIO) -> Iterator[str]:
    text.seek(0)
    return (line.decode().removeprefix("\ufeff") if not number else line.decode() for number, line in enumerate(text))


def _beginning(text: BinaryIO) -> str:
    return codecs.getincrementaldecoder("utf-8-sig")().decode(text.read(262_144))


def _path(fd: int) -> str:
    # Written into the SQL and not bound: for a bound value DuckDB imports pandas, which takes 0.2 s.
    return literal(f"/dev/fd/{fd}")


def _from_start(fd: int) -> BinaryIO:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.fdopen(os.dup(fd), "rb")


def _in_utf8(raw: BinaryIO) -> BinaryIO:
    """Give the file itself, or a copy in UTF-8 of a text that is in another encoding."""
    wide = raw.read(4).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    raw.seek(0)
    if not wide and _is_utf8(raw):
        return _from_start(raw.fileno())
    copy = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
    for line in io.TextIOWrapper(raw, "utf-16" if wide else "cp1252", errors="replace", newline=""):
        copy.write(line.encode())
    copy.flush()
    copy.seek(0)
    return copy


def _is_utf8(raw: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := raw.read(1 << 20):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        raw.seek(0)
    return True


def _load_sheets(database: Any, file: dict[str, Any]) -> list[dict[str, Any]]:
    """Make a table of every sheet with rows (stem_sheet), and name the first one by the stem alone too."""
    taken = {file["table"].lower()}
    made: list[dict[str, Any]] = []
    with _from_start(file["fd"]) as opened:
        for sheet in read_sheets(opened):
            table = identifier(f"{file['table']}_{sheet.title}", taken)
            with sheet.rows as rows:
                _create(database, table, sheet.columns, rows.fileno())
            place = {"sheet": sheet.title, "page": sheet.number, "header": sheet.header}
            finished = _finished(database, file, table) | place
            made.append(finished | {"notes": _numbers_from_text(database, table, european_first=False)})
    if not made:
        raise Problem(f"{file['name']} has no sheet with rows.")
    database.execute(f"CREATE VIEW {quoted(file['table'])} AS FROM {quoted(made[0]['table'])}")
    return [*made, made[0] | {"table": file["table"], "same_as": made[0]["table"]}]


def _create(database: Any, table: str, columns: Columns, fd: int) -> None:
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    options = f"auto_detect=false, header=false, delim=',', quote='\"', escape='\"', columns={{{types}}}"
    database.execute(f"CREATE TABLE {quoted(table)} AS SELECT * FROM read_csv({_path(fd)}, {options})")


def _rename(database: Any, table: str) -> list[str]:
    """Rename columns so that SQL can name them without quotes; returns their original names."""
    originals = [row[0] for row in database.execute(f"DESCRIBE {quoted(table)}").fetchall()]
    taken: set[str] = set()
    for original in originals:
        if (better := identifier(original, taken)) != original:
            database.execute(f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(original)} TO {quoted(better)}")
    return originals


def _numbers_from_text(database: Any, table: str, *, european_first: bool) -> list[str]:
    """Turn text columns that hold nothing but written numbers ("1,234.50", "1.234,50 €") into numbers, and say so."""
    notes = []
    for name, kind, *_ in database.execute(f"DESCRIBE {quoted(table)}").fetchall():
        if kind == "VARCHAR" and (style := _style(database, table, name, european_first=european_first)):
            column, (_, strange, swap) = quoted(name), _STYLES[style]
            number = f"replace(regexp_replace({column}, {literal(strange)}, '', 'g'), {literal(swap)}, '.')"
            using = f"CASE WHEN trim({column}) IN {_NOTHING} THEN NULL ELSE CAST({number} AS DOUBLE) END"
            database.execute(f"ALTER TABLE {quoted(table)} ALTER {column} TYPE DOUBLE USING {using}")
            notes.append(f"{name}: {style} style numbers written as text, read as numbers")
    return notes


def _style(database: Any, table: str, name: str, *, european_first: bool) -> str:
    """Tell how a text column writes its numbers; "" if it is not all numbers, or holds codes such as 007."""
    column = f"trim({quoted(name)})"
    tests = [f"bool_and(regexp_matches({column}, {literal(pattern)}))" for pattern, *_ in _STYLES.values()]
    code = f"bool_or(regexp_matches({column}, {literal(_CODE)}))"
    asked = f"SELECT {', '.join(tests)}, {code} FROM {quoted(table)} WHERE {column} NOT IN {_NOTHING}"
    *fits, is_code = database.execute(asked).fetchone()
    styles = [style for style, fit in zip(_STYLES, fits, strict=True) if fit and not is_code]
    return styles[-1 if european_first else 0] if styles else ""
