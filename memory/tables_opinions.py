"""The table behind opinions: what each was about, as it was when the answer or the step was made."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from memory.columns import metadata, reference

feedback_about = Table(
    "feedback_about",
    metadata,
    Column("feedback_id", String(64), ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True),
    reference("mission_id", "missions.id"),
    Column("step", String(200), nullable=False),  # "" is the answer
    Column("operator", String(100), nullable=False),  # "" is the Chief
    Column("model", String(200), nullable=False),
    Column("profile_version", String(64), nullable=False),
    Column("prompt_version", String(64), nullable=False),
    Column("reasons", Text, nullable=False),  # JSON
    Index("feedback_about_operator", "operator", "model"),
    sqlite_with_rowid=False,
)
