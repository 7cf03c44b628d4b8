"""Links to conversations: what they show, the contents they keep, and who looked."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0003"
down_revision = "0002"

NEW = (
    """
    CREATE TABLE shares (
            id VARCHAR(64) NOT NULL,
            token_hash VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            conversation_id VARCHAR(64) NOT NULL,
            title VARCHAR(200) NOT NULL,
            include VARCHAR(10) NOT NULL,
            audience VARCHAR(10) NOT NULL,
            password_hash TEXT DEFAULT '' NOT NULL,
            snapshot TEXT NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32),
            revoked_at VARCHAR(32),
            views INTEGER DEFAULT '0' NOT NULL,
            viewed_at VARCHAR(32),
            PRIMARY KEY (id),
            UNIQUE (token_hash),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
            FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX shares_by_end ON shares (expires_at)",
    "CREATE INDEX shares_of_conversation ON shares (conversation_id)",
    "CREATE INDEX shares_of_user ON shares (user_id, created_at)",
    """
    CREATE TABLE share_files (
            share_id VARCHAR(64) NOT NULL,
            position INTEGER NOT NULL,
            hash VARCHAR(64) NOT NULL,
            PRIMARY KEY (share_id, position),
            FOREIGN KEY(share_id) REFERENCES shares (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX share_files_by_hash ON share_files (hash)",
    """
    CREATE TABLE share_views (
            number INTEGER NOT NULL,
            share_id VARCHAR(64) NOT NULL,
            at VARCHAR(32) NOT NULL,
            what VARCHAR(10) NOT NULL,
            who VARCHAR(200) NOT NULL,
            PRIMARY KEY (number),
            FOREIGN KEY(share_id) REFERENCES shares (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX views_of_share ON share_views (share_id, number)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
