"""The rehearsal model behind the real roles, with the test as the tools of an operator."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from agents.llm.calls import CallSite, ModelRequest
from agents.llm.rehearsal import RehearsalChat
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.roster import FOLDER, Roster
from core.budget import Budget
from core.decisions import Act, Reply, ToolCall
from core.memories import Brief
from core.missions import Attachment, Delegation, Report, Source, Status, Task
from core.ports import ToolSpec

ACCEPTANCE = (
    "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
)
SITE = CallSite(role="test")
ROSTER = Roster.load([FOLDER])
ARGUMENTS = {
    "list_files": (), "read_file": ("file", "page", "first_line"), "search_files": ("query",), "now": ("timezone",),
    "write_file": ("name", "content"), "calculate": ("expression",), "profile_table": ("file",),
    "query_table": ("sql", "files"), "recall": ("query", "scope"), "remember": ("text",),
    "web_search": ("query",), "fetch_page": ("url",), "patch_file": ("file", "find", "replace"), "move_file": ("file", "name"),
    "delete_file": ("file",), "pack_files": ("files", "name"), "unpack_file": ("file",), "list_changes": (),
    "undo_change": ("change",), "evaluate_python": ("code",), "run_python": ("code",), "run_shell": ("command",),
    "make_chart": ("name", "kind", "files", "sql"), "make_spreadsheet": ("name", "files"), "make_document": ("name", "text"),
    "make_pdf": ("name", "text"), "make_slides": ("name", "text"), "outline_code": ("place",),
    "code_dependencies": ("place", "file"), "check_code": ("place",), "run_tests": ("folder",),
    "git_read": ("arguments", "repository"), "git_change": ("arguments", "repository"),
}  # fmt: skip


class WordEmbedder:
    """Embeds by counting letters pairs: no meaning, but the same every time."""

    name, dimensions = "pairs", 676

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(re.findall(r"[a-z]+", t.lower())) for t in texts]

    def _vector(self, words: list[str]) -> list[float]:
        counts = [0.0] * self.dimensions
        for a, b in (pair for w in words for pair in itertools.pairwise(w)):
            counts[(ord(a) - 97) * 26 + ord(b) - 97] += 1
        length = sum(c * c for c in counts) ** 0.5 or 1.0
        return [c / length for c in counts]


class Rehearsing:
    """A gateway in front of the rehearsal model alone."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        self.pieces, calls, finish = [], [], ""
        async for delta in RehearsalChat(embedder=WordEmbedder()).deltas(request):
            self.pieces += [delta.text] if delta.text else []
            calls += [ToolCall(id=p.id, name=p.name, arguments=json.loads(p.arguments)) for p in delta.tool_calls]
            finish = delta.finish or finish
        assert finish == ("tool_calls" if calls else "stop")
        return Reply(text="".join(self.pieces), tool_calls=tuple(calls), finish=finish)


def files(*names: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(id=n, name=n, hash="h", size=2000, mime="application/octet-stream") for n in names)


def brief(goal: str, *names: str, **fields: Any) -> Brief:
    return Brief(mission_id="m", conversation_id="c", user_id="u", goal=goal, attachments=files(*names), **fields)


class Work:
    """One operator of the rehearsal model, with the test as its tools."""

    def __init__(
        self, goal: str, *names: str, operator: str = "analyst", found: tuple[Report, ...] = (), part_of: str = ""
    ) -> None:
        profile = ROSTER.get(operator)
        self.delegation = Delegation(
            mission_id="m", task=Task(id="t1", operator=operator, goal=goal), profile_version="v",
            brief=f"This is part of the mission: {part_of or goal}", tools=profile.tools, budget=Budget(),
            attachments=files(*names), found=found,
        )  # fmt: skip
        self.role = MasterOperator(Rehearsing(), Prompts(), ROSTER)
        self.transcript: list[BaseMessage] = self.role.opening(self.delegation)

    async def next(self, *outputs: str) -> Any:
        """Answer the calls of the last step and return the next decision: a tool call, or the end."""
        if outputs:
            last = self.transcript[-1]
            assert isinstance(last, AIMessage)
            pairs = zip(last.tool_calls, outputs, strict=True)
            self.transcript += [ToolMessage(o, tool_call_id=c["id"], name=c["name"]) for c, o in pairs]
        specs = tuple(
            ToolSpec(name=n, description=n, parameters={"type": "object", "properties": {a: {} for a in ARGUMENTS[n]}})
            for n in self.delegation.tools
        )
        decision = self.role.decide(await self.role.think(self.delegation, self.transcript, specs, SITE))
        if not isinstance(decision, Act):
            return decision
        calls = [{"name": c.name, "args": c.arguments, "id": c.id, "type": "tool_call"} for c in decision.calls]
        self.transcript.append(AIMessage("", tool_calls=calls))
        [call] = decision.calls
        return call.name, call.arguments


def report(result: str, status: Status = Status.COMPLETED, **fields: Any) -> Report:
    whole = {
        "task_id": "t1",
        "operator": "analyst",
        "summary": "In short.",
        "sources": (Source(file="a.csv", quote="x"),),
    }
    return Report(**(whole | {"status": status, "result": result} | fields))
