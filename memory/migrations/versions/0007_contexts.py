"""Context documents with their versions."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0007"
down_revision = "0006"

NEW: tuple[str, ...] = (
    """
    CREATE TABLE contexts (
            id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64),
            name VARCHAR(60) NOT NULL,
            title VARCHAR(200) NOT NULL,
            triggers TEXT NOT NULL,
            operators TEXT NOT NULL,
            text TEXT NOT NULL,
            enabled BOOLEAN NOT NULL,
            draft TEXT DEFAULT '' NOT NULL,
            version INTEGER NOT NULL,
            changed_by VARCHAR(64) NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX contexts_of_user ON contexts (user_id, name)",
    """
    CREATE TABLE context_versions (
            context_id VARCHAR(64) NOT NULL,
            version INTEGER NOT NULL,
            title VARCHAR(200) NOT NULL,
            triggers TEXT NOT NULL,
            operators TEXT NOT NULL,
            text TEXT NOT NULL,
            enabled BOOLEAN NOT NULL,
            draft TEXT DEFAULT '' NOT NULL,
            changed_by VARCHAR(64) NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (context_id, version),
            FOREIGN KEY(context_id) REFERENCES contexts (id) ON DELETE CASCADE
    )
    """,
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
