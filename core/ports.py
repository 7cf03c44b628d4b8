"""The seams: what agents and tools may ask of the outside without knowing who answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from core.decisions import ToolCall
from core.memories import Memory, Origin, Passage, Picture, Recollection
from core.missions import Artifact, Attachment, Source, Value, now


class Embedder(Protocol):
    """Turns texts into vectors; `name` identifies model and version, so that vectors of two models never mix."""

    name: str
    dimensions: int

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit-length vector per text, in order."""
        ...


class PassageIndex(Protocol):
    """Finds passages again, by words and by meaning; what belongs to another user is never found."""

    async def add(self, passages: Sequence[Passage]) -> None: ...

    async def search(
        self,
        query: str,
        *,
        user_id: str,
        conversation_id: str | None = None,
        origins: Sequence[Origin] = tuple(Origin),
        limit: int = 6,
    ) -> list[Recollection]:
        """Return the best passages, closest first; `conversation_id` None searches all conversations of the user."""
        ...

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        """Return every passage of one file, message or memory, in order (empty if there is none, or it is not yours)."""
        ...


class Memories(Protocol):
    """Keeps facts worth remembering."""

    async def keep(self, memory: Memory) -> None: ...


class Blobs(Protocol):
    """Holds file contents by their SHA-256 (hex); names are never used as paths."""

    async def put(self, content: bytes) -> str: ...

    def path(self, content_hash: str) -> Path:
        """Locate stored content (read only); raises NotFound for an unknown or malformed hash."""
        ...


class LedgerRow(Value):
    """One attempt at one model call: who made it, what it used, what it cost, how it ended.

    `cost` is None when nobody knows the price; `priced_by` is provider, genai-prices, settings, free or unpriced.
    """

    id: str
    mission_id: str = ""
    task_id: str | None = None
    step: str = ""
    role: str
    operator: str = ""
    provider: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None
    outcome: str = "ok"
    cost: Decimal | None = None
    priced_by: str = "unpriced"
    at: datetime = Field(default_factory=now)


class Ledger(Protocol):
    """Keeps one row per attempt at a model call."""

    async def record(self, row: LedgerRow) -> None: ...


class ToolSpec(Value):
    """What a model is told of a tool; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


Decided = Literal["", "check", "happened", "retry", "skip"]


class ToolContext(Value):
    """For whom and within which grants a tool call runs.

    `decided` is what the user said of a call that may or may not have happened, `decision` names that order: each is
    carried out once. `effect_key` is the same whenever this very call is made again: for services that take such a key.
    `tainted` says why the operator may be under a stranger's influence ("" if not), `said` holds the user's own words and
    the goals they approved, `links` the addresses that tools found, `folder` why files here may hold a stranger's orders: what
    policy is judged by. `operator` is who calls, `reach` the tools that its profile may ever be granted; `role` is the user's, as
    the gate finds it where it matters.
    """

    mission_id: str
    conversation_id: str
    user_id: str
    task_id: str | None
    step: str
    granted: tuple[str, ...]
    attachments: tuple[Attachment, ...] = ()
    attempt: int = 1
    decided: Decided = ""
    decision: str = ""
    effect_key: str = ""
    operator: str = ""
    tainted: str = ""
    folder: str = ""
    said: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    role: str = ""


class Wish(Value):
    """A call that may run only if a person allows it. `approval_id` is derived from its place and its arguments, so the same
    call has the same one; `why` and `words` are written by code; `choices` is what a person may decide."""

    approval_id: str
    mission_id: str
    conversation_id: str
    user_id: str
    step: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    words: str
    why: str
    choices: tuple[str, ...]


class Authority(Protocol):
    """Knows what people allowed."""

    async def permits(self, wish: Wish) -> bool:
        """Say whether a person allowed exactly this call, or remembered a decision that covers it."""
        ...

    async def role_of(self, user_id: str) -> str:
        """Name a person's role ("" if there is no such person)."""
        ...


class ToolOutcome(Value):
    """What came of a tool call; `output` is the capped text the operator reads, `size` its bytes before the cap.

    "unsettled" is no end: it may or may not have happened, `output` says so to the user, `choices` what they can decide.
    Nor is "approval": it was not begun, and `wish` is what a person must allow. `tainted`: it came from outside. `risks` is what
    the tool does beyond reading, `undo` how that is taken back; `grants` are tools that the task may use from now on.
    """

    status: Literal["ok", "failed", "refused", "timeout", "unsettled", "approval"]
    output: str
    size: int
    seconds: float
    sources: tuple[Source, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    choices: tuple[str, ...] = ()
    tainted: bool = False
    wish: Wish | None = None
    risks: tuple[str, ...] = ()
    undo: str = ""
    grants: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()  # to be shown with it, to a model that can see


class Effect(Value):
    """One call with an effect: where it stands in its mission, which tool and arguments (by their hash), which attempt
    makes it. `durable`: what is written of it must stand a power cut too."""

    mission_id: str
    step: str
    tool: str
    arguments_hash: str
    attempt: int
    durable: bool = True


class Intent(Value):
    """What is on record of an effect: `runs` counts how often it was begun, `mine` says that the last time is the caller's.

    An intent that is neither `mine` nor done (`outcome`) was begun by somebody of whom nothing is known. `others` names the
    tools that the same step began with other arguments; then nothing was written (runs 0).
    """

    runs: int
    mine: bool = False
    outcome: ToolOutcome | None = None
    others: tuple[str, ...] = ()


class Effects(Protocol):
    """Keeps on record what is about to happen outside, and what came of it, so that nothing happens twice.

    Both raise Conflict if another attempt (or a later run) has taken over, StoreUnavailable if nothing can be written.
    """

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        """Put on record that the effect begins, if exactly `after` runs of it are; else return what there is.

        `beside` begins it although the step began something else before. A `decision` lets it begin once only.
        """
        ...

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        """Put on record what came of its run number `runs`."""
        ...


class ChangedFile(Value):
    """What a step made of one file: hashes of its content before and after; None: there was, or is, no such file."""

    name: str
    before: str | None
    after: str | None


class FileChange(Value):
    """What one step changed in the files of its conversation. `undoes` names the change it takes back; `undone`: it was
    taken back, and that stands."""

    id: str
    mission_id: str
    task_id: str | None
    step: str
    words: str
    files: tuple[ChangedFile, ...]
    undoes: str = ""
    undone: bool = False
    at: datetime = Field(default_factory=now)


class FileChanges(Protocol):
    """Keeps on record what steps change in files."""

    async def add(self, change: FileChange) -> None:
        """Put a change on record before it is made; one that is there already stays as it is."""
        ...

    async def find(self, change_id: str) -> FileChange | None:
        """Return the change of an id, if there is one."""
        ...

    async def drop(self, change_id: str) -> None:
        """Take a change off the record that was not made after all."""
        ...

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[FileChange]:
        """List the changes in a conversation of this user, oldest first."""
        ...


class Toolbox(Protocol):
    """The one gate: every tool call of every role goes through `call`."""

    def offer(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Describe the named tools, in the order given; unknown names are left out."""
        ...

    def intent(self, call: ToolCall) -> str:
        """Say in plain words what a call is about to do."""
        ...

    async def call(self, call: ToolCall, context: ToolContext) -> ToolOutcome:
        """Run one call within its grants; never raises for what a tool or a model did wrong.

        Raises Conflict or StoreUnavailable if it may not be put on record that the call begins: then it did not.
        """
        ...
