"""The tables behind context documents: how each stands, and every version there was."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference

contexts = Table(
    "contexts",
    metadata,
    id_column(),
    reference("user_id", "users.id", nullable=True),  # None: it is the whole house's
    Column("name", String(60), nullable=False),
    Column("title", String(200), nullable=False),
    Column("triggers", Text, nullable=False),  # JSON: words
    Column("operators", Text, nullable=False),  # JSON: names
    Column("text", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("draft", Text, nullable=False, server_default=""),  # why nobody is given it yet
    Column("version", Integer, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("contexts_of_user", "user_id", "name"),
)

context_versions = Table(
    "context_versions",
    metadata,
    Column("context_id", String(64), ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("title", String(200), nullable=False),
    Column("triggers", Text, nullable=False),
    Column("operators", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("draft", Text, nullable=False, server_default=""),
    Column("changed_by", String(64), nullable=False),
    Column("changed_at", Moment, nullable=False),
)
