"""Small by budget: files and functions."""

from __future__ import annotations

import ast

import pytest
from house import PACKAGES, ROOT, Source, expect_none, house, sources

LONGEST_FILE, USUAL_FILE, USUAL_SHARE = 300, 220, 0.9
LONGEST_FUNCTION = 50
CORE_MODULES = 12  # docs/adr/0011-core-has-twelve-modules.md


def long_files(files: tuple[Source, ...]) -> list[str]:
    return [f"{s.path}: {s.lines} lines" for s in files if s.lines > LONGEST_FILE]


def share_of_usual_files(files: tuple[Source, ...]) -> float:
    """Say which part of the files stays under the usual size; near-empty files do not count."""
    counted = [s.lines for s in files if s.lines > 5]
    return sum(lines < USUAL_FILE for lines in counted) / len(counted)


def long_functions(source: Source) -> list[str]:
    functions = (n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    sizes = ((f.name, f.lineno, (f.end_lineno or f.lineno) - f.lineno + 1) for f in functions)
    return [f"{source.path}:{line} {name}: {size} lines" for name, line, size in sizes if size > LONGEST_FUNCTION]


def written() -> tuple[Source, ...]:
    return house() + sources("tests", "bench", "docs")


def test_no_file_is_too_long():
    expect_none(long_files(written()))


def test_nearly_all_files_are_short():
    longer = [f"{s.path}: {s.lines} lines" for s in house() if s.lines >= USUAL_FILE]
    expect_none(
        [] if share_of_usual_files(house()) >= USUAL_SHARE else longer, "files are not short, that is more than a tenth"
    )


def test_no_function_is_too_long():
    # A migration is one list of statements in order; cutting it up would hide the order.
    files = [s for s in written() if "/migrations/versions/" not in s.path]
    expect_none(problem for source in files for problem in long_functions(source))


def test_core_stays_small():
    assert len([p for p in (ROOT / "core").glob("*.py") if p.name != "__init__.py"]) <= CORE_MODULES
    assert [p.name for p in (ROOT / "core").iterdir() if p.is_dir() and p.name != "__pycache__"] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_for(package):
    [source] = [s for s in sources(package) if s.path == f"{package}/__init__.py"]
    assert ast.get_docstring(source.tree)


def test_a_long_file_is_found():
    assert long_files((Source("core/x.py", "x = 1\n" * 301),))
    assert not long_files((Source("core/x.py", "x = 1\n" * 300),))


def test_too_many_middling_files_are_found():
    files = tuple(Source(f"core/x{n}.py", "x = 1\n" * (250 if n < 2 else 100)) for n in range(10))
    assert share_of_usual_files(files) < USUAL_SHARE


def test_a_long_function_is_found():
    body = "    x = 1\n" * 50
    assert long_functions(Source("core/x.py", f"def f():\n{body}"))
    assert long_functions(Source("core/x.py", f"class C:\n    async def f(self):\n{body.replace('    ', '        ')}"))
    assert not long_functions(Source("core/x.py", "def f():\n" + "    x = 1\n" * 49))
