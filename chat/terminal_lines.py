"""What happens in a mission as plain lines, what waits for a person and how to settle it, and how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import typer

from api.mission_views import account_shown, source_shown, usage_shown
from chat.rendering_plans import after
from core.decisions import Account
from core.events import (
    Event,
    LimitReached,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelRetried,
    PlanMade,
    QuestionAnswered,
    QuestionAsked,
    ReviewGiven,
    TaskEnded,
    TaskStarted,
    ToolCalled,
    money,
)
from core.missions import Status
from core.steering import (
    ApprovalDecided,
    ApprovalRequested,
    AttentionNeeded,
    AttentionSettled,
    Intervened,
    OrderGiven,
    OrderSettled,
    PlanDecided,
    PlanProposed,
    StatusChanged,
    StepHeld,
    StepReleased,
)
from graphs.accounts import changes
from graphs.standing import Standing

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Write out what a terminal would obey, and what turns the words around it: models and strangers wrote this."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def line_of(event: Event) -> str:
    """Say in one line what happened ("" where there is nothing to say to a person)."""
    words = ""
    match event:
        case MissionStarted() if event.attempt > 1:
            words = "Work goes on."
        case PlanMade():
            count = len(event.tasks)
            words = f"Plan: {count} task{'' if count == 1 else 's'}. {event.note}"
        case TaskStarted():
            words = f"  {event.task_id} {event.title}: {first_line(event.goal)}"
        case ToolCalled():
            words = f"    {event.task_id}: {event.intent}"
        case TaskEnded():
            state = "partly done" if event.partial else event.status.value
            words = f"  {event.task_id} {state}: {first_line(event.problem or event.summary)[:120]}"
        case ReviewGiven(verdict="send_back"):
            words = f"Review: sent back. {event.shortfall}"
        case _:
            words = _asked(event) or _steered(event)
    return harmless(words)


def _asked(event: Event) -> str:
    words = ""
    match event:
        case QuestionAsked():
            words = f"{event.operator or 'The Chief'} asks: {event.question}"
        case QuestionAnswered():
            words = "Nobody answered in time." if event.unanswered else f"Answer: {first_line(event.answer)}"
        case StepHeld():
            words = f"Held {event.step}: {event.words}"
        case StepReleased():
            words = f"Released {event.step}: {event.choice}"
        case AttentionNeeded():
            words = f"Needs you at {event.step}: {event.words}"
        case AttentionSettled():
            words = f"Decided at {event.step}: {event.choice}. {event.words}".rstrip()
        case ApprovalRequested():
            words = f"Needs your approval at {event.step}: {event.words}. {event.why}"
        case ApprovalDecided():
            words = f"Approval at {event.step}: {event.decision}. {event.reason}".rstrip()
        case _:
            pass  # neither asks for a decision nor is one
    return words


def _steered(event: Event) -> str:
    words = ""
    match event:
        case PlanProposed():
            words = f"A plan waits for you ({len(event.tasks)} tasks). {event.note}".rstrip()
        case PlanDecided():
            words = f"Plan: {event.choice}. {event.reason}".rstrip()
        case OrderGiven(order=order):
            what = order.text or order.choice or order.task_id or ""
            words = f"Order: {order.kind.value.replace('_', ' ')} {first_line(what)}".rstrip()
        case OrderSettled() if event.words:
            words = f"  {event.words}"
        case StatusChanged():
            words = f"  {event.task_id} {event.status.value.replace('_', ' ')}"
        case ModelRetried():
            words = f"    {event.task_id or 'Chief'}: the model is asked again in {event.wait:.0f} s. {event.reason}"
        case LimitReached() | Intervened():
            words = f"  {event.words}"
        case ModelAsked():
            words = f"  {event.unseen}" if event.unseen else ""
        case _:
            pass  # nothing to say to a person
    return words


def first_line(text: str) -> str:
    """Return the first line with something in it."""
    return next((line for line in text.splitlines() if line.strip()), "")


def hints(mission_id: str, standing: Standing) -> list[str]:
    """Say of everything that waits for a person what it is, and the command that settles it."""
    said: list[str] = []
    several = len(standing.open_questions) > 1
    for asked in standing.open_questions:
        wanted = f" ({', '.join(asked.choices)})" if asked.choices else ""
        said.append(f"{asked.operator or 'The Chief'} asks: {asked.question}{wanted}")
        given = "--file PATH" if asked.form == "file" else '"..."'
        step = f" --step {asked.step}" if several else ""
        said.append(f"  Answer with: staffwork answer {mission_id} {given}{step}")
    for held in standing.open_steps:
        said.append(f"Held {held.step}: {held.words}")
        if held.what == "act":
            said.append(f"  {held.tool} {json.dumps(held.arguments, ensure_ascii=False)}")
        said.append(
            f"  Go on with: staffwork missions release {mission_id} continue --step {held.step} --work (or skip, edit, abort)"
        )
    for needed in standing.open_attention:
        said.append(f"Needs you at {needed.step}: {needed.words}")
        choices = "|".join(needed.choices)
        said.append(
            f"  Decide with: staffwork missions settle {mission_id} {choices} --step {needed.step} --work (one of them)"
        )
    for plan in standing.open_plans:
        said += [f"A plan waits for you. {plan.note}".rstrip(), *plan_lines(plan)]
        said.append(
            f"  Decide with: staffwork missions plan {mission_id} {'|'.join(plan.choices)} --work (one of them)"
        )
    for waiting in standing.open_approvals:
        said.append(f"Needs your approval: {waiting.words}. {waiting.why}")
        said.append(f"  {waiting.tool} {json.dumps(waiting.arguments, ensure_ascii=True)}")
        said.append(f"  Allow with: staffwork approvals approve {waiting.approval_id} --work (or reject)")
    if standing.paused:
        said.append(f"Paused. Go on with: staffwork missions resume {mission_id} --work")
    return [harmless(line) for line in said]


def plan_lines(plan: PlanProposed) -> list[str]:
    """Write each task of a plan in full."""
    return [harmless(f"  {t.id} {t.operator}{after(t)}: {' '.join(t.goal.split())}") for t in plan.tasks]


def last_line(ended: MissionEnded, paths: dict[str, str]) -> dict[str, Any]:
    """Show the end as the last line of JSON."""
    about = ended.model_dump(
        mode="json", include={"kind", "mission_id", "seq", "at", "status", "answer", "problem", "limit"}
    )
    return about | {
        "sources": [source_shown(s) for s in ended.sources],
        "artifacts": [
            {"id": a.id, "name": a.name, "size": a.size, "mime": a.mime}
            | ({"path": paths[a.id]} if a.id in paths else {})
            for a in ended.artifacts
        ],
        "account": account_shown(ended.mission_id, ended.account),
        "usage": usage_shown(ended.usage),
    }


def tell_end(ended: MissionEnded, paths: dict[str, str], waiting: Iterable[str] = ()) -> None:
    """Say how a mission ended: the answer on standard output, the rest on standard error; `waiting` says what to do now."""
    if ended.answer:
        typer.echo(harmless(ended.answer))
    if ended.problem:
        typer.echo(harmless(ended.problem), err=True)
    for line in waiting:
        typer.echo(line, err=True)
    for line in account_lines(ended.account):
        typer.echo(line, err=True)
    for artifact in ended.artifacts:
        typer.echo(harmless(f"File: {paths.get(artifact.id, artifact.name)}"), err=True)
    u = ended.usage
    price = money(u.cost) if u.priced else f"{money(u.cost)} and {u.unpriced_calls} calls unpriced"
    typer.echo(f"{u.model_calls} model calls, {u.tokens} tokens, {price}, {u.seconds:.1f} s", err=True)


def account_lines(account: Account) -> list[str]:
    """Say in lines what a mission changed, what cannot be taken back, and what was only said."""
    lines = []
    for receipt in account.receipts:
        if changes(receipt):
            back = receipt.undo or "Cannot be undone."
            sure = back if receipt.certain else "It may or may not have happened."
            lines.append(f"Done {receipt.step}: {first_line(receipt.words)}. {sure}")
    lines += [f"... and {account.more} more calls"] if account.more else []
    lines += [f"Not verified: {first_line(claim)}" for claim in account.unverified]
    lines += [f"Please look at this: {first_line(flag)}" for flag in account.flags]
    titles = ", ".join(c.file for c in account.contexts)
    lines += [f"Context documents used: {titles}"] if titles else []
    return [harmless(line) for line in lines]


def waits(ended: MissionEnded) -> bool:
    """Say whether a mission rests until a person does something."""
    return ended.status in (Status.PAUSED, Status.WAITING_ANSWER, Status.WAITING_APPROVAL, Status.NEEDS_ATTENTION)
