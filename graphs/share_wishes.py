"""What people say when they share a conversation, and what they get to see before they do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import Conflict
from core.missions import Value
from graphs.secret_scan import Finding
from memory.snapshots import Audience, Include, Snapshot

Password = Annotated[str, Field(max_length=1000)]


class Wish(BaseModel):
    """What somebody wants to share, with whom and for how long; `days` None: for ever. `files` are ids.

    `secrets` says what becomes of what looks like one: ask first (Conflict), mask it, or publish it all the same.
    """

    model_config = ConfigDict(extra="forbid")
    title: str = Field("", max_length=1000)
    include: Include = "answers"
    files: list[str] = Field(default_factory=list, max_length=100)
    days: int | None = Field(7, ge=1, le=3650)
    audience: Audience = "people"
    password: Password = ""
    secrets: Literal["ask", "mask", "publish"] = "ask"


class Change(BaseModel):
    """What to change about a link; what is left out stays. `password` "" takes it away, `days` counts from now."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = Field(None, max_length=1000)
    days: int | None = Field(None, ge=1, le=3650)
    audience: Audience | None = None
    password: Password | None = None


class Draft(Value):
    """What a link would show, and what in it looks like a secret."""

    title: str
    snapshot: Snapshot
    findings: tuple[Finding, ...] = ()


class SecretsFound(Conflict):
    """Something looks like a secret, and nobody has said what is to become of it."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        things = "something that looks" if len(findings) == 1 else f"{len(findings)} things that look"
        super().__init__(
            f'There is {things} like a secret. Send "secrets": "mask" to hide it, or "publish" to share it all the same.'
        )
        self.findings = findings
