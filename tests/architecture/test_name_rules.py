"""Names: no module is mistaken for another, and our packages are ours."""

from __future__ import annotations

import ast
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from house import PACKAGES, ROOT, Source, expect_none, house, requirements

VAGUE_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
IMPORT_NAMES = {"pyyaml": "yaml", "python-dotenv": "dotenv", "python-calamine": "python_calamine"}


def taken_names() -> set[str]:
    """Name what an import could mean already: our packages, our dependencies, and Python's own modules."""
    libraries = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in requirements() + requirements("dev")}
    return libraries | {"starlette", "langchain", "mcp"} | set(PACKAGES) | set(sys.stdlib_module_names)


def confusing_names(source: Source) -> list[str]:
    """Find modules (and folders of modules) named like a package, a dependency or nothing in particular."""
    parts = source.path.removesuffix(".py").split("/")[1:]
    taken = taken_names() | VAGUE_MODULES
    return [f"{source.path}: {part}" for part in parts if part in taken]


def vague_classes(source: Source) -> list[str]:
    classes = (n for n in ast.walk(source.tree) if isinstance(n, ast.ClassDef))
    vague = re.compile(r"(Manager|Helper|Util|Utils)$")
    return [f"{source.path}:{c.lineno} {c.name}" for c in classes if vague.search(c.name)]


def test_no_module_can_be_mistaken_for_another():
    expect_none(problem for source in house() for problem in confusing_names(source))


def test_no_class_attracts_everything():
    expect_none(problem for source in house() for problem in vague_classes(source))


@pytest.mark.parametrize("package", PACKAGES)
def test_our_packages_are_our_folders(package):
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == ROOT / package / "__init__.py"


def test_no_test_file_shares_its_name_with_another():
    names = [p.name for p in (ROOT / "tests").rglob("*.py") if p.name != "__init__.py"]
    assert sorted({n for n in names if names.count(n) > 1 and n != "conftest.py"}) == []


@pytest.mark.parametrize(
    "path",
    [
        "agents/openai.py",
        "chat/chainlit.py",
        "tools/yaml.py",
        "graphs/memory.py",
        "core/json.py",
        "agents/llm/utils.py",
    ],
)
def test_a_confusing_name_is_found(path):
    assert confusing_names(Source(path, ""))


def test_a_clear_name_is_allowed():
    assert confusing_names(Source("agents/llm/openai_chat.py", "")) == []


def test_a_manager_is_found():
    assert vague_classes(Source("graphs/x.py", "class MissionManager:\n    pass\n"))
