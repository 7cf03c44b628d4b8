"""The tables, as SQLAlchemy describes them; `migrations/` brings a database to this shape."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from memory.columns import SQLITE, WAITS, Moment, Money, id_column, metadata, reference
from memory.tables_artifacts import artifact_readings, artifact_tags, artifact_words, artifacts
from memory.tables_changes import changed_files, file_changes
from memory.tables_contexts import context_versions, contexts
from memory.tables_credentials import credentials, marks, model_choices
from memory.tables_keys import api_keys, identities, passes, recovery_codes, second_factors, service_accounts
from memory.tables_opinions import feedback_about
from memory.tables_people import AUDIT_IS_KEPT, audit, invitations, reset_links, sessions
from memory.tables_preferences import conversation_preferences, preferences
from memory.tables_search import ENTRY_WORDS, projects, search_entries
from memory.tables_shares import share_files, share_views, shares
from memory.tables_uploads import file_receipts, file_uses
from memory.tables_work import approval_rules, approvals, effects, orders, schedules, workers

__all__ = [
    "AUDIT_IS_KEPT",
    "ENTRY_WORDS",
    "SQLITE",
    "api_keys",
    "approval_rules",
    "approvals",
    "artifact_readings",
    "artifact_tags",
    "artifact_words",
    "artifacts",
    "audit",
    "changed_files",
    "context_versions",
    "contexts",
    "conversation_preferences",
    "credentials",
    "effects",
    "feedback_about",
    "file_changes",
    "file_receipts",
    "file_uses",
    "identities",
    "invitations",
    "marks",
    "metadata",
    "model_choices",
    "orders",
    "passes",
    "preferences",
    "projects",
    "recovery_codes",
    "reset_links",
    "schedules",
    "search_entries",
    "second_factors",
    "service_accounts",
    "sessions",
    "share_files",
    "share_views",
    "shares",
    "workers",
]

users = Table(
    "users",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),  # what is typed at login, lower case
    Column("password_hash", Text, nullable=False),
    Column("role", String(20), nullable=False),  # owner | admin | member | viewer
    Column("active", Boolean, nullable=False, default=True),
    Column("token_version", Integer, nullable=False, default=1),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment),  # when they last did something here
    Column("leaving_at", Moment),  # since when all that is theirs is being removed; they are out already
)

setup_tokens = Table(
    "setup_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("subject", String(200), primary_key=True),  # "name:ada" or "address:127.0.0.1"
    Column("failures", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("blocked_until", Moment),
)

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("title", Text, nullable=False, default=""),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),  # counts changes by people, to notice two at once
    Column("changed_by", String(64), nullable=False, server_default=""),
    Column("changed_at", Moment),  # when a person last changed it
    Column("step_mode", Boolean, nullable=False, server_default="0"),
    Column("branch_of", String(64)),  # the conversation whose missions with smaller numbers belong to this one too
    Column("branch_before", Integer),
    Column("named", Boolean, nullable=False, server_default="0"),  # by a person: its title stays
    Column("temporary", Boolean, nullable=False, server_default="0"),  # remembers nothing, and is removed at its end
    Column("project_id", String(64)),
    Column("pinned_at", Moment),
    Column("archived_at", Moment),
    Column("news", String(20), nullable=False, server_default=""),  # what happened last: completed, failed, waiting...
    Column("news_at", Moment),
    Column("seen_at", Moment),  # unread while news_at is later
    Index("conversations_of_user", "user_id", "updated_at"),
    Index("conversations_by_parent", "branch_of"),
    Index("conversations_of_project", "project_id"),
    Index("conversations_with_news", "user_id", "news_at"),
)

missions = Table(
    "missions",
    metadata,
    Column("number", Integer, primary_key=True),  # what events point at: theirs is the table that grows
    Column("id", String(64), nullable=False, unique=True),
    reference("conversation_id", "conversations.id"),
    reference("user_id", "users.id"),
    Column("goal", Text, nullable=False),
    Column("priority", String(10), nullable=False),
    Column("status", String(20), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("problem", Text, nullable=False, default=""),
    Column("terms", Text, nullable=False, server_default="{}"),  # JSON: origin, step_mode, unattended, cost
    Column("owner", String(64)),  # the worker that has it; None while nobody does
    Column("lost", Integer, nullable=False, server_default="0"),  # attempts that ended with their process
    Column("queued_at", Moment),  # since when it waits for a worker
    Column("wake_at", Moment),  # not to be taken up before; a resting one is taken up then
    Column("tainted", Boolean, nullable=False, server_default="0"),  # an operator read what came from outside
    Index("missions_of_conversation", "conversation_id", "created_at"),
    Index("missions_by_status", "status"),
    Index("missions_of_user", "user_id", "started_at"),
    Index("missions_to_wake", "wake_at"),
)

messages = Table(
    "messages",
    metadata,
    id_column(),
    reference("conversation_id", "conversations.id"),
    reference("mission_id", "missions.id", nullable=True),
    Column("author", String(20), nullable=False),  # user | chief
    Column("text", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("messages_of_conversation", "conversation_id", "created_at"),
)

attachments = Table(
    "attachments",
    metadata,
    id_column(),
    reference("conversation_id", "conversations.id"),
    reference("mission_id", "missions.id", nullable=True),
    Column("name", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("mime", String(200), nullable=False),
    Column("status", String(20), nullable=False),  # received | indexed | unreadable
    Column("pages", Integer),
    Column("characters", Integer),
    Column("problem", Text, nullable=False, default=""),
    Column("created_at", Moment, nullable=False),
    Index("attachments_of_conversation", "conversation_id"),
    Index("attachments_by_hash", "hash"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("mission_id", String(64), ForeignKey("missions.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", String(64), primary_key=True),
    Column("parent_task_id", String(64)),
    Column("operator", String(100), nullable=False),
    Column("goal", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("summary", Text, nullable=False, default=""),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    sqlite_with_rowid=False,
)

events = Table(  # rows stand in the order they were written, whatever their mission: a commit touches few pages
    "events",
    metadata,
    Column("mission_number", Integer, ForeignKey("missions.number", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("data", Text, nullable=False),  # the other fields as JSON, without those at their defaults
)

ledger = Table(
    "ledger",
    metadata,
    Column("mission_id", String(64), primary_key=True),  # no foreign key: what was spent stays on record
    Column("id", String(64), primary_key=True),
    Column("task_id", String(64)),
    Column("step", String(100), nullable=False),
    Column("role", String(40), nullable=False),
    Column("operator", String(100), nullable=False),
    Column("provider", String(40), nullable=False),
    Column("model", String(200), nullable=False),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("tokens_cached", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("first_token_seconds", Float),
    Column("outcome", String(40), nullable=False),
    Column("cost", Money),
    Column("priced_by", String(40), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ledger_by_time", "at"),
    sqlite_with_rowid=False,
)

memories = Table(
    "memories",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("conversation_id", String(64), nullable=False),
    Column("mission_id", String(64)),
    Column("text", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("operator", String(100), nullable=False, server_default=""),
    Column("changed_at", Moment),
    Index("memories_of_user", "user_id", "created_at"),
)

passages = Table(
    "passages",
    metadata,
    Column("number", Integer, primary_key=True),  # the rowid that passages_fts points at
    Column("id", String(64), nullable=False, unique=True),
    reference("user_id", "users.id"),
    Column("conversation_id", String(64), nullable=False),
    Column("origin", String(10), nullable=False),  # file | message | memory
    Column("origin_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("page", Integer),
    Column("line", Integer),
    Column("embedded_by", String(100), nullable=False, default=""),  # Embedder.name once it stands in Chroma
    Column("unlisted", Boolean, nullable=False, server_default="0"),  # of a temporary conversation: in no index at all
    Index("passages_of_origin", "origin_id"),
    Index("passages_of_conversation", "user_id", "conversation_id"),
    Index("passages_waiting", "number", sqlite_where=WAITS, postgresql_where=WAITS),
)

feedback = Table(
    "feedback",
    metadata,
    id_column(),
    reference("conversation_id", "conversations.id"),
    reference("user_id", "users.id"),
    Column("for_id", String(64), nullable=False),
    Column("value", Integer, nullable=False),
    Column("comment", Text, nullable=False, default=""),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("for_id", "user_id"),
)

FULL_TEXT = (
    "CREATE VIRTUAL TABLE passages_fts USING fts5(text, name, content='passages', content_rowid='number', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER passages_added AFTER INSERT ON passages WHEN NOT new.unlisted BEGIN "
    "INSERT INTO passages_fts(rowid, text, name) VALUES (new.number, new.text, new.name); END",
    "CREATE TRIGGER passages_removed AFTER DELETE ON passages WHEN NOT old.unlisted BEGIN "
    "INSERT INTO passages_fts(passages_fts, rowid, text, name) VALUES ('delete', old.number, old.text, old.name); END",
    "CREATE TRIGGER passages_changed AFTER UPDATE OF text, name ON passages WHEN NOT old.unlisted BEGIN "
    "INSERT INTO passages_fts(passages_fts, rowid, text, name) VALUES ('delete', old.number, old.text, old.name); "
    "INSERT INTO passages_fts(rowid, text, name) VALUES (new.number, new.text, new.name); END",
)
"""FTS5 over passages, kept in step by triggers (SQLite only)."""
