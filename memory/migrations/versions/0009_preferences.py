"""What people chose for themselves and for their conversations."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0009"
down_revision = "0008"

NEW = (
    """
    CREATE TABLE preferences (
            user_id VARCHAR(64) NOT NULL,
            wishes TEXT NOT NULL,
            version INTEGER NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (user_id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE conversation_preferences (
            conversation_id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            wishes TEXT NOT NULL,
            version INTEGER NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (conversation_id),
            FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
