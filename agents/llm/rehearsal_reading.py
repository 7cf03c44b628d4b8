"""What the rehearsal model reads: the framed sections of our own prompts, and the tool results of a transcript."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from core.memories import is_picture

_ROSTER_LINE = re.compile(r"^- ([a-z][a-z0-9_]+): (.+)$", re.MULTILINE)
_FILE_LINE = re.compile(r"^- (.+) \(([^()]*), ([^(),]*)\)(?:: (.+))?$", re.MULTILINE)
_MARKS = re.compile(r'(\w+)="([^"]*)"')
_IN_PART = re.compile(r"Only the |These pages |[\d,]+ files? of the archive ")
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".parquet")


@dataclass(frozen=True)
class Section:
    """One framed part of a prompt: what stands in it, and the marks of its opening tag."""

    text: str
    marks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """A file the user gave, by name; `note` says why it cannot be read, or what of it was left out, if so."""

    name: str
    note: str = ""

    @property
    def is_table(self) -> bool:
        return self.name.lower().endswith(_TABLES)

    @property
    def is_unreadable(self) -> bool:
        return bool(self.note) and not _IN_PART.match(self.note)

    @property
    def is_picture(self) -> bool:
        return is_picture(self.name)


@dataclass(frozen=True)
class Call:
    """One tool call that was answered."""

    tool: str
    arguments: dict[str, Any]
    output: str

    @property
    def failed(self) -> bool:
        return self.output.startswith(("[failed]", "[refused]", "[timeout]"))


def sections(text: str, tag: str) -> list[Section]:
    """Find the framed parts with a tag, in order."""
    found = re.finditer(rf"<{tag}((?: \w+=\"[^\"]*\")*)>\n(.*?)\n</{tag}>", text, re.DOTALL)
    return [Section(m[2], dict(_MARKS.findall(m[1]))) for m in found]


def section_text(text: str, tag: str) -> str:
    """Return what stands in the last framed part with a tag ("" if there is none)."""
    found = sections(text, tag)
    return found[-1].text if found else ""


def system_text(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(str(m.text) for m in messages if isinstance(m, SystemMessage))


def human_text(messages: Sequence[BaseMessage], *, first: bool = False) -> str:
    """Return the last message of a person (or the first: the delegation an operator began with)."""
    texts = [str(m.text) for m in messages if isinstance(m, HumanMessage)]
    if not texts:
        return ""
    return texts[0] if first else texts[-1]


def roster(messages: Sequence[BaseMessage]) -> dict[str, str]:
    """Read who may be given work, and what for, from the Chief's prompt."""
    return dict(_ROSTER_LINE.findall(system_text(messages)))


def files(text: str) -> list[File]:
    """Read the files a prompt lists."""
    return [File(m[1], m[4] or "") for m in _FILE_LINE.finditer(section_text(text, "files"))]


def answered_calls(messages: Sequence[BaseMessage]) -> list[Call]:
    """Pair every tool call of a transcript with its output, in order."""
    outputs = {m.tool_call_id: str(m.text) for m in messages if isinstance(m, ToolMessage)}
    return [
        Call(call["name"], call["args"], outputs[call["id"]])
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
        if call["id"] in outputs
    ]
