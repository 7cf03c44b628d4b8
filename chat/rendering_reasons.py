"""Who did a step and why so: the model and the reason for it, what went in and what came out, in tokens, bytes and dollars."""

from __future__ import annotations

from chat.wording import counted, literal, price
from core.budget import Usage
from core.events import ModelAsked, ModelReplied, TaskStarted, ToolReturned


def model_given(event: ModelAsked) -> str:
    """Say whose call it is, and why this model was asked; "" where that is not on record."""
    if not event.why:
        return ""
    who = event.operator or {"chief": "Chief of Staff"}.get(event.role, event.role)
    prompt = f", prompt {event.prompt}" if event.prompt else ""
    shown = f"\n\nIt is shown: {literal(', '.join(event.pictures))}" if event.pictures else ""
    return f"{literal(who)} asks {literal(event.model.rstrip(':'))}{prompt}: {literal(event.why)}{shown}"


def model_used(given: str, event: ModelReplied) -> str:
    """Add what a call took, and how many messages of others it was given."""
    if not given:
        return ""
    heard = f"; {counted(len(event.heard), 'message')} from others" if event.heard else ""
    return f"{given}\n\n{tokens(event.usage)}{heard}"


def tokens(usage: Usage) -> str:
    """Write what went in and out, and what it cost."""
    cached = f" ({usage.tokens_cached:,} from the cache)" if usage.tokens_cached else ""
    return f"In: {counted(usage.tokens_in, 'token')}{cached}, out: {counted(usage.tokens_out, 'token')}, {price(usage)}"


def task_given(event: TaskStarted) -> str:
    """Say which operator took a task, in which version, and whose reports it has."""
    parts = [f"Operator: {literal(event.operator)}, profile {literal(event.profile_version)}"]
    if event.needs:
        parts.append(f"With the reports of {literal(', '.join(event.needs))}")
    return "\n\n" + ". ".join(parts)


def sizes(given: str, event: ToolReturned) -> str:
    """Count what went into a tool call and what came out of it, before anything was cut."""
    return f"*In: {counted(len(given.encode()), 'byte')}, out: {counted(event.size, 'byte')}*"
