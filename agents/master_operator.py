"""A Master Operator: sees one delegation, and after each round of tool results decides what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agents.llm.calls import CallSite, ModelAsker, ModelRequest
from agents.prompting import Prompts, contexts_section, cut, files_section, group, joined, report_section, section
from agents.role_tools import (
    FINISH,
    ask_person_tool,
    finish_tool,
    flag_for_review_tool,
    in_brief,
    send_message_tool,
    start_subtask_tool,
)
from agents.roster import Roster
from core.decisions import Act, Finish, OperatorDecision, Reply, ToolCall
from core.missions import Delegation
from core.ports import ToolSpec

_FOUND_CHARACTERS, _MOST_DEEDS = 6000, 50
_DONE = frozenset({"", "completed", "complete", "done", "success"})


class MasterOperator:
    """Makes the judgements about one task; which operator it is, its delegation says."""

    def __init__(self, gateway: ModelAsker, prompts: Prompts, roster: Roster, deepest: int = 4) -> None:
        self._gateway, self._prompts, self._roster, self._deepest = gateway, prompts, roster, deepest

    def opening(self, delegation: Delegation) -> list[BaseMessage]:
        """Begin the transcript of a task: who the operator is, and everything it is given."""
        profile = self._roster.get(delegation.task.operator)
        role = self._prompts.render("operator", title=profile.title, charter=profile.charter)
        return [SystemMessage(role), HumanMessage(_given(delegation))]

    async def think(
        self, delegation: Delegation, transcript: list[BaseMessage], tools: tuple[ToolSpec, ...], site: CallSite
    ) -> Reply:
        """Ask the model once what to do next; `tools` are those granted, the role's own are added here."""
        tier = delegation.task.model or self._roster.get(delegation.task.operator).tier
        told = (*map(in_brief, tools), *self._core_tools(delegation))
        return await self._gateway.ask(ModelRequest(transcript, told, tier), site)

    def decide(self, reply: Reply) -> OperatorDecision:
        """Read a reply: calls to make first, else the end of the task."""
        calls = tuple(c for c in reply.tool_calls if c.name != FINISH)
        if calls:
            return Act(calls=calls, text=reply.text)
        if reply.tool_calls:
            return _finished(reply.tool_calls[0], reply.text.strip())
        return _said(reply)

    def _core_tools(self, delegation: Delegation) -> tuple[ToolSpec, ...]:
        names = [p.name for p in self._roster.enabled()]
        subtasks = (start_subtask_tool(names),) if delegation.depth < self._deepest else ()
        return (finish_tool(), *subtasks, send_message_tool(), ask_person_tool(), flag_for_review_tool())


def _given(delegation: Delegation) -> str:
    task = delegation.task
    return joined(
        contexts_section(delegation.contexts),
        section("brief", delegation.brief),
        files_section(delegation.attachments),
        group("reports", (report_section(r, _FOUND_CHARACTERS) for r in delegation.found)),
        section("goal", task.goal),
        section("done_when", task.done_when),
    )


def _finished(call: ToolCall, text: str) -> Finish:
    """Read `finish` kindly where its meaning is clear; an end with nothing in it is no completed task."""
    summary, result = _words(call.arguments.get("summary")), _words(call.arguments.get("result"))
    result = result or text
    summary = summary or cut(result, 400)
    if not summary:
        return Finish(status="failed", summary="The operator ended the task without saying what it found.")
    done = _words(call.arguments.get("status")).lower() in _DONE
    did = tuple(_deeds(call.arguments.get("did")))
    return Finish(status="completed" if done else "failed", summary=summary, result=result, did=did)


def _deeds(given: object) -> Iterator[tuple[str, str]]:
    """Read what an operator says it did: a list of {what, receipt}, or of texts."""
    for deed in given[:_MOST_DEEDS] if isinstance(given, list) else ():
        what = _words(deed.get("what") if isinstance(deed, dict) else deed)
        if what:
            yield cut(what, 300), _words(deed.get("receipt")) if isinstance(deed, dict) else ""


def _said(reply: Reply) -> Finish:
    text = reply.text.strip()
    if not text:
        return Finish(status="failed", summary="The model gave an empty reply.")
    short = cut(text, 400)
    if reply.finish == "length":
        short = f"(Cut off at the length limit.) {short}"
    return Finish(status="completed", summary=short, result=text)


def _words(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
