"""Feedback on answers and steps, with what it was about."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0011"
down_revision = "0010"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
