"""The first schema."""

from __future__ import annotations

from alembic import op

from memory.migrations.dialects import execute, on_postgres

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE ledger (
        mission_id VARCHAR(64) NOT NULL,
        id VARCHAR(64) NOT NULL,
        task_id VARCHAR(64),
        step VARCHAR(100) NOT NULL,
        role VARCHAR(40) NOT NULL,
        operator VARCHAR(100) NOT NULL,
        provider VARCHAR(40) NOT NULL,
        model VARCHAR(200) NOT NULL,
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        tokens_cached INTEGER NOT NULL,
        seconds FLOAT NOT NULL,
        first_token_seconds FLOAT,
        outcome VARCHAR(40) NOT NULL,
        cost VARCHAR(40),
        priced_by VARCHAR(40) NOT NULL,
        at VARCHAR(32) NOT NULL,
        PRIMARY KEY (mission_id, id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE login_attempts (
        subject VARCHAR(200) NOT NULL,
        failures INTEGER NOT NULL,
        last_at VARCHAR(32) NOT NULL,
        blocked_until VARCHAR(32),
        PRIMARY KEY (subject)
    )
    """,
    """
    CREATE TABLE setup_tokens (
        token_hash VARCHAR(64) NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        expires_at VARCHAR(32) NOT NULL,
        used_at VARCHAR(32),
        PRIMARY KEY (token_hash)
    )
    """,
    """
    CREATE TABLE users (
        id VARCHAR(64) NOT NULL,
        name VARCHAR(200) NOT NULL,
        password_hash TEXT NOT NULL,
        role VARCHAR(20) NOT NULL,
        active BOOLEAN NOT NULL,
        token_version INTEGER NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (name)
    )
    """,
    """
    CREATE TABLE conversations (
        id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        title TEXT NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        updated_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE memories (
        id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        mission_id VARCHAR(64),
        text TEXT NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE passages (
        number INTEGER NOT NULL,
        id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        origin VARCHAR(10) NOT NULL,
        origin_id VARCHAR(64) NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        position INTEGER NOT NULL,
        page INTEGER,
        line INTEGER,
        embedded_by VARCHAR(100) NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (id),
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE feedback (
        id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        for_id VARCHAR(64) NOT NULL,
        value INTEGER NOT NULL,
        comment TEXT NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (for_id, user_id),
        FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE missions (
        number INTEGER NOT NULL,
        id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        goal TEXT NOT NULL,
        priority VARCHAR(10) NOT NULL,
        status VARCHAR(20) NOT NULL,
        attempt INTEGER NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        started_at VARCHAR(32),
        ended_at VARCHAR(32),
        problem TEXT NOT NULL,
        PRIMARY KEY (number),
        UNIQUE (id),
        FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
        FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE artifacts (
        id VARCHAR(64) NOT NULL,
        mission_id VARCHAR(64) NOT NULL,
        task_id VARCHAR(64),
        name TEXT NOT NULL,
        hash VARCHAR(64) NOT NULL,
        size INTEGER NOT NULL,
        mime VARCHAR(200) NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE attachments (
        id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        mission_id VARCHAR(64),
        name TEXT NOT NULL,
        hash VARCHAR(64) NOT NULL,
        size INTEGER NOT NULL,
        mime VARCHAR(200) NOT NULL,
        status VARCHAR(20) NOT NULL,
        pages INTEGER,
        characters INTEGER,
        problem TEXT NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
        FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE events (
        mission_number INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        kind VARCHAR(40) NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (mission_number, seq),
        FOREIGN KEY(mission_number) REFERENCES missions (number) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE messages (
        id VARCHAR(64) NOT NULL,
        conversation_id VARCHAR(64) NOT NULL,
        mission_id VARCHAR(64),
        author VARCHAR(20) NOT NULL,
        text TEXT NOT NULL,
        created_at VARCHAR(32) NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
        FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE tasks (
        mission_id VARCHAR(64) NOT NULL,
        task_id VARCHAR(64) NOT NULL,
        parent_task_id VARCHAR(64),
        operator VARCHAR(100) NOT NULL,
        goal TEXT NOT NULL,
        status VARCHAR(20) NOT NULL,
        summary TEXT NOT NULL,
        started_at VARCHAR(32),
        ended_at VARCHAR(32),
        PRIMARY KEY (mission_id, task_id),
        FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
)

INDEXES = (
    "CREATE INDEX ledger_by_time ON ledger (at)",
    "CREATE INDEX conversations_of_user ON conversations (user_id, updated_at)",
    "CREATE INDEX memories_of_user ON memories (user_id, created_at)",
    "CREATE INDEX passages_of_conversation ON passages (user_id, conversation_id)",
    "CREATE INDEX passages_of_origin ON passages (origin_id)",
    "CREATE INDEX missions_by_status ON missions (status)",
    "CREATE INDEX missions_of_conversation ON missions (conversation_id, created_at)",
    "CREATE INDEX artifacts_by_hash ON artifacts (hash)",
    "CREATE INDEX artifacts_of_mission ON artifacts (mission_id)",
    "CREATE INDEX attachments_by_hash ON attachments (hash)",
    "CREATE INDEX attachments_of_conversation ON attachments (conversation_id)",
    "CREATE INDEX messages_of_conversation ON messages (conversation_id, created_at)",
)

FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE passages_fts USING fts5(text, name, content='passages', content_rowid='number',
        tokenize='unicode61 remove_diacritics 2')
    """,
    """
    CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
        INSERT INTO passages_fts(rowid, text, name)
        VALUES (new.number, new.text, new.name);
    END
    """,
    """
    CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
        INSERT INTO passages_fts(passages_fts, rowid, text, name)
        VALUES ('delete', old.number, old.text, old.name);
    END
    """,
    """
    CREATE TRIGGER passages_changed AFTER UPDATE OF text, name ON passages BEGIN
        INSERT INTO passages_fts(passages_fts, rowid, text, name)
        VALUES ('delete', old.number, old.text, old.name);
        INSERT INTO passages_fts(rowid, text, name)
        VALUES (new.number, new.text, new.name);
    END
    """,
)

ON_POSTGRES = (
    "ALTER TABLE messages ADD COLUMN rowid BIGINT GENERATED ALWAYS AS IDENTITY",  # the order in which they came
    "ALTER TABLE passages ADD COLUMN words TSVECTOR",
    "CREATE INDEX passages_by_words ON passages USING GIN (words)",
    """
    CREATE TABLE passage_vectors (
        passage_number INTEGER NOT NULL,
        embedder TEXT NOT NULL,
        vector BYTEA NOT NULL,
        PRIMARY KEY (passage_number),
        FOREIGN KEY(passage_number) REFERENCES passages (number) ON DELETE CASCADE
    )
    """,
)
"""What SQLite has of its own accord (rowid, FTS5) or in Chroma (vectors)."""


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES):
        execute(statement)
    for statement in ON_POSTGRES if on_postgres() else FULL_TEXT:
        op.execute(statement)
