"""Words of messages, steps and files, to be found again."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0010"
down_revision = "0009"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
