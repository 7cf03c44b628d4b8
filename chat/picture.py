"""What the chat shows of one mission: lines in a tree, files and a task list, changed by operations only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from core.missions import Artifact, Attachment, derived_id
from core.steering import Order

Kind = Literal["user_message", "assistant_message", "run", "tool", "llm"]


@dataclass(frozen=True, slots=True)
class Line:
    """One message or step; `given` is its input, `text` its output in Markdown, `end` None while it runs.

    `still` marks one that has begun and not ended, while nobody works on it: it waits for a person.
    """

    id: str
    parent: str | None
    kind: Kind
    label: str
    start: datetime
    detail: str = ""
    end: datetime | None = None
    text: str = ""
    given: str = ""
    failed: bool = False
    unfolded: bool = False
    still: bool = False

    @property
    def name(self) -> str:
        return f"{self.label} · {self.detail}" if self.detail else self.label

    @property
    def streaming(self) -> bool:
        return self.kind == "assistant_message" and self.end is None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the task list; it leads to the line of its task."""

    title: str
    status: Literal["ready", "running", "done", "failed"]
    line: str = ""


@dataclass(frozen=True, slots=True)
class Put:
    """Add a line, or replace the one of the same id."""

    line: Line


@dataclass(frozen=True, slots=True)
class Drop:
    """Take a line away."""

    id: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Add a row to the task list, or replace the one of the same task."""

    task: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Swap:
    """Let a task have the row of the one it is done in place of."""

    old: str
    task: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Attach:
    """Hang a file on a line."""

    line: str
    file: Attachment | Artifact


@dataclass(frozen=True, slots=True)
class Turn:
    """The mission goes on after a question was answered."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nobody works on the mission any more, or again (`over`): what has begun stands still for as long."""

    over: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """Remember an order until it is settled."""

    order: Order


@dataclass(frozen=True, slots=True)
class Vanish:
    """Show no more of the mission than what is `left`: its message was taken back, or is shown elsewhere."""

    left: tuple[Line, ...] = ()


Operation = Put | Drop | Tick | Swap | Attach | Turn | Rest | Keep | Vanish


@dataclass(slots=True)
class Picture:
    """The state of one mission's view; `turns`: questions of the Chief answered so far."""

    mission_id: str
    message_id: str
    lines: dict[str, Line] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    files: dict[str, tuple[str, Attachment | Artifact]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)  # tasks that others are done in place of
    turns: int = 0
    rests: bool = False
    vanished: bool = False
    changes: int = 0  # of the task list: names its newest version

    def id(self, *parts: str) -> str:
        """Derive the id of a line from its place in the mission: the same in every browser and after every restart."""
        return derived_id(self.mission_id, *parts)

    def line(self, *parts: str) -> Line | None:
        """Find a line by its place in the mission."""
        return self.lines.get(self.id(*parts))

    @property
    def run(self) -> str:
        return self.id("run")

    @property
    def chief(self) -> str:
        return self.id("chief", str(self.turns))

    @property
    def answer(self) -> str:
        return self.id("answer")

    def apply(self, operations: Iterable[Operation]) -> None:
        """Carry out operations, in order; nothing appears in a picture that has vanished."""
        for operation in () if self.vanished else operations:
            match operation:
                case Put(line):
                    self.lines[line.id] = line
                case Drop(gone):
                    self.lines.pop(gone, None)
                case Tick() | Swap():
                    self._tick(operation)
                case Attach(line_id, file):
                    self.files[file.id] = (line_id, file)
                case Turn():
                    self.turns += 1
                case Keep(order):
                    self.orders[order.id] = order
                case Rest(over):
                    self._rest(not over)
                case Vanish(left):
                    self.vanished = True
                    self.lines = {line.id: line for line in left}
                    self.files = {i: f for i, f in self.files.items() if f[0] in self.lines}
                case _:
                    assert_never(operation)

    def _tick(self, row: Tick | Swap) -> None:
        if isinstance(row, Swap):
            self.entries = {row.task if known == row.old else known: entry for known, entry in self.entries.items()}
            self.replaced.add(row.old)
        if row.task not in self.replaced and self.entries.get(row.task) != row.entry:
            self.entries[row.task] = row.entry
            self.changes += 1

    def _rest(self, rests: bool) -> None:
        self.rests = rests
        for line in self.lines.values():
            if line.end is None and line.still != rests:
                self.lines[line.id] = replace(line, still=rests)


def closed(line: Line, at: datetime, *, detail: str = "", failed: bool = False) -> Line:
    """End a line at a moment."""
    return replace(line, end=at, detail=detail, failed=line.failed or failed, still=False)
