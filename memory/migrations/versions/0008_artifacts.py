"""Versions, tags and words of what operators made."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0008"
down_revision = "0007"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
