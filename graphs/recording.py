"""Model and tool calls go on record before and after they run; a call that is on record as finished is not made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast

from agents.llm.calls import CallSite, ModelAsker, ModelRequest
from agents.llm.gateway import GaveUp
from agents.prompting import prompt_version
from core.budget import Usage
from core.decisions import Reply, ToolCall
from core.errors import StoreUnavailable
from core.events import (
    ArtifactMade,
    Event,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    ModelRetried,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from core.ports import Effect, Effects, Intent, ToolContext, ToolOutcome
from graphs.mission_run import MissionRun, current_run
from graphs.streaming import CHIEF_PAUSE, OPERATOR_PAUSE, TextStream
from memory.journal import Journal

_RETURNED = [name for name in ToolOutcome.model_fields if name in ToolReturned.model_fields]


class RecordedGateway:
    """The gateway that roles are given: checks the budget, streams the text, keeps the reply in the journal."""

    def __init__(self, gateway: ModelAsker) -> None:
        self._gateway = gateway

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        """Return the reply on record for this step, or ask and record it; raises BudgetSpent, ModelUnavailable."""
        run = current_run()
        if done := run.record.replies.get(site.step):
            return reply_of(done)
        run.check_budget()
        text = TextStream(
            lambda piece, offset: run.emit(_text(run, site, piece, offset)),
            CHIEF_PAUSE if site.task_id is None else OPERATOR_PAUSE,
        )
        try:
            chosen = replace(request, model=run.mission.choices.models.get(request.tier, ""))
            reply = await self._gateway.ask(chosen, _listening(run, site, text))
        except GaveUp as lost:
            run.keep(_failed(run, site, str(lost), lost.usage))
            raise
        finally:
            text.close()
        text.flush()
        run.keep(_replied(run, site, reply))
        return reply


def reply_of(done: ModelReplied) -> Reply:
    """Take a reply back from the record."""
    return Reply(text=done.text, tool_calls=done.tool_calls, finish=done.finish, model=done.model, usage=done.usage)


def outcome_of(done: ToolReturned) -> ToolOutcome:
    """Take a tool's outcome back from the record."""
    return ToolOutcome(
        status=done.status,
        output=done.output,
        size=done.size,
        seconds=done.seconds,
        sources=done.sources,
        artifacts=done.artifacts,
        tainted=done.tainted,
        risks=done.risks,
        undo=done.undo,
        grants=done.grants,
        pictures=done.pictures,
    )


def _listening(run: MissionRun, site: CallSite, text: TextStream) -> CallSite:
    seen: dict[str, Any] = {}

    def pictures(names: tuple[str, ...], unseen: str) -> None:
        seen.update(pictures=names, unseen=unseen)

    def asked(model: str, why: str) -> None:
        about = {"mission_id": run.mission.id, "task_id": site.task_id, "step": site.step}
        more = {"role": site.role, "operator": site.operator, "prompt": prompt_version(site.role, site.step)}
        run.emit(ModelAsked(**about, **more, model=model, why=why, **seen))

    def retried(reason: str, wait: float) -> None:
        about = {"mission_id": run.mission.id, "task_id": site.task_id, "step": site.step}
        run.emit(ModelRetried(**about, reason=reason, wait=wait))

    def stopped(usage: Usage) -> None:  # at once: whoever is cancelled may find nobody at the graph's stream any more
        run.tell(_failed(run, site, "It was stopped before the model had answered.", usage))

    site = replace(site, mission_id=run.mission.id, on_text=text.add, on_retry=retried, on_stopped=stopped)
    return replace(site, on_model=asked, on_pictures=pictures)


def _text(run: MissionRun, site: CallSite, piece: str, offset: int) -> TextStreamed:
    return TextStreamed(mission_id=run.mission.id, task_id=site.task_id, step=site.step, offset=offset, text=piece)


def _failed(run: MissionRun, site: CallSite, reason: str, usage: Usage) -> ModelFailed:
    return ModelFailed(mission_id=run.mission.id, task_id=site.task_id, step=site.step, reason=reason, usage=usage)


def _replied(run: MissionRun, site: CallSite, reply: Reply) -> ModelReplied:
    return ModelReplied(
        mission_id=run.mission.id,
        task_id=site.task_id,
        step=site.step,
        role=site.role,
        operator=site.operator,
        model=reply.model,
        text=reply.text,
        tool_calls=reply.tool_calls,
        finish=reply.finish,
        usage=reply.usage,
        heard=site.heard,
    )


async def call_tool(run: MissionRun, call: ToolCall, context: ToolContext) -> ToolOutcome:
    """Return the outcome on record for this step, or call the tool through the gate and record what came of it.

    An "unsettled" outcome is no end, so nothing is recorded: call again once `context.decided` says what the user decided.
    Nor is "approval": call again once its `wish` is allowed.
    """
    if done := run.record.returns.get(context.step):
        return outcome_of(done)
    run.check_budget()
    about = {"mission_id": run.mission.id, "task_id": context.task_id, "step": context.step, "tool": call.name}
    intent = run.staff.toolbox.intent(call)
    called = ToolCalled(**about, arguments=call.arguments, intent=intent)
    run.record.accounts.note(called)
    run.emit(called)
    outcome = await run.staff.toolbox.call(call, context)
    if outcome.status in ("unsettled", "approval"):
        return outcome
    for artifact in outcome.artifacts:
        run.emit(ArtifactMade(mission_id=run.mission.id, task_id=context.task_id, artifact=artifact, step=context.step))
    run.keep(ToolReturned(**about, **{name: getattr(outcome, name) for name in _RETURNED}))
    return outcome


WRITTEN_WITHIN = 20.0
"""Seconds in which the journal must have caught up before an effect is given up; it is milliseconds behind, usually."""
_MISSIONS = 200


@dataclass
class _Calls:
    """What the journal is known to hold of one attempt's calls: their steps, and how far it was read."""

    after: int = 0
    steps: set[str] = field(default_factory=set)


class RecordedEffects:
    """The effects that the gate is given: none that must not be repeated begins before the journal says who asked for it.

    Otherwise a crash could take the model's reply with it and leave the deed; and the model, asked again, might want the
    same deed at another step or in other words, which nobody would recognise.
    """

    def __init__(self, effects: Effects, journal: Journal) -> None:
        self._effects, self._journal = effects, journal
        self._calls: dict[tuple[str, int], _Calls] = {}

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        """Begin an effect once its call stands in the journal; raises StoreUnavailable if it does not come to that."""
        if effect.durable:
            try:
                async with asyncio.timeout(WRITTEN_WITHIN):
                    await self._on_record(effect)
            except TimeoutError:
                raise StoreUnavailable("The journal cannot be written. Nothing was done; please try again.") from None
        return await self._effects.begin(effect, after=after, beside=beside, decision=decision)

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        """Put on record what came of it."""
        await self._effects.finish(effect, runs, outcome)

    async def _on_record(self, effect: Effect) -> None:
        """Return once the call, and with it everything before it, is committed."""
        calls = self._calls.setdefault((effect.mission_id, effect.attempt), _Calls())
        while len(self._calls) > _MISSIONS:  # the oldest is read again, should it still be at work
            self._calls.pop(next(iter(self._calls)))
        if effect.step in calls.steps:
            return
        following = cast("AsyncGenerator[Event, None]", self._journal.follow(effect.mission_id, calls.after))
        async with aclosing(following) as events:
            async for event in events:
                calls.after = max(calls.after, event.seq)
                if isinstance(event, ToolCalled):
                    calls.steps.add(event.step)
                if effect.step in calls.steps:
                    return
