"""What became of uploaded files, and what people may keep."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0012"
down_revision = "0011"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
