"""Imports point down, and each library lives in its one place."""

from __future__ import annotations

import sys
from fnmatch import fnmatch

import pytest
from house import PACKAGES, Source, expect_none, house, imports, requirements

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "memory": {"core"},
    "tools": {"core"},
    "agents": {"core"},
    "graphs": {"agents", "tools", "memory", "core"},
    "api": {"graphs", "agents", "tools", "memory", "core"},
    "chat": {"api", "graphs", "agents", "tools", "memory", "core"},
}

HOMES: dict[str, tuple[str, ...]] = {
    "chainlit": ("chat/*",),
    "socketio": ("chat/*",),
    "engineio": ("chat/*",),
    "jwt": ("chat/*",),
    "fastapi": ("api/*", "chat/server.py"),
    "starlette": ("api/*", "chat/server.py"),
    "authlib": ("api/oidc_provider.py",),
    "joserfc": ("api/oidc_provider.py",),
    "segno": ("api/second_factor_pages.py",),
    "pyotp": ("memory/second_factors.py",),
    "uvicorn": ("chat/server.py", "chat/terminal.py"),
    "markdown_it": ("api/safe_markdown.py", "tools/making_text.py"),
    "typer": ("chat/terminal*.py",),
    "langgraph": ("graphs/*", "memory/checkpoints*.py"),
    "langchain_core": ("agents/*", "graphs/*", "memory/checkpoints*.py"),
    "sqlalchemy": ("memory/*",),
    "aiosqlite": ("memory/*",),
    "psycopg": ("memory/*",),
    "psycopg_pool": ("memory/checkpoints*.py",),
    "numpy": ("memory/*",),
    "alembic": ("memory/*",),
    "chromadb": ("memory/*",),
    "wordllama": ("memory/*",),
    "pypdf": ("memory/*",),
    "markitdown": ("memory/*",),
    "pwdlib": ("memory/*",),
    "cryptography": ("memory/sealing.py",),
    "openai": ("agents/llm/*",),
    "anthropic": ("agents/llm/*",),
    "genai_prices": ("agents/llm/*",),
    "bs4": ("tools/page_text.py",),
    "ddgs": ("tools/search_ddgs.py",),
    "lxml": ("tools/page_text.py",),
    "markdownify": ("tools/page_text.py",),
    "httpcore": ("tools/connecting.py", "tools/safefetch.py"),
    "idna": ("tools/addresses.py",),
    "httpx": (
        "agents/llm/*",
        "memory/embeddings.py",
        "api/oidc_fetch.py",
        "chat/terminal_remote.py",
        "chat/terminal_there.py",
        "chat/terminal_errands.py",
        "chat/terminal_sending.py",
    ),
    "yaml": ("agents/*",),
    "cronsim": ("graphs/timetable*.py",),
    "dotenv": ("core/settings.py",),
    "docx": ("tools/making_docx.py",),
    "pptx": ("tools/making_slides.py",),
    "reportlab": ("tools/making_pdf.py",),
    "matplotlib": ("tools/making_charts.py",),
    "openpyxl": ("tools/making_sheets.py",),
    "PIL": ("tools/making_pictures.py",),
    "duckdb": ("tools/*",),
    **dict.fromkeys(
        ("tree_sitter", "tree_sitter_go", "tree_sitter_java", "tree_sitter_javascript"), ("tools/code_trees.py",)
    ),
    **dict.fromkeys(("tree_sitter_rust", "tree_sitter_typescript"), ("tools/code_trees.py",)),
    "pydantic_monty": ("tools/expressions.py",),
    "pandas": ("tools/*",),
    "python_calamine": ("tools/*", "memory/*"),
    "mcp": ("tools/*",),
    "langchain_mcp_adapters": ("tools/*",),
    "dbos": ("graphs/dispatch_distributed.py",),
}
ANYWHERE = {"pydantic", "pydantic_core", "orjson"}

ENTRY = "chat.app"
SUPPLIED_BY = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "docx": "python-docx",
    "pptx": "python-pptx",
    "dotenv": "python-dotenv",
    "genai_prices": "genai-prices",
    "joserfc": "authlib",
    "jwt": "chainlit",
    "markdown_it": "markdown-it-py",
    "langchain_core": "langchain-core",
    "numpy": "chromadb",
    "psycopg_pool": "langgraph-checkpoint-postgres",
    "pydantic_core": "pydantic",
    "python_calamine": "python-calamine",
    "starlette": "fastapi",
    "socketio": "chainlit",
    "yaml": "pyyaml",
}


