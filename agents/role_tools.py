"""The tools that belong to a role itself: with them a model hands in its judgement instead of acting on the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.missions import Priority
from core.ports import ToolSpec

MAKE_PLAN, ASK_USER = "make_plan", "ask_user"
FINISH, START_SUBTASK, SEND_MESSAGE = "finish", "start_subtask", "send_message"
FLAG_FOR_REVIEW = "flag_for_review"
REVIEW = "review"
_CHECKED_BY_THE_TOOL = frozenset(
    {"additionalProperties", "default", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"}
)


def in_brief(tool: ToolSpec) -> ToolSpec:
    """Describe a tool without the limits of its arguments: it checks them itself and says so in words.

    Descriptions are sent with every call; they were two thirds of an operator's input.
    """
    return tool.model_copy(update={"parameters": _without_limits(tool.parameters)})


def _without_limits(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in schema.items() if k not in _CHECKED_BY_THE_TOOL}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {name: _without_limits(part) for name, part in kept["properties"].items()}
    if isinstance(kept.get("items"), dict):
        kept["items"] = _without_limits(kept["items"])
    return kept


def make_plan_tool(operators: Sequence[str]) -> ToolSpec:
    """Describe how the Chief hands out tasks to the operators offered."""
    task = _object(
        id=_text("t1, t2, ..."),
        operator=_one_of(operators),
        goal=_text("What to do; must stand alone."),
        done_when=_text("Check of the result; optional."),
        needs={"type": "array", "items": {"type": "string"}, "description": "Ids of tasks it must read first."},
        priority=_one_of([p.value for p in Priority]),
        required=("operator", "goal"),
    )
    return ToolSpec(
        name=MAKE_PLAN,
        description="Hand out tasks to operators.",
        parameters=_object(
            note=_text("Why this plan, in one sentence for the user."),
            tasks={"type": "array", "items": task},
            required=("tasks",),
        ),
    )


def ask_user_tool() -> ToolSpec:
    """Describe how the Chief asks the user."""
    return ToolSpec(
        name=ASK_USER,
        description="Ask the user one question and wait for the answer.",
        parameters=_object(question=_text("Short, with the choices if there are any."), required=("question",)),
    )


def ask_person_tool() -> ToolSpec:
    """Describe how an operator asks the user; the answer comes back as the result of the call."""
    return ToolSpec(
        name=ASK_USER,
        description="Ask the user what only they can know; waits.",
        parameters=_object(
            question={"type": "string"},
            form=_one_of(("text", "number", "choice", "yes_no", "file")),
            choices={"type": "array", "items": {"type": "string"}},
            required=("question",),
        ),
    )


def finish_tool() -> ToolSpec:
    """Describe how an operator ends its task; a deed without the receipt of a call counts as not verified."""
    deed = {"type": "object", "properties": {"what": {"type": "string"}, "receipt": {"type": "string"}}}
    return ToolSpec(
        name=FINISH,
        description="End the task and report.",
        parameters=_object(
            status=_one_of(("completed", "failed")),
            summary={"type": "string"},
            result={"type": "string"},
            did={"type": "array", "items": deed, "description": "What you changed, by its receipt."},
            required=("summary",),
        ),
    )


def start_subtask_tool(operators: Sequence[str]) -> ToolSpec:
    """Describe how an operator hands a part of its task to another."""
    return ToolSpec(
        name=START_SUBTASK,
        description="Hand a part to another; returns its report.",
        parameters=_object(
            operator=_one_of(operators),
            goal={"type": "string"},
            done_when={"type": "string"},
            required=("operator", "goal"),
        ),
    )


def send_message_tool() -> ToolSpec:
    """Describe how an operator tells others at work on the same mission something."""
    return ToolSpec(
        name=SEND_MESSAGE,
        description="Tell a task id, operator or * (all).",
        parameters=_object(recipient={"type": "string"}, content={"type": "string"}, required=("recipient", "content")),
    )


def flag_for_review_tool() -> ToolSpec:
    """Describe how an operator has its result looked at by the reviewer and the user."""
    return ToolSpec(
        name=FLAG_FOR_REVIEW,
        description="Have your result looked at.",
        parameters=_object(reason={"type": "string"}, required=("reason",)),
    )


def review_tool(task_ids: Sequence[str]) -> ToolSpec:
    """Describe how the reviewer gives its verdict on the tasks of a plan."""
    return ToolSpec(
        name=REVIEW,
        description="Give the verdict.",
        parameters=_object(
            verdict=_one_of(("accept", "send_back")),
            reasons=_object(required=(), **{task_id: _text("Why it goes back.") for task_id in task_ids}),
            shortfall=_text("What is still not fully met, in plain words; empty if nothing."),
            required=("verdict",),
        ),
    )


def _object(required: Sequence[str], **properties: dict[str, Any]) -> dict[str, Any]:
    # As short as it can be: these schemas are sent with every call, and our code refuses unknown fields itself.
    return {"type": "object", "properties": properties, "required": list(required)}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _one_of(values: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}
