"""What a Python file says, by Python's own parser. Runs in a process of its own (code_worker.py)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tools.code_terms import Finding, Import, Item, Understood, item, nothing

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MOST_HINTS = 60


def understand(text: str, name: str) -> Understood:
    """Read one file; a mistake in it is an error, not an exception."""
    found = nothing()
    try:
        tree = ast.parse(text)
    except SyntaxError as problem:
        found["errors"].append(Finding(line=problem.lineno or 1, text=str(problem.msg)))
        return found
    except (ValueError, RecursionError, MemoryError) as problem:
        found["errors"].append(Finding(line=1, text=f"cannot be read by Python ({type(problem).__name__})"))
        return found
    found["items"] = list(_items(tree.body, 0))
    found["imports"] = list(_imports(tree))
    found["hints"] = sorted(_hints(tree, name), key=lambda hint: hint["line"])[:_MOST_HINTS]
    return found


def _items(body: Sequence[ast.stmt], depth: int) -> Iterator[Item]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
            yield item(
                node.lineno, node.end_lineno or node.lineno, depth, f"class {node.name}" + f"({bases})" * bool(bases)
            )
            yield from _items(node.body, depth + 1) if depth < 10 else ()
        elif isinstance(node, _Function):
            kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            text = f"{kind} {node.name}({ast.unparse(node.args)}){returns}"
            yield item(node.lineno, node.end_lineno or node.lineno, depth, text)
        elif isinstance(node, ast.If | ast.Try):
            yield from _items(node.body, depth)


def _imports(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(line=node.lineno, name=alias.name, level=0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = node.module or ""
            # What is imported may be a module of its own.
            names = [f"{home}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*"] or [home]
            yield from (Import(line=node.lineno, name=name, level=node.level) for name in names)


def _hints(tree: ast.Module, name: str) -> Iterator[Finding]:
    if not name.endswith("__init__.py"):
        yield from _unused(tree)
    for node in ast.walk(tree):
        yield from _about(node)


def _unused(tree: ast.Module) -> Iterator[Finding]:
    """Find what is imported at the top and nowhere used, by name or in a text such as an annotation or __all__."""
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    words = {
        word
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
        for word in _words(n.value)
    }
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                if bound not in used | words and bound != "*" and alias.asname != alias.name:
                    yield Finding(line=node.lineno, text=f"{bound} is imported and not used")


def _words(text: str) -> list[str]:
    return text.replace("[", " ").replace("]", " ").replace(".", " ").split() if len(text) < 200 else []


def _about(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        yield Finding(line=node.lineno, text="except without a kind catches everything, also Ctrl-C")
    if isinstance(node, _Function):
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            if isinstance(default, ast.List | ast.Dict | ast.Set):
                yield Finding(
                    line=default.lineno, text=f"{node.name} has a default that all its calls share and can change"
                )
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
        yield Finding(line=node.lineno, text="assert of a tuple is always true")
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq) and _is_none(node.comparators[0]):
        yield Finding(line=node.lineno, text="compare with None by is, not ==")
    yield from _bodies(node)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _bodies(node: ast.AST) -> Iterator[Finding]:
    """Find what can never be reached, and what is defined twice with nothing in between."""
    body = getattr(node, "body", None)
    if not isinstance(body, list):
        return
    defined: dict[str, int] = {}
    for statement, after in zip(body, [*body, None][1:], strict=True):
        if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue) and after is not None:
            yield Finding(line=after.lineno, text="this is never reached")
        if isinstance(statement, _Function | ast.ClassDef) and not statement.decorator_list:
            if statement.name in defined:
                yield Finding(
                    line=statement.lineno,
                    text=f"{statement.name} is defined again; line {defined[statement.name]} is lost",
                )
            defined[statement.name] = statement.lineno
