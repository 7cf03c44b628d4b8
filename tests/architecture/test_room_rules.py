"""What strangers wrote is taken apart by programs of our own in rooms (docs/security.md), never by the application itself."""

from __future__ import annotations

import ast
from pathlib import Path

from tools.sandbox.interpreter import PROGRAMS, WORKING, _sources

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "memory", "tools", "agents", "graphs", "api", "chat")
PARSERS = {
    "PIL", "bs4", "docx", "duckdb", "html5lib", "lxml", "markdownify", "markitdown", "matplotlib", "openpyxl", "pandas", "pptx",
    "pypdf", "python_calamine", "reportlab", "tarfile", "tree_sitter", "zipfile",
}  # fmt: skip
OURS_ONLY = {
    "api/zip_stream.py": "writes archives; it opens none",
    "graphs/import_reading.py": "exports that their owner brings back: a strict form, read by limits (docs/security.md says so)",
    "tools/archives.py": "packs archives, of files as they are; it opens none",
}
"""Files of the application that use such a library, and why nothing of a stranger is taken apart there."""
CONFINED = {
    "tools/apart.py": "where there is no room",
    "tools/archives.py": "where there is no room",
    "tools/code_tools.py": "where there is no room",
    "tools/looking.py": "where there is no room",
    "tools/search_services.py": "the search library needs a network, which no room has",
}
"""Who runs a program in a process that is merely confined, and when."""


def sources() -> dict[str, ast.Module]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in found}


def imported(tree: ast.Module) -> set[str]:
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_what_takes_files_apart_runs_in_rooms_only():
    rooms = {path.relative_to(ROOT).as_posix() for path in _sources((*PROGRAMS, *WORKING))}
    users = {
        name
        for name, tree in sources().items()
        if {
            module.partition(".")[0].replace("tree_sitter_", "tree_sitter ").split()[0]
            for module in imported(tree)
            if module
        }
        & PARSERS
    }
    assert "tools/table_worker.py" in users, "else this finds nothing"
    assert users - rooms == set(OURS_ONLY)


def test_nobody_else_runs_programs_outside_of_rooms():
    callers = {name for name, tree in sources().items() if "tools.confined" in imported(tree)}
    uses = {name for name in callers if "run_confined" in (ROOT / name).read_text(encoding="utf-8")}
    assert uses == set(CONFINED)
