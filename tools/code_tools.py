"""The tools that read source code as code: what is defined where, who imports whom, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, Annotated

from pydantic import Field

from core.errors import BadInput
from core.ports import ToolContext
from tools.archives import Rooms
from tools.code_graph import Graph, circles, graph_of
from tools.code_terms import LARGEST_FILE, MOST_BYTES, MOST_FILES, Finding, Understood, language_of
from tools.confined import run_confined
from tools.define import Tool, define
from tools.folder import Folders, NamedFile
from tools.reading import decode

_MOST_LINES = 300  # of one answer
_MOST_NAMES = 25
_WORKER = "tools.code_worker"
_NO_TYPES = "Types were not checked: there is no type checker here."
_DIED = "These files take too much time or memory to be read as code. Name fewer of them."

Place = Annotated[
    str, Field(description="A file, or a folder with all source files in it; none: all there are.", max_length=1000)
]


class CodeTools:
    """Reads the source files of a conversation: in a room of the sandbox if there are rooms, else in a process with limits."""

    def __init__(self, folders: Folders, rooms: Rooms | None = None) -> None:
        self._folders, self._rooms, self._places = folders, rooms, asyncio.Semaphore(2)

    def tools(self) -> list[Tool]:
        return [
            define(self.outline_code, "List what is defined in {place}", taints=True),
            define(self.code_dependencies, "See what imports what in {place}", taints=True),
            define(self.check_code, "Look for mistakes in {place}", taints=True),
        ]

    async def outline_code(self, context: ToolContext, place: Place = "") -> str:
        """List classes, functions and signatures of source files with their line numbers: Python, JavaScript, TypeScript, Go,
        Java, Rust. Cheaper than reading the files."""
        files, left_out = await self._understood(context, place)
        lines = []
        for name, said in files.items():
            lines.append(f"{name}:" + (" (with mistakes, see check_code)" if said["errors"] else ""))
            lines += [f"{'  ' * (i['depth'] + 1)}{i['line']}-{i['end']} {i['text']}" for i in said["items"]]
        return _cut(lines, "Name a folder or a file to see the rest.", left_out)

    async def code_dependencies(
        self,
        context: ToolContext,
        place: Place = "",
        file: Annotated[
            str, Field(description="Show only this file: what it imports, who imports it.", max_length=1000)
        ] = "",
    ) -> str:
        """Show which files of a project import which, circles, files that nobody imports, and what is used from outside."""
        files, left_out = await self._understood(context, place)
        graph = await asyncio.to_thread(graph_of, files)
        if file:
            return _about_one(graph, file)
        return _cut(_about_all(graph), "Name a folder or a file to see the rest.", left_out)

    async def check_code(self, context: ToolContext, place: Place = "") -> str:
        """Look for syntax errors in source files (Python, JavaScript, TypeScript, Go, Java, Rust), and in Python for unused
        imports, code that is never reached and the like. Runs nothing; run_tests does, where there is a sandbox."""
        files, left_out = await self._understood(context, place)
        errors = [(name, found, "error") for name, said in files.items() for found in said["errors"]]
        hints = [(name, found, "hint") for name, said in files.items() for found in said["hints"]]
        head = f"{len(files)} files read: {len(errors)} errors, {len(hints)} hints. {_NO_TYPES}"
        lines = [_finding(name, found, kind) for name, found, kind in [*errors, *hints]]
        return _cut([head, *lines], "Name a folder or a file to see the rest.", left_out)

    async def _understood(self, context: ToolContext, place: str) -> tuple[dict[str, Understood], list[str]]:
        """Read the source files at a place; returns what each says, and what was left out and why."""
        wanted, left_out = await asyncio.to_thread(self._wanted, context, place)
        async with self._places:
            with tempfile.TemporaryFile(prefix="staffwork-code-") as contents:
                left_out += await asyncio.to_thread(_gather, wanted, contents)
                if self._rooms is not None:
                    understood, _ = await self._rooms.worked(_WORKER, contents, 1, _DIED)
                else:
                    understood = await run_confined(_WORKER, {"fd": contents.fileno()}, [contents.fileno()], _DIED)
        return understood, left_out

    def _wanted(self, context: ToolContext, place: str) -> tuple[list[NamedFile], list[str]]:
        folder = place.strip("/")
        files = [f for f in self._folders.of(context).files() if language_of(f.name)]
        wanted = [f for f in files if not folder or f.name == folder or f.name.startswith(f"{folder}/")]
        if not wanted:
            names = ", ".join(sorted({f.name.split("/")[0] for f in files})[:_MOST_NAMES]) or "none"
            raise BadInput(
                f"There is no source code at {place[:200]!r}. There is some in: {names}. Archives are unpacked first."
            )
        large = [f for f in wanted if f.size > LARGEST_FILE]
        left_out = [f"{f.name} has more than {LARGEST_FILE:,} bytes." for f in large]
        fitting, size = list[NamedFile](), 0
        for found in (f for f in wanted if f.size <= LARGEST_FILE):
            size += found.size
            if size > MOST_BYTES or len(fitting) == MOST_FILES:
                left_out.append(f"Only {len(fitting)} of {len(wanted)} files were read.")
                break
            fitting.append(found)
        return fitting, left_out


def _gather(files: Sequence[NamedFile], into: IO[bytes]) -> list[str]:
    """Write names and sizes, and the texts one behind the other; says what is no text. Blocking."""
    texts: dict[str, bytes] = {}
    for file in files:
        with file.opened() as opened:
            if (text := decode(opened.read(LARGEST_FILE))) is not None:
                texts[file.name] = text.encode(errors="replace")
    into.write(json.dumps([(name, len(text)) for name, text in texts.items()]).encode() + b"\n")
    for encoded in texts.values():
        into.write(encoded)
    into.flush()
    into.seek(0)
    return [f"{file.name} is no text." for file in files if file.name not in texts]


def _finding(name: str, found: Finding, kind: str) -> str:
    return f"{name}:{found['line']}: {kind}: {found['text']}"


def _cut(lines: Sequence[str], how: str, left_out: Sequence[str]) -> str:
    more = [f"[{len(lines) - _MOST_LINES} more lines. {how}]"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more, *(f"Not read: {words}" for words in left_out[:10])])


def _about_one(graph: Graph, file: str) -> str:
    if file not in graph.files:
        raise BadInput(f"There is no source file {file[:200]!r} there. Files: {_named(graph.files)}.")
    uses = [f"{whom} (line {line})" for whom, line in graph.uses.get(file, {}).items()]
    users = [f"{who}:{line}" for who, line in sorted(graph.used_by(file).items())]
    outside = sorted(name for name, who in graph.outside.items() if file in who)
    circle = next((group for group in circles(graph) if file in group), [])
    lines = [
        f"{file} imports: {_named(uses)}",
        f"It is imported by: {_named(users)}",
        f"From outside: {_named(outside)}",
    ]
    return "\n".join(
        [*lines, *([f"It is in a circle with: {_named([f for f in circle if f != file])}"] if circle else [])]
    )


def _about_all(graph: Graph) -> list[str]:
    count = sum(len(whom) for whom in graph.uses.values())
    used = {file: len(graph.used_by(file)) for file in graph.files}
    most = sorted((f for f in graph.files if used[f]), key=lambda file: (-used[file], file))[:_MOST_NAMES]
    outside = sorted(graph.outside.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    lines = [f"{len(graph.files)} files, {count} imports between them."]
    lines += [f"Most imported: {_named([f'{f} ({used[f]})' for f in most])}"]
    found = circles(graph)
    lines += [f"Circles: {len(found) or 'none'}"] + [f"  {_named(group)}" for group in found[:10]]
    lines += [f"Imported by nobody: {_named([f for f in graph.files if not used[f]])}"]
    lines += [f"From outside: {_named([f'{name} ({len(who)})' for name, who in outside])}", "Imports:"]
    return lines + [f"  {who} -> {_named(sorted(whom))}" for who, whom in sorted(graph.uses.items()) if whom]


def _named(names: Iterable[str]) -> str:
    said = list(names)
    more = f" and {len(said) - _MOST_NAMES} more" if len(said) > _MOST_NAMES else ""
    return ", ".join(said[:_MOST_NAMES]) + more or "none"
