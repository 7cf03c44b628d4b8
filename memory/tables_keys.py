"""The tables behind ways to be known that are no password: keys for programs, outside identities, second factors."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, id_column, metadata, reference
from memory.sealing import SEALED

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("name", String(100), nullable=False),
    Column("prefix", String(20), nullable=False),  # how the key begins, to tell keys apart
    Column("key_hash", String(64), nullable=False, unique=True),  # the key itself is nowhere
    Column("scopes", String(200), nullable=False),  # names, with spaces between
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),  # None: never
    Column("revoked_at", Moment),
    Column("last_used_at", Moment),  # written once a minute at most
    Index("api_keys_of_user", "user_id", "created_at"),
)

service_accounts = Table(  # people who are programs: no password, keys only
    "service_accounts",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "owner_id", String(64), nullable=False
    ),  # no reference: an account without its owner stays, and its keys rest
    Column("created_at", Moment, nullable=False),
)

identities = Table(  # who an identity provider says somebody is
    "identities",
    metadata,
    Column("issuer", String(500), primary_key=True),
    Column("subject", String(255), primary_key=True),
    reference("user_id", "users.id"),
    Column("email", String(320), nullable=False, server_default=""),
    Column("linked_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("identities_of_user", "user_id"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("secret", Text, nullable=False, info=SEALED),
    Column("created_at", Moment, nullable=False),
    Column("confirmed_at", Moment),  # None: set-up has begun, and nothing is asked yet
    Column(
        "last_step", Integer, nullable=False, server_default="0"
    ),  # 30-second step of the last code: none works twice
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
    Column("used_at", Moment),
)

passes = Table(  # what somebody holds between two steps of a login; good once, for minutes
    "passes",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    reference("user_id", "users.id", nullable=True),
    Column("data", Text, nullable=False),  # JSON
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("passes_by_end", "expires_at"),
)
