"""What we rely on in the installed Chainlit: if a new version changes it, these fail before a person notices."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from chat.lighter import NAMES
from chat.picture import Line
from chat.wire import as_step
from core.missions import now


def package() -> Path:
    spec = find_spec("chainlit")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def imported_at_start(source: Path) -> set[tuple[str, str]]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    found = [n for n in tree.body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("literalai")]
    return {(str(n.module), alias.name) for n in found for alias in n.names}


def test_the_spared_names_are_those_that_are_imported() -> None:
    files = [
        p for p in package().rglob("*.py") if p.name != "literalai.py" and p.parent.name not in ("langchain", "openai")
    ]
    wanted = set().union(*(imported_at_start(path) for path in files))
    assert wanted <= {(module, name) for module, names in NAMES.items() for name in names}
    assert not any("import literalai" in line for p in files for line in p.read_text(encoding="utf-8").splitlines())


def test_chainlit_starts_without_that_sdk(tmp_path: Path) -> None:
    code = (
        "import sys, os; from chat.lighter import spare_literalai; spare_literalai();"
        "import chainlit.server, chainlit as cl; cl.Step; cl.Message; cl.TaskList;"
        "print('traceloop' in sys.modules, 'opentelemetry.sdk' in sys.modules, sys.modules['literalai'].__path__)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    environ = {"CHAINLIT_APP_ROOT": str(tmp_path), "PYTHONPATH": str(root), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "False False []"


def test_our_steps_have_the_fields_of_theirs() -> None:
    source = ast.parse((package() / "step.py").read_text(encoding="utf-8"))
    [step_dict] = [n for n in source.body if isinstance(n, ast.ClassDef) and n.name == "StepDict"]
    theirs = {n.target.id for n in step_dict.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    ours = set(as_step(Line("i", None, "tool", "x", now()), "c"))
    assert ours <= theirs | {"modes"}
    assert {"id", "threadId", "parentId", "name", "type", "output", "start", "end"} <= ours


def test_our_texts_replace_texts_that_exist() -> None:
    root = Path(__file__).resolve().parents[2]
    ours = json.loads((root / ".chainlit/translations/en-US.json").read_text(encoding="utf-8"))
    theirs = json.loads((package() / "translations/en-US.json").read_text(encoding="utf-8"))

    def keys(tree: object, path: str = "") -> set[str]:
        if not isinstance(tree, dict):
            return {path}
        return set().union(*(keys(v, f"{path}.{k}") for k, v in tree.items()))

    assert keys(theirs) <= keys(ours)  # a missing text would show its key
    assert keys(ours) - keys(theirs) == {
        f".auth.login.errors.{name}"
        for name in ("unauthorized", "too many requests", "failed to fetch", "forbidden", "ended")
    }
