"""The Chief of Staff: answers, asks or plans; and writes the final answer from what the operators reported."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agents.llm.calls import CallSite, ModelAsker, ModelRequest
from agents.llm.pictures import marked
from agents.planning import read_plan
from agents.prompting import (
    Prompts,
    contexts_section,
    cut,
    files_section,
    group,
    joined,
    language_section,
    place,
    report_section,
    section,
)
from agents.role_tools import ASK_USER, MAKE_PLAN, ask_user_tool, make_plan_tool
from agents.roster import Profile, Roster
from core.decisions import Answer, Ask, ChiefDecision, Delegate, Reply
from core.errors import PlanRefused
from core.memories import Brief, Recollection, Said
from core.missions import Report
from core.ports import Embedder

_MOST_OPERATORS = 12
_NAMED_AS_BEST = 4
_RESULT_CHARACTERS = 1500
_ALL_RESULTS_CHARACTERS = 18_000


class ChiefOfStaff:
    """Makes the judgements about a whole mission; with an embedder, the operators that fit the goal best are named."""

    def __init__(self, gateway: ModelAsker, prompts: Prompts, roster: Roster, embedder: Embedder | None = None) -> None:
        self._gateway, self._prompts, self._roster, self._embedder = gateway, prompts, roster, embedder

    async def plan(self, brief: Brief, site: CallSite, problems: Sequence[str] = ()) -> tuple[ChiefDecision, Reply]:
        """Decide once how to meet the goal; `problems` are those of the first attempt at a plan.

        Raises PlanRefused if the reply cannot be used, ModelUnavailable if there is none.
        """
        best = await self._best(brief.goal)
        offered = sorted(best, key=lambda p: p.name)  # a stable order: prompt caches reuse what does not change
        messages = [
            SystemMessage(self._prompts.render("chief", roster="\n".join(f"- {p.name}: {p.when}" for p in offered))),
            *_conversation(brief.history),
            HumanMessage(
                _question(brief, best if self._embedder else [], problems), additional_kwargs=marked(brief.pictures)
            ),
        ]
        names = [p.name for p in offered]
        request = ModelRequest(messages, (make_plan_tool(names), ask_user_tool()), tier="strong")
        reply = await self._gateway.ask(request, site)
        return _decision(reply, names), reply

    async def report(self, brief: Brief, reports: Sequence[Report], site: CallSite, shortfall: str = "") -> Reply:
        """Write the final answer from the reports; its text is streamed through `site`."""
        room = min(_RESULT_CHARACTERS, _ALL_RESULTS_CHARACTERS // max(len(reports), 1))
        content = joined(
            _recently(brief.history),
            group("reports", (report_section(r, room) for r in reports)),
            section("shortfall", shortfall),
            language_section(brief.language),
            section("goal", brief.goal),
        )
        messages = [SystemMessage(self._prompts.render("report")), HumanMessage(content)]
        return await self._gateway.ask(ModelRequest(messages), site)

    async def _best(self, goal: str) -> list[Profile]:
        ranked = await self._roster.ranked(goal, self._embedder) if self._embedder else self._roster.enabled()
        return ranked[:_MOST_OPERATORS]


def _decision(reply: Reply, operators: Sequence[str]) -> ChiefDecision:
    plans = [c for c in reply.tool_calls if c.name == MAKE_PLAN]
    if len(plans) > 1:
        raise PlanRefused([f"make_plan was called {len(plans)} times: call it once, with all tasks in one list."])
    if plans:
        return Delegate(plan=read_plan(plans[0].arguments, operators))
    for call in reply.tool_calls:
        if call.name != ASK_USER:
            raise PlanRefused([f"There is no tool {call.name[:60]!r}: call make_plan or ask_user, or answer in text."])
        question = call.arguments.get("question")
        if not isinstance(question, str) or not question.strip():
            raise PlanRefused(["ask_user was called without a question: put it into `question`."])
        return Ask(question=question.strip())
    if not reply.text.strip():
        raise PlanRefused(["The reply was empty: answer in text, call ask_user, or call make_plan."])
    return Answer(text=reply.text.strip())


def _conversation(history: Sequence[Said]) -> list[BaseMessage]:
    """Turn earlier messages into turns that every provider accepts: the user first, and never two in a row by one."""
    turns: list[tuple[str, str]] = []
    for said in history:
        if turns and turns[-1][0] == said.author:
            turns[-1] = (said.author, f"{turns[-1][1]}\n\n{said.text}")
        elif said.text.strip():
            turns.append((said.author, said.text))
    if turns and turns[0][0] != "user":
        turns.insert(0, ("user", "(Earlier messages are left out.)"))
    return [HumanMessage(text) if author == "user" else AIMessage(text) for author, text in turns]


def _question(brief: Brief, best: Sequence[Profile], problems: Sequence[str]) -> str:
    answers = "\n".join(f"You asked: {question}\nThe user answered: {answer}" for question, answer in brief.answers)
    return joined(
        contexts_section(brief.contexts),
        group("passages", (_passage(r) for r in brief.recalled)),
        files_section(brief.attachments),
        section("answers", answers),
        section("matches", ", ".join(p.name for p in best[:_NAMED_AS_BEST])),
        section("problems", _mending(problems)),
        language_section(brief.language),
        section("goal", brief.goal),
    )


def _mending(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    return "\n".join(["Your plan was refused. Mend all of this:", *(f"- {p}" for p in problems)])


def _passage(found: Recollection) -> str:
    p = found.passage
    name = {"memory": "remembered", "message": "said earlier"}.get(p.origin.value, place(p.name, p.page, p.line))
    return section("passage", p.text, source=name)


def _recently(history: Sequence[Said]) -> str:
    return section("history", "\n".join(f"{s.author}: {cut(s.text, 400)}" for s in history[-2:]))
