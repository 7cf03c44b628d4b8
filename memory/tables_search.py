"""The tables behind finding and order: the words that conversations are found by, and the projects they lie in."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint

from memory.columns import Moment, id_column, metadata, reference

search_entries = Table(
    "search_entries",
    metadata,
    Column("number", Integer, primary_key=True),  # the rowid that search_fts points at
    reference("user_id", "users.id"),
    reference("conversation_id", "conversations.id"),
    Column("mission_id", String(64)),
    Column("kind", String(10), nullable=False),  # question | answer | step | tool
    Column("place", String(64), nullable=False),  # the id of the line in the chat
    Column("title", Text, nullable=False),  # who did what, for steps and tools
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("search_entries_of_conversation", "conversation_id"),
)

projects = Table(
    "projects",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("name", String(100), nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("user_id", "name"),
)

ENTRY_WORDS = (
    "CREATE VIRTUAL TABLE search_fts USING fts5(text, title, content='search_entries', content_rowid='number', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN "
    "INSERT INTO search_fts(rowid, text, title) VALUES (new.number, new.text, new.title); END",
    "CREATE TRIGGER search_entries_removed AFTER DELETE ON search_entries BEGIN "
    "INSERT INTO search_fts(search_fts, rowid, text, title) VALUES ('delete', old.number, old.text, old.title); END",
)
"""FTS5 over entries, kept in step by triggers (SQLite only); an entry is never changed."""
