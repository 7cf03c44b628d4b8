"""Credentials, encrypted at rest."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0006"
down_revision = "0005"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
