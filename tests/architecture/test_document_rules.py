"""What a person can use is written down: settings, events, tools, terminal commands, routes."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ROOT, Source, document, expect_none, sources, tracked_files

VERBS = {"get", "post", "put", "delete", "patch", "head", "options", "websocket", "api_route", "route"}


def _generator():
    spec = importlib.util.spec_from_file_location("staffwork_docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()


def _functions(source: Source) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.expr]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((node, decorator) for decorator in node.decorator_list)


def _called(decorator: ast.expr) -> tuple[str, str]:
    """Split a decorator into what it is called on and its own name: @app.get("/x") is ("app", "get")."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(target, ast.Attribute):
        return ast.unparse(target.value), target.attr
    return "", target.id if isinstance(target, ast.Name) else ""


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _given(call: ast.expr, position: int, keyword: str) -> str | None:
    if not isinstance(call, ast.Call):
        return None
    named = next((k.value for k in call.keywords if k.arg == keyword), None)
    return _text(named or (call.args[position] if len(call.args) > position else None))


def tool_names(source: Source) -> list[str]:
    """List the tools a file makes: what it hands to `define`, and the names of its own ToolSpecs, as a model sees them."""
    words = _constants(source)
    calls = [n for n in ast.walk(source.tree) if isinstance(n, ast.Call)]
    defined = [ast.unparse(c.args[0]).rsplit(".", 1)[-1] for c in calls if _called(c)[1] == "define" and c.args]
    specs = [k.value for c in calls if _called(c)[1] == "ToolSpec" for k in c.keywords if k.arg == "name"]
    named = [_text(value) or words.get(ast.unparse(value)) for value in specs]
    return [*defined, *(name for name in named if name)]


def _constants(source: Source) -> dict[str, str]:
    """Map a module's own text constants, also those assigned several in one line."""
    found = {}
    for node in (n for n in source.tree.body if isinstance(n, ast.Assign)):
        target, value = node.targets[0], node.value
        several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=True) if several else [(target, value)]
        found |= {ast.unparse(name): text for name, given in pairs if (text := _text(given))}
    return found


def commands(source: Source) -> list[str]:
    """List a Typer program's commands in full: "ask", "missions list"."""
    groups = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and _called(node)[1] == "add_typer" and node.args:
            groups[ast.unparse(node.args[0])] = _given(node, 1, "name") or ""
    found = []
    for function, decorator in _functions(source):
        app, verb = _called(decorator)
        if verb == "command":
            own = _given(decorator, 0, "name") or function.name.strip("_").replace("_", "-")
            found.append(f"{groups.get(app, '')} {own}".strip())
    return found


def routes(source: Source) -> list[str]:
    """List the paths a file serves, its routers' prefixes included."""
    prefixes = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and _called(node.value)[1] == "APIRouter":
            prefixes[ast.unparse(node.targets[0])] = _given(node.value, 9, "prefix") or ""
    found = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        owner, verb = _called(node)
        path = _given(node, 0, "path")
        known = verb in VERBS or verb in (
            "add_api_route",
            "add_route",
            "add_api_websocket_route",
            "Route",
            "WebSocketRoute",
        )
        if path is not None and path.startswith("/") and known:
            found.append(prefixes.get(owner, "") + path)
    return found


def settings_named(text: str) -> set[str]:
    return set(re.findall(r"\bSTAFFWORK_[A-Z0-9_]*[A-Z0-9]\b", text))


def code_in(page: str) -> list[str]:
    """List what a page shows as code: the fenced blocks line by line, then the spans."""
    fences = re.findall(r"^```\w*\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return [line for block in fences for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", rest)


def missing(names: list[str], page: str) -> list[str]:
    """Say which names do not stand on a page as code."""
    shown = code_in(page)
    return [n for n in names if not any(re.search(rf"(?<![\w/-]){re.escape(n)}(?![\w/-])", code) for code in shown)]


def dead_pointers(page: str, folder: Path) -> list[str]:
    """Find links to files, and names of tests, that lead nowhere."""
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page) if "://" not in link]
    tests = list(re.findall(r"`(tests/[\w/.:]+)`", page))
    return [link for link in links if link and not (folder / link).exists()] + [t for t in tests if not _is_test(t)]


