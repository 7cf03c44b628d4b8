"""People: sessions, invitations, roles, and the audit log."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0004"
down_revision = "0003"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
