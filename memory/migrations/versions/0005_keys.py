"""API keys, outside identities and second factors of people."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0005"
down_revision = "0004"

NEW: tuple[str, ...] = ()


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
