"""Context documents with their versions."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0007"
down_revision = "0006"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
