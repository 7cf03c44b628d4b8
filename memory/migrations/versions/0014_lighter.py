"""Entries are found by their words and by their conversation; two more indexes of them were only written."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0014"
down_revision = "0013"

GONE = ("search_entries_of_mission", "search_entries_of_user")


def upgrade() -> None:
    for name in GONE:
        execute(f"DROP INDEX {name}")
