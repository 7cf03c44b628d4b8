"""The tables behind links to conversations: what is shown under them, which files go with it, and who looked."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference

shares = Table(
    "shares",
    metadata,
    id_column(),
    Column("token_hash", String(64), nullable=False, unique=True),  # the token itself is nowhere
    reference("user_id", "users.id"),
    reference("conversation_id", "conversations.id"),
    Column("title", String(200), nullable=False),
    Column("include", String(10), nullable=False),  # answers | steps
    Column("audience", String(10), nullable=False),  # people | public
    Column("password_hash", Text, nullable=False, server_default=""),
    Column("snapshot", Text, nullable=False),  # JSON; "" once the link is dead
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),  # None: never
    Column("revoked_at", Moment),
    Column("views", Integer, nullable=False, server_default="0"),
    Column("viewed_at", Moment),
    Index("shares_of_user", "user_id", "created_at"),
    Index("shares_of_conversation", "conversation_id"),
    Index("shares_by_end", "expires_at"),
)

share_files = Table(  # contents that must stay while the link lives
    "share_files",
    metadata,
    Column("share_id", String(64), ForeignKey("shares.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Index("share_files_by_hash", "hash"),
    sqlite_with_rowid=False,
)

share_views = Table(
    "share_views",
    metadata,
    Column("number", Integer, primary_key=True),
    reference("share_id", "shares.id"),
    Column("at", Moment, nullable=False),
    Column("what", String(10), nullable=False),  # page | file | copy
    Column("who", String(200), nullable=False),  # a name, or a network address without its end
    Index("views_of_share", "share_id", "number"),
)
