"""A gateway with one reply, and small briefs and reports for the roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply, ToolCall
from core.memories import Brief, Origin, Passage, Recollection
from core.missions import Attachment, Report, Status

SITE = CallSite(role="test")
CSV = Attachment(id="f1", name="sales.csv", hash="h", size=2048, mime="text/csv")


class OneReply:
    """A gateway that knows one reply and keeps the question."""

    def __init__(self, text: str = "", *calls: tuple[str, dict[str, Any]], finish: Any = "stop") -> None:
        made = tuple(ToolCall(id=str(i), name=n, arguments=a) for i, (n, a) in enumerate(calls))
        self.reply = Reply(text=text, tool_calls=made, finish=finish)

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        self.request, self.site = request, site
        return self.reply

    @property
    def texts(self) -> list[str]:
        return [str(m.text) for m in self.request.messages]

    @property
    def tools(self) -> list[str]:
        return [t.name for t in self.request.tools]


class LetterEmbedder:
    """Embeds by the first letters of a text: enough to rank one operator first."""

    name = "letters"
    dimensions = 2

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] if t.startswith(("Writer", "Write")) else [0.0, 1.0] for t in texts]


def brief(goal: str = "Total revenue per region", **fields: Any) -> Brief:
    return Brief(mission_id="m", conversation_id="c", user_id="u", goal=goal, **fields)


def passage(text: str, origin: Origin = Origin.FILE, page: int | None = 2) -> Recollection:
    p = Passage(
        id="p", user_id="u", conversation_id="c", origin=origin, origin_id="o", name="memo.pdf", text=text, page=page
    )
    return Recollection(passage=p, score=0.9)


def report(task_id: str = "t1", **fields: Any) -> Report:
    whole = {"operator": "analyst", "status": Status.COMPLETED, "summary": "North leads.", "result": "| North | 5 |"}
    return Report(task_id=task_id, **(whole | fields))