def _is_test(name: str) -> bool:
    path, _, function = name.partition("::")
    file = ROOT / path
    return file.exists() and (not function or f"def {function}(" in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", GENERATOR.PAGES)
def test_the_pages_written_from_code_are_up_to_date(path):
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATOR.PAGES[path](), f"{path} is old: run `make docs`"


def test_every_setting_is_written_down():
    names = ["STAFFWORK_" + name.upper() for name in GENERATOR.Settings.model_fields]
    assert missing(names, document("settings")) == []
    assert [n for n in names if f"# {n}=" not in document(".env.example")] == []


def test_no_page_names_a_setting_that_does_not_exist():
    known = {"STAFFWORK_" + name.upper() for name in GENERATOR.Settings.model_fields} | {"STAFFWORK_TESTS_REQUIRE"}
    pages = [
        p
        for p in tracked_files()
        if p.suffix in (".md", ".yaml", ".yml", ".example") or p.name in ("Dockerfile", "Makefile")
    ]
    assert {p.name: unknown for p in pages if (unknown := settings_named(p.read_text(encoding="utf-8")) - known)} == {}


def test_every_event_is_written_down():
    kinds = [kind.model_fields["kind"].default for kind in GENERATOR.event_kinds()]
    assert missing(kinds, document("events")) == []


def test_every_tool_is_written_down():
    names = [name for source in sources("tools", "agents") for name in tool_names(source)]
    expect_none(missing(names, document("tools")), "tools are not in docs/tools.md")


def test_every_command_is_written_down():
    files = [s for s in sources("chat") if s.path.startswith("chat/terminal")]
    names = [f"staffwork {command}" for source in files for command in commands(source)]
    expect_none(missing(names, document("terminal")), "commands are not in docs/terminal.md")


def test_every_route_is_written_down():
    files = [s for s in sources("api", "chat") if s.package == "api" or s.path == "chat/server.py"]
    paths = [path for source in files for path in routes(source)]
    expect_none(missing(paths, document("api")), "routes are not in docs/api.md")


def test_every_test_and_page_that_is_pointed_to_exists():
    pages = [p for p in tracked_files() if p.suffix == ".md" and p.parent.parts[-1] not in ("prompts", "profiles")]
    expect_none(f"{p.name}: {gone}" for p in pages for gone in dead_pointers(p.read_text(encoding="utf-8"), p.parent))


def test_tools_are_found():
    text = (
        'ASK, TELL = "ask_user", "tell_user"\ntools = [define(self.read_file, "Read {file}"), define(now, intent="Look")]\n'
        'spec = ToolSpec(name=TELL, description="x")\nother = ToolSpec(name="finish")\ncopied = ToolSpec(name=function.__name__)\n'
    )
    assert sorted(tool_names(Source("tools/x.py", text))) == ["finish", "now", "read_file", "tell_user"]


def test_commands_are_found():
    text = (
        'app.add_typer(missions, name="missions")\n@app.command()\ndef ask(): ...\n'
        '@missions.command("list")\ndef list_missions(): ...\n@app.command()\ndef set_up(): ...\n'
    )
    assert commands(Source("chat/terminal.py", text)) == ["ask", "missions list", "set-up"]


def test_routes_are_found():
    text = (
        'router = APIRouter(prefix="/api/missions")\n@router.get("/{mission_id}")\nasync def show(): ...\n'
        '@app.post("/login")\nasync def login(): ...\napp.add_api_route("/healthz", alive)\nx.get("not a path")\n'
    )
    assert sorted(routes(Source("api/x.py", text))) == ["/api/missions/{mission_id}", "/healthz", "/login"]


def test_what_is_not_written_down_is_found():
    page = "`staffwork ask`, and `GET /healthz` in a sentence; read_file without code marks; `/readyz/more`"
    assert missing(["staffwork ask", "/healthz", "read_file", "/readyz", "ask"], page) == ["read_file", "/readyz"]


def test_a_dead_pointer_is_found():
    page = "[a](docs/api.md#routes) [b](docs/none.md) [c](https://x.org) `tests/unit/none.py` `tests/unit/test_logs.py::test_no`"
    assert dead_pointers(page, ROOT) == ["docs/none.md", "tests/unit/none.py", "tests/unit/test_logs.py::test_no"]


def test_an_unknown_setting_is_found():
    assert settings_named("set STAFFWORK_PROT=1 or `STAFFWORK_<NAME>`") == {"STAFFWORK_PROT"}


def test_what_each_scope_of_a_key_opens_is_written_down():
    from api.scopes import SCOPE_ROUTES

    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", document("api"), flags=re.MULTILINE))
    assert {scope: set(re.findall(r"`([^`]+)`", rows[scope])) for scope in SCOPE_ROUTES} == {
        scope: set(routes) for scope, routes in SCOPE_ROUTES.items()
    }
