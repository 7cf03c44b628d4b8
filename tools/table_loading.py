"""Files made into DuckDB tables; runs in the worker's process, before external access is taken away."""

# ruff: noqa: S608  (names pass quoted() and literal(); values are bound)

from __future__ import annotations

import codecs
import io
import os
import tempfile
from typing import Any, BinaryIO

import duckdb

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
        source = f"CREATE TABLE {quoted(file['table'])} AS SELECT * FROM read_parquet(?)"
        database.execute(source, [f"/dev/fd/{file['fd']}"])
        return [_finished(database, file, file["table"])]
    delimiter = _load_text(database, file["fd"], file["table"], file["name"])
    made = _finished(database, file, file["table"])
    return [made | {"notes": _numbers_from_text(database, file["table"], european_first=delimiter == ";")}]


def _finished(database: Any, file: dict[str, Any], table: str) -> dict[str, Any]:
    made = {"table": table, "file": file["name"], "sheet": "", "page": None, "header": "", "same_as": "", "notes": []}
    return made | {"original": _rename(database, table)}


def _load_text(database: Any, fd: int, table: str, name: str) -> str:
    """Let DuckDB find delimiter, header and types in the whole file; if that fails, be more lenient step by step.

    Returns the delimiter that the first line speaks for.
    """
    with _from_start(fd) as raw, _in_utf8(raw) as text:
        delimiter = _delimiter(text)
        lenient = f", delim={literal(delimiter)}, strict_mode=false, null_padding=true"
        attempts = ("", lenient, f"{lenient}, all_varchar=true, header=true")
        for number, options in enumerate(attempts, 1):
            os.lseek(text.fileno(), 0, os.SEEK_SET)  # where /dev/fd shares its place with us (macOS)
            source = f"SELECT * FROM read_csv(?, sample_size=-1{options})"
            try:
                database.execute(f"CREATE OR REPLACE TABLE {quoted(table)} AS {source}", [f"/dev/fd/{text.fileno()}"])
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                if number == len(attempts):
                    raise Problem(f"{name} cannot be read as a table: {str(error).splitlines()[0][:300]}") from None
            else:
                if number > 1 or not _looks_unsplit(database, table):
                    break
    return delimiter


def _from_start(fd: int) -> BinaryIO:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.fdopen(os.dup(fd), "rb")


def _looks_unsplit(database: Any, table: str) -> bool:
    """Say whether DuckDB gave up on rows of unequal length and took whole lines as the one column."""
    columns = [row[0] for row in database.execute(f"DESCRIBE {quoted(table)}").fetchall()]
    return len(columns) == 1 and any(delimiter in columns[0] for delimiter in ",;\t|")


def _delimiter(text: BinaryIO) -> str:
    first = next((line for line in text.read(65_536).decode(errors="replace").splitlines() if line.strip()), "")
    return max(",;\t|", key=first.count)


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
    database.execute(f"CREATE TABLE {quoted(table)} AS SELECT * FROM read_csv(?, {options})", [f"/dev/fd/{fd}"])


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
