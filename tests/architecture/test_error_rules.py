"""Errors stop at three borders only, and nothing is left half done."""

from __future__ import annotations

import ast
import re

import pytest
from house import Source, expect_none, house, sources

BORDERS = {
    "tools/toolbox.py": (1, "one tool call: the operator reads that it failed and may try another way"),
    "tools/tests_worker.py": (
        2,
        "one test of a project, or one file of them: it counts as failed, and the next is run",
    ),
    "graphs/schedules.py": (1, "one look for due schedules: it is logged, and the next look comes all the same"),
    "graphs/running.py": (1, "one mission: whatever goes wrong in it becomes its definite end"),
    "graphs/dispatch_durable.py": (
        2,
        "one attempt: it is logged, and the mission is taken up again, three times at most; one look at the queue or one "
        "heartbeat: it is logged, and the next comes all the same",
    ),
    "chat/sockets.py": (2, "one request of the page (a message; the stop button): the person reads an id to report"),
    "memory/writer.py": (
        1,
        "nothing is swallowed: the error goes to the caller of that one write, the writes beside it stand",
    ),
    "memory/postgres_gathering.py": (1, "as in memory/writer.py"),
}
"""The files that may catch everything: how often, and why."""

EVERYTHING = {"Exception", "BaseException"}
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bNotImplemented(Error)?\b")


def _names(node: ast.expr | None) -> set[str]:
    if node is None:
        return {"BaseException"}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _only_passes_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def broad_catches(source: Source) -> list[int]:
    """List the lines that catch everything; a handler that ends by raising the same exception again does not count."""
    handlers = (n for n in ast.walk(source.tree) if isinstance(n, ast.ExceptHandler))
    caught = [h.lineno for h in handlers if _names(h.type) & EVERYTHING and not _only_passes_on(h)]
    calls = (n for n in ast.walk(source.tree) if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("suppress"))
    return caught + [c.lineno for c in calls if {name for a in c.args for name in _names(a)} & EVERYTHING]


def unfinished(source: Source) -> list[str]:
    lines = enumerate(source.text.splitlines(), 1)
    return [f"{source.path}:{number} {line.strip()}" for number, line in lines if _UNFINISHED.search(line)]


def made_at_import(source: Source) -> list[str]:
    """Find clients, engines and settings created while a module is being imported."""
    makers = re.compile(
        r"(^|\.)(Settings|load|load_dotenv|create_(async_)?engine|(Persistent|Http)?Client|Async(OpenAI|Anthropic|Client)|OpenAI|Anthropic)$"
    )
    values = (n.value for n in source.tree.body if isinstance(n, ast.Assign | ast.AnnAssign | ast.Expr) and n.value)
    calls = (n for value in values for n in ast.walk(value) if isinstance(n, ast.Call))
    return [f"{source.path}:{c.lineno} {ast.unparse(c.func)}" for c in calls if makers.search(ast.unparse(c.func))]


def test_everything_is_caught_at_the_borders_only():
    found = {source.path: lines for source in house() if (lines := broad_catches(source))}
    expect_none(f"{path}: {lines}" for path, lines in found.items() if len(lines) > BORDERS.get(path, (0, ""))[0])


def test_every_border_is_still_in_use():
    used = {source.path for source in house() if broad_catches(source)}
    assert sorted(set(BORDERS) - used) == []


def test_nothing_is_left_half_done():
    files = house() + sources("bench", "docs")
    expect_none(problem for source in files for problem in unfinished(source))


def test_nothing_is_created_at_import():
    expect_none(problem for source in house() for problem in made_at_import(source))


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept Exception:\n    pass\n",
        "try:\n    f()\nexcept (ValueError, Exception) as e:\n    print(e)\n",
        "try:\n    f()\nexcept BaseException:\n    raise ValueError from None\n",
        "try:\n    f()\nexcept:\n    pass\n",
        "with contextlib.suppress(Exception):\n    f()\n",
    ],
)
def test_a_broad_catch_is_found(text):
    assert broad_catches(Source("core/x.py", text))


def test_cleaning_up_and_passing_on_is_allowed():
    assert broad_catches(Source("core/x.py", "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n")) == []


@pytest.mark.parametrize("text", ["x = 1  # TO" + "DO later\n", "raise NotImplemented" + "Error\n", "# FIX" + "ME\n"])
def test_half_done_work_is_found(text):
    assert unfinished(Source("core/x.py", text))


@pytest.mark.parametrize(
    "text", ["settings = load()\n", "engine = sa.create_async_engine('x')\n", "client: object = openai.AsyncOpenAI()\n"]
)
def test_a_client_made_at_import_is_found(text):
    assert made_at_import(Source("memory/x.py", text))