def wrong_directions(source: Source) -> list[str]:
    allowed = MAY_IMPORT[source.package] | {source.package}
    ours = [i for i in imports(source) if i.top in PACKAGES]
    return [f"{source.path}:{i.line} imports {i.module}" for i in ours if i.top not in allowed]


def strays(source: Source) -> list[str]:
    """Find libraries outside their place, and libraries that have none yet."""
    found = []
    for i in imports(source):
        if i.top in PACKAGES or i.top in sys.stdlib_module_names or i.top in ANYWHERE:
            continue
        homes = HOMES.get(i.top)
        if homes is None:
            found.append(f"{source.path}:{i.line} imports {i.top}, which has no place in HOMES yet")
        elif not any(fnmatch(source.path, home) for home in homes):
            found.append(f"{source.path}:{i.line} imports {i.top}, which belongs in {' or '.join(homes)}")
    return found


def undeclared(source: Source) -> list[str]:
    """Find third-party imports that pyproject.toml does not ask for itself."""
    declared = set(requirements())
    third = (i for i in imports(source) if i.top not in PACKAGES and i.top not in sys.stdlib_module_names)
    return [
        f"{source.path}:{i.line} imports {i.top}, which pyproject.toml does not name"
        for i in third
        if SUPPLIED_BY.get(i.top, i.top.replace("_", "-")) not in declared
    ]


def entry_imports(source: Source) -> list[str]:
    named = ((i.line, i.module, f"{i.module}.{i.name}") for i in imports(source))
    return [f"{source.path}:{line}" for line, module, full in named if ENTRY in (module, full)]


@pytest.mark.parametrize("rule", [wrong_directions, strays, undeclared, entry_imports])
def test_the_house_keeps_the_rule(rule):
    expect_none(problem for source in house() for problem in rule(source))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("core/missions.py", "from memory.database import Database"),
        ("core/missions.py", "import agents"),
        ("tools/files.py", "from memory.blobs import Blobs"),
        ("memory/index.py", "from tools.files import read"),
        ("agents/reviewer.py", "from memory import journal"),
        ("agents/llm/router.py", "from tools.toolbox import GatedToolbox"),
        ("graphs/office.py", "from api.app import app"),
        ("api/app.py", "def f():\n    from chat.server import serve"),
        ("agents/llm/router.py", "from ...memory import embeddings"),
    ],
)
def test_an_import_that_points_up_or_sideways_is_found(path, line):
    assert wrong_directions(Source(path, line + "\n"))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("chat/app.py", "from graphs.office import Office"),
        ("graphs/office.py", "import memory.database, tools.toolbox, agents"),
        ("agents/llm/router.py", "from ..prompting import Prompts"),
        ("memory/index.py", "from core.ports import Embedder"),
    ],
)
def test_an_import_that_points_down_is_allowed(path, line):
    assert wrong_directions(Source(path, line + "\n")) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("graphs/office.py", "import chainlit as cl"),
        ("agents/chief_of_staff.py", "from langgraph.graph import StateGraph"),
        ("agents/chief_of_staff.py", "import openai"),
        ("memory/journal.py", "from langgraph.checkpoint.base import BaseCheckpointSaver"),
        ("tools/recall.py", "import chromadb.config"),
        ("chat/rendering.py", "from fastapi import FastAPI"),
        ("graphs/dispatch.py", "from dbos import DBOS"),
        ("tools/web.py", "import a_library_nobody_has_placed"),
    ],
)
def test_a_library_outside_its_place_is_found(path, line):
    assert strays(Source(path, line + "\n"))


def test_a_library_in_its_place_is_allowed():
    assert strays(Source("memory/checkpoints.py", "from langgraph.checkpoint.base import BaseCheckpointSaver\n")) == []


def test_a_library_that_only_came_along_is_found():
    assert undeclared(Source("tools/web.py", "import requests\n"))


@pytest.mark.parametrize(
    "line", ["import chat.app", "from chat import app", "from chat.app import start", "from . import app"]
)
def test_importing_the_entry_file_is_found(line):
    assert entry_imports(Source("chat/rendering.py", line + "\n"))
