"""Which file of a project imports which: names as each language writes them, led back to files."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tools.code_terms import Import, Understood, language_of
from tools.workspace import DEEPEST

_SCRIPT_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".d.ts")
_LONGEST_NAME = 24  # parts of a name; nobody's is longer, and each is tried
_SCRIPTS = frozenset({"javascript", "typescript", "tsx"})


@dataclass
class Graph:
    """Imports between files (who -> whom -> line), and what comes from outside (name -> how many files use it)."""

    files: list[str]
    uses: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    outside: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def used_by(self, file: str) -> dict[str, int]:
        return {who: whom[file] for who, whom in self.uses.items() if file in whom}


def graph_of(files: Mapping[str, Understood]) -> Graph:
    """Find out who imports whom."""
    graph, found = Graph(sorted(files)), _Finder(files)
    for name, said in files.items():
        for wanted in _once(said["imports"]):
            targets = [target for target in found.targets(name, wanted) if target != name]
            for target in targets:
                graph.uses[name].setdefault(target, wanted["line"])
            if not targets and (outside := _outside(name, wanted)):
                graph.outside[outside].add(name)
    return graph


def _once(imports: Iterable[Import]) -> Iterator[Import]:
    """Leave out what a file imports again."""
    seen = set[tuple[str, int]]()
    for wanted in imports:
        if (key := (wanted["name"], wanted["level"])) not in seen:
            seen.add(key)
            yield wanted


def circles(graph: Graph) -> list[list[str]]:
    """List groups of files that import each other in a circle, the largest first (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []
    for root in graph.files:
        if root in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(root, iter(graph.uses.get(root, ())))]
        index[root] = low[root] = len(index)
        path.append(root)
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = path.index(node)
                    found.append(sorted(path[at:]))
                    del path[at:]
            elif following not in index:
                index[following] = low[following] = len(index)
                path.append(following)
                work.append((following, iter(graph.uses.get(following, ()))))
            elif following in path:
                low[node] = min(low[node], index[following])
    return sorted((group for group in found if len(group) > 1), key=lambda group: (-len(group), group))


class _Finder:
    """Leads a name back to the files it means."""

    def __init__(self, files: Mapping[str, Understood]) -> None:
        self._files = set(files)
        self._modules: dict[str, list[str]] = defaultdict(list)  # python: every ending of a dotted name -> files
        self._classes: dict[str, str] = {}
        self._packages: dict[str, list[str]] = defaultdict(list)
        self._go_files: dict[str, list[str]] = defaultdict(list)  # every ending of a folder -> files
        for name, said in files.items():
            if language_of(name) == "python":
                parts = re.sub(r"(/__init__)?\.pyi?$", "", name).split("/")
                for start in range(len(parts)):
                    self._modules[".".join(parts[start:])].append(name)
            elif name.endswith(".java"):
                self._classes[f"{said['package']}.{posixpath.basename(name)[:-5]}".lstrip(".")] = name
                self._packages[said["package"]].append(name)
            elif name.endswith(".go") and not name.endswith("_test.go"):
                parts = posixpath.dirname(name).split("/")
                for start in range(len(parts)):
                    self._go_files["/".join(parts[start:])].append(name)

    def targets(self, name: str, wanted: Import) -> list[str]:
        match language_of(name):
            case "python":
                return self._python(name, wanted)
            case "go":
                return self._go(name, wanted["name"])
            case "java":
                return self._java(wanted["name"])
            case "rust":
                return self._rust(name, wanted["name"])
        return self._script(name, wanted["name"])

    def _python(self, name: str, wanted: Import) -> list[str]:
        if wanted["level"]:
            home = name.split("/")[: -wanted["level"]]
            return self._first_of(["/".join([*home, *parts]) for parts in _endings(wanted["name"])])
        for parts in _endings(wanted["name"]):
            if not parts:
                break
            near = self._modules.get(".".join(parts), [])
            if near:  # of several the one that lies nearest
                return [max(near, key=lambda file: (len(posixpath.commonpath([file, name])), -len(file)))]
        return []

    def _first_of(self, places: list[str]) -> list[str]:
        for place in places:
            for ending in (".py", "/__init__.py", ".pyi", "/__init__.pyi"):
                if f"{place}{ending}".lstrip("/") in self._files:
                    return [f"{place}{ending}".lstrip("/")]
        return []

    def _script(self, name: str, wanted: str) -> list[str]:
        if not wanted.startswith("."):
            return []
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
        bare = re.sub(r"\.(m|c)?jsx?$", "", place)  # TypeScript names the file that will be made
        tries = [p + e for p in (place, bare) for e in _SCRIPT_ENDINGS]
        tries += [f"{place}/index{ending}" for ending in _SCRIPT_ENDINGS[1:]]
        return next(([t] for t in tries if t in self._files), [])

    def _go(self, name: str, wanted: str) -> list[str]:
        parts = wanted.split("/")
        if len(parts) < 2 or "." not in parts[0]:
            return []
        endings = ("/".join(parts[start:]) for start in range(max(len(parts) - DEEPEST, 0), len(parts)))
        return next((self._go_files[ending] for ending in endings if ending in self._go_files), [])

    def _java(self, wanted: str) -> list[str]:
        if wanted.endswith(".*"):
            return self._packages.get(wanted[:-2], [])
        parts = wanted.split(".")[:_LONGEST_NAME]
        names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next(([self._classes[name]] for name in names if name in self._classes), [])

    def _rust(self, name: str, wanted: str) -> list[str]:
        parts = re.sub(r"[{*].*$", "", wanted).strip(":").split("::")[:_LONGEST_NAME]
        folder, base = posixpath.split(name)
        inner = folder if base in ("mod.rs", "lib.rs", "main.rs") else name[:-3]
        if parts[0] == "crate":
            at = f"/{folder}/".find("/src/")
            start = f"/{folder}/"[1 : at + 4] if at >= 0 else folder
        elif parts[0] in ("self", "super"):
            start = inner if parts[0] == "self" else posixpath.dirname(inner)
        else:
            return []
        for end in range(len(parts), 1, -1):
            place = "/".join([start, *parts[1:end]]).strip("/")
            for file in (f"{place}.rs", f"{place}/mod.rs"):
                if file in self._files:
                    return [file]
        return []


def _endings(name: str) -> list[list[str]]:
    """List a dotted name and what is left when names are taken off its end: the last may be no module."""
    parts = [part for part in name.split(".") if part]
    return [parts[:end] for end in range(len(parts), max(len(parts) - 2, -1), -1)]


def _outside(name: str, wanted: Import) -> str:
    """Name what an import from outside belongs to; "" for what was to be in the project and is not."""
    language, said = language_of(name), wanted["name"]
    if wanted["level"] or said.startswith((".", "self::", "super::", "crate::")):
        return ""
    if language == "python":
        return said.split(".")[0]
    if language in _SCRIPTS:
        return "/".join(said.split("/")[: 2 if said.startswith("@") else 1])
    if language == "rust":
        return said.split("::")[0]
    return said if language == "go" else ".".join(said.split(".")[:2])
