"""API keys, outside identities and second factors of people."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0005"
down_revision = "0004"

NEW = (
    """
    CREATE TABLE api_keys (
            id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            name VARCHAR(100) NOT NULL,
            prefix VARCHAR(20) NOT NULL,
            key_hash VARCHAR(64) NOT NULL,
            scopes VARCHAR(200) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32),
            revoked_at VARCHAR(32),
            last_used_at VARCHAR(32),
            PRIMARY KEY (id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
            UNIQUE (key_hash)
    )
    """,
    "CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at)",
    """
    CREATE TABLE service_accounts (
            user_id VARCHAR(64) NOT NULL,
            owner_id VARCHAR(64) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (user_id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE identities (
            issuer VARCHAR(500) NOT NULL,
            subject VARCHAR(255) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            email VARCHAR(320) DEFAULT '' NOT NULL,
            linked_at VARCHAR(32) NOT NULL,
            seen_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (issuer, subject),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX identities_of_user ON identities (user_id)",
    """
    CREATE TABLE second_factors (
            user_id VARCHAR(64) NOT NULL,
            secret TEXT NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            confirmed_at VARCHAR(32),
            last_step INTEGER DEFAULT '0' NOT NULL,
            PRIMARY KEY (user_id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE recovery_codes (
            user_id VARCHAR(64) NOT NULL,
            code_hash VARCHAR(64) NOT NULL,
            used_at VARCHAR(32),
            PRIMARY KEY (user_id, code_hash),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE passes (
            token_hash VARCHAR(64) NOT NULL,
            kind VARCHAR(20) NOT NULL,
            user_id VARCHAR(64),
            data TEXT NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (token_hash),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX passes_by_end ON passes (expires_at)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
