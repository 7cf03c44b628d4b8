"""The one envelope for every hop between roles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from core.missions import Value, now

EVERYONE = "*"
USER, CHIEF, REVIEWER = "user", "chief", "reviewer"


def operator_address(task_id: str) -> str:
    """Address the operator at work on a task."""
    return f"task:{task_id}"


class Envelope(Value):
    """One message between roles; the same `message_id` is delivered once. Recipient "*" reaches every operator."""

    message_id: str
    sender: str
    recipient: str
    message_type: str  # goal | delegation | report | note | question | answer | review
    content: str
    timestamp: datetime = Field(default_factory=now)
    reply_to: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    attachments: tuple[str, ...] = ()

    def reaches(self, address: str) -> bool:
        """Say whether a role at this address should read the message."""
        if self.sender == address:
            return False
        return self.recipient == address or (self.recipient == EVERYONE and address.startswith("task:"))
