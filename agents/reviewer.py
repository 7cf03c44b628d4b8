"""The Reviewer: holds the reports against what each task was to achieve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from langchain_core.messages import HumanMessage, SystemMessage

from agents.llm.calls import CallSite, ModelAsker, ModelRequest
from agents.prompting import Prompts, group, joined, report_section, section
from agents.role_tools import REVIEW, review_tool
from core.decisions import Accept, Reply, Review, SendBack
from core.memories import Brief
from core.missions import Plan, Report

_RESULT_CHARACTERS = 3000


class Reviewer:
    """Makes the judgement whether the work meets its checks."""

    def __init__(self, gateway: ModelAsker, prompts: Prompts) -> None:
        self._gateway, self._prompts = gateway, prompts

    async def review(self, brief: Brief, plan: Plan, reports: Sequence[Report], site: CallSite) -> Review:
        """Accept the work, or send tasks of this plan back with a reason each; a reply in plain text accepts."""
        content = joined(
            section("goal", brief.goal),
            group("tasks", (section("task", _wanted(t.goal, t.done_when), id=t.id) for t in plan.tasks)),
            group("reports", (report_section(r, _RESULT_CHARACTERS) for r in reports)),
        )
        messages = [SystemMessage(self._prompts.render("reviewer")), HumanMessage(content)]
        known = [t.id for t in plan.tasks]
        return _verdict(await self._gateway.ask(ModelRequest(messages, (review_tool(known),)), site), known)


def _wanted(goal: str, done_when: str) -> str:
    return f"{goal}\ndone_when: {done_when}" if done_when else goal


def _verdict(reply: Reply, known: Sequence[str]) -> Review:
    given = next((c.arguments for c in reply.tool_calls if c.name == REVIEW), {})
    reasons = dict(_reasons(given.get("reasons"), known))
    if given.get("verdict") == "send_back" and reasons:
        return SendBack(reasons=reasons)
    shortfall = given.get("shortfall")
    return Accept(shortfall=shortfall.strip() if isinstance(shortfall, str) else "")


def _reasons(given: object, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for task_id, reason in given.items() if isinstance(given, Mapping) else ():
        if task_id in known and isinstance(reason, str) and reason.strip():
            yield task_id, reason.strip()
