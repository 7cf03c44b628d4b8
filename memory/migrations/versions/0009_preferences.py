"""What people chose for themselves and for their conversations."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0009"
down_revision = "0008"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
