"""The tables behind people: where they are signed in, how they come in, and what is on record about it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    Column("token_hash", String(64), nullable=False, unique=True),  # the token itself is nowhere
    reference("user_id", "users.id"),
    Column("token_version", Integer, nullable=False),  # of the user when it was opened; another one ends it
    Column("how", String(20), nullable=False),  # password | invitation | reset | ...
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),  # however much it is used
    Column("agent", String(300), nullable=False, server_default=""),
    Column("address", String(100), nullable=False, server_default=""),
    Column("revoked_at", Moment),
    Index("sessions_of_user", "user_id", "seen_at"),
    Index("sessions_by_end", "expires_at"),
)

invitations = Table(
    "invitations",
    metadata,
    id_column(),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("name", String(200), nullable=False, server_default=""),  # for whom, as the inviter calls them
    Column("email", String(300), nullable=False, server_default=""),  # a note; nothing is sent
    reference("made_by", "users.id"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("used_by", String(200), nullable=False, server_default=""),
    Column("revoked_at", Moment),
    Index("invitations_by_end", "expires_at"),
)

reset_links = Table(
    "reset_links",
    metadata,
    id_column(),
    Column("token_hash", String(64), nullable=False, unique=True),
    reference("user_id", "users.id"),
    Column("made_by", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index("reset_links_of_user", "user_id"),
)

audit = Table(  # only ever added to: the database itself refuses to change or delete a row
    "audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor_id", String(64), nullable=False),  # no foreign key: what somebody did stays on record without them
    Column("actor", String(200), nullable=False),  # their name then; "" for nobody who is known
    Column("kind", String(40), nullable=False),
    Column("subject", String(300), nullable=False),  # what, or whom
    Column("address", String(100), nullable=False),
    Column("details", Text, nullable=False),  # JSON: name -> text; never a secret
    Index("audit_by_kind", "kind", "number"),
    Index("audit_by_actor", "actor", "number"),
)

AUDIT_IS_KEPT = (
    "CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is only added to'); END",
    "CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is only added to'); END",
)
"""SQLite's words for it; the migration has PostgreSQL's."""
