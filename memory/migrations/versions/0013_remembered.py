"""Which operator kept a memory, and when a person changed its words."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0013"
down_revision = "0012"

NEW = (
    "ALTER TABLE memories ADD COLUMN operator VARCHAR(100) DEFAULT '' NOT NULL",
    "ALTER TABLE memories ADD COLUMN changed_at VARCHAR(32)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
