"""The tables behind what people chose: for all their missions, and for those of one conversation."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from memory.columns import Moment, metadata, reference

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("wishes", Text, nullable=False),  # JSON; what is left out is as the house has it
    Column("version", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

conversation_preferences = Table(
    "conversation_preferences",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    reference("user_id", "users.id"),
    Column("wishes", Text, nullable=False),  # JSON; what is left out is as the person has it
    Column("version", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
