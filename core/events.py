"""What happened, as small frozen values: the one vocabulary between the graph and every view.

An event is written to the journal once; `key` (where not None) makes a replay after a crash harmless. `seq` counts the events
of one mission from 1 without gaps. `step` names a place in the mission's tree: `plan`, `t1`, `t1/2` (second model call of task t1),
`t1/2.0` (its first tool call), `report`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from core.budget import Usage
from core.decisions import Account, ToolCall
from core.memories import Picture
from core.missions import (
    Artifact,
    Attachment,
    Envelope,
    Happening,
    Once,
    OncePerStep,
    Priority,
    Source,
    Status,
    Task,
)
from core.steering import SteeringEvent


class MissionAccepted(Once):
    """The goal and its files are safely stored; from here on nothing of it is lost."""

    kind: Literal["mission_accepted"] = "mission_accepted"
    conversation_id: str
    goal: str
    attachments: tuple[Attachment, ...] = ()
    priority: Priority = Priority.MEDIUM


class MissionStarted(Happening):
    """Work began, or began again (attempt 2 and up) after the process was lost."""

    kind: Literal["mission_started"] = "mission_started"


class BriefAssembled(Once):
    """The context of the Chief is complete: how much of what went in, and which passages and memories were recalled.

    `tainted` says what of it came from outside ("" if nothing).
    """

    kind: Literal["brief_assembled"] = "brief_assembled"
    history_messages: int
    tokens: int
    recalled: tuple[Source, ...] = ()
    contexts: tuple[Source, ...] = ()  # the parts of context documents that match the goal
    tainted: str = ""


class ModelAsked(OncePerStep):
    """A role put its question to a model; `prompt` names the version of the prompt file it did so with.

    `pictures` names those the model was sent with it, `unseen` says in words for people which it was not, and why.
    """

    kind: Literal["model_asked"] = "model_asked"
    role: str
    operator: str = ""
    model: str
    why: str = ""
    prompt: str = ""
    pictures: tuple[str, ...] = ()
    unseen: str = ""


class TextStreamed(Happening):
    """A piece of a model's text: the step's text so far is what came before `offset`, plus `text`."""

    kind: Literal["text_streamed"] = "text_streamed"
    step: str
    offset: int
    text: str


class ModelRetried(Happening):
    """One model call did not succeed and is tried again after `wait` seconds."""

    kind: Literal["model_retried"] = "model_retried"
    step: str
    reason: str
    wait: float


class ModelReplied(OncePerStep):
    """A complete reply; the record from which a replay takes it, so that no finished call is made twice."""

    kind: Literal["model_replied"] = "model_replied"
    role: str
    operator: str = ""
    model: str
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    usage: Usage
    first_token_seconds: float | None = None
    heard: tuple[str, ...] = ()  # ids of the messages from other roles that this call was given


class ModelFailed(Happening):
    """A model call was given up after all its attempts, or stopped; `usage` is what they cost all the same."""

    kind: Literal["model_failed"] = "model_failed"
    step: str
    reason: str
    usage: Usage = Field(default_factory=Usage)


class PlanMade(Happening):
    """A plan passed the checks (or was extended: a higher version with the tasks added)."""

    kind: Literal["plan_made"] = "plan_made"
    version: int = 1
    tasks: tuple[Task, ...]
    note: str = ""

    @property
    def key(self) -> str | None:
        return f"plan_made:{self.version}"


class PlanRefused(OncePerStep):
    """A plan broke the rules; the Chief may repair it once."""

    kind: Literal["plan_refused"] = "plan_refused"
    problems: tuple[str, ...]


class TaskStarted(Once):
    """An operator took a task; everything it was given is in the delegation message of the same task."""

    kind: Literal["task_started"] = "task_started"
    task_id: str
    parent_task_id: str | None = None
    operator: str
    title: str
    profile_version: str
    goal: str
    done_when: str = ""
    needs: tuple[str, ...] = ()
    depth: int = 1
    tools: tuple[str, ...] = ()
    offered: tuple[str, ...] | None = None  # those of `tools` that were chosen for its prompts; None: all of them
    contexts: tuple[Source, ...] = ()  # the parts of context documents it was given


class ToolCalled(OncePerStep):
    """A tool is about to run; `intent` says in plain words what for."""

    kind: Literal["tool_called"] = "tool_called"
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    intent: str = ""


class ToolReturned(OncePerStep):
    """A tool call ended; `output` is what the operator reads (capped: `size` counts the bytes before).

    `tainted` says that it came from outside; so does what is not marked otherwise, being older than the mark. With `risks` it is
    a receipt: the tool does more than read, and `undo` says how a person takes it back. `grants` are tools it gave the task.
    """

    kind: Literal["tool_returned"] = "tool_returned"
    tool: str
    status: Literal["ok", "failed", "refused", "timeout"]
    output: str
    size: int
    seconds: float
    sources: tuple[Source, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    tainted: bool = True
    risks: tuple[str, ...] = ()
    undo: str = ""
    grants: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class ArtifactMade(Happening):
    """An operator produced a file, with the call of `step`."""

    kind: Literal["artifact_made"] = "artifact_made"
    artifact: Artifact
    step: str = ""

    @property
    def key(self) -> str | None:
        return f"artifact_made:{self.artifact.id}"


class MessageSent(Happening):
    """A message went from one role to another."""

    kind: Literal["message_sent"] = "message_sent"
    message: Envelope

    @property
    def key(self) -> str | None:
        return f"message_sent:{self.message.message_id}"


class TaskEnded(Once):
    """A task came to its end: completed, failed or cancelled; `partial` if a limit ended it early."""

    kind: Literal["task_ended"] = "task_ended"
    task_id: str
    operator: str
    status: Status
    summary: str
    result: str = ""
    partial: bool = False
    problem: str = ""
    sources: tuple[Source, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()  # what its operator says it did -> the step that shows it ("": none does)
    flags: tuple[str, ...] = ()
    usage: Usage = Field(default_factory=Usage)


class ReviewGiven(OncePerStep):
    """The work was held against what was asked: accepted, or sent back task by task."""

    kind: Literal["review_given"] = "review_given"
    verdict: Literal["accept", "send_back"]
    reasons: dict[str, str] = Field(default_factory=dict)
    shortfall: str = ""


class QuestionAsked(OncePerStep):
    """A role needs an answer from the user; who waits for it holds no place. After `expires_at` it counts as unanswered."""

    kind: Literal["question_asked"] = "question_asked"
    question: str
    form: Literal["text", "number", "choice", "yes_no", "file"] = "text"
    choices: tuple[str, ...] = ()
    operator: str = ""
    expires_at: datetime | None = None


class QuestionAnswered(OncePerStep):
    """The user answered, or did not in time (`unanswered`)."""

    kind: Literal["question_answered"] = "question_answered"
    answer: str
    unanswered: bool = False
    attachments: tuple[Attachment, ...] = ()


class LimitReached(Happening):
    """Code stopped something at a limit: which one, where, and what became of it, in plain words."""

    kind: Literal["limit_reached"] = "limit_reached"
    limit: str
    allowed: str
    words: str


class MissionEnded(Happening):
    """The mission stopped: at a definite end, or waiting for the user. The last event of an attempt."""

    kind: Literal["mission_ended"] = "mission_ended"
    status: Status
    answer: str = ""
    problem: str = ""
    error_id: str = ""
    limit: str = ""  # set when a budget ended the mission
    wake_at: datetime | None = None  # set while it waits: when somebody looks at it again, answered or not
    sources: tuple[Source, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    account: Account = Field(default_factory=Account)
    usage: Usage = Field(default_factory=Usage)


Event = Annotated[
    MissionAccepted | MissionStarted | BriefAssembled | ModelAsked | TextStreamed | ModelRetried | ModelFailed
    | ModelReplied | PlanMade | PlanRefused | TaskStarted | ToolCalled | ToolReturned | ArtifactMade | MessageSent
    | TaskEnded | ReviewGiven | QuestionAsked | QuestionAnswered | LimitReached | SteeringEvent | MissionEnded,
    Field(discriminator="kind"),
]  # fmt: skip
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


def money(cost: Decimal) -> str:
    """Write US dollars with as many digits as the amount needs; what is not nothing is never written as nothing."""
    if not cost or cost < Decimal("0.0001"):
        return "under $0.0001" if cost else "$0"
    return f"${cost:.2f}" if cost >= 1 or f"{cost:.4f}".endswith("00") else f"${cost:.4f}".rstrip("0")
