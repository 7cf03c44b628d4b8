"""The tables behind files that people give: how each is used, and who was given it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from memory.columns import Moment, metadata

file_uses = Table(  # what a person chose; without a row it follows from kind and length
    "file_uses",
    metadata,
    Column("attachment_id", String(64), ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("chosen", String(10), nullable=False),  # text | search | tools
    sqlite_with_rowid=False,
)

file_receipts = Table(
    "file_receipts",
    metadata,
    Column("attachment_id", String(64), ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("mission_id", String(64), ForeignKey("missions.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", String(64), primary_key=True),
    Column("operator", String(100), nullable=False),
    Column("at", Moment, nullable=False),
    Index("file_receipts_of_mission", "mission_id"),
    sqlite_with_rowid=False,
)
