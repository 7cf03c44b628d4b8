"""Words of messages and steps, to be found again; projects, pins, the archive, news, and temporary conversations."""

from __future__ import annotations

from alembic import op

from memory.entries import build
from memory.migrations.dialects import execute, on_postgres

revision = "0010"
down_revision = "0009"

NEW: tuple[str, ...] = (
    """
    CREATE TABLE projects (
            id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            name VARCHAR(100) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (id),
            UNIQUE (user_id, name),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "ALTER TABLE conversations ADD COLUMN named BOOLEAN DEFAULT '0' NOT NULL",
    "ALTER TABLE conversations ADD COLUMN temporary BOOLEAN DEFAULT '0' NOT NULL",
    "ALTER TABLE conversations ADD COLUMN project_id VARCHAR(64)",
    "ALTER TABLE conversations ADD COLUMN pinned_at VARCHAR(32)",
    "ALTER TABLE conversations ADD COLUMN archived_at VARCHAR(32)",
    "ALTER TABLE conversations ADD COLUMN news VARCHAR(20) DEFAULT '' NOT NULL",
    "ALTER TABLE conversations ADD COLUMN news_at VARCHAR(32)",
    "ALTER TABLE conversations ADD COLUMN seen_at VARCHAR(32)",
    # A title that is there already may be one that a person gave.
    "UPDATE conversations SET named = (title <> '')",
    "CREATE INDEX conversations_of_project ON conversations (project_id)",
    "CREATE INDEX conversations_with_news ON conversations (user_id, news_at)",
    "ALTER TABLE passages ADD COLUMN unlisted BOOLEAN DEFAULT '0' NOT NULL",
    """
    CREATE TABLE search_entries (
            number INTEGER NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            conversation_id VARCHAR(64) NOT NULL,
            mission_id VARCHAR(64),
            kind VARCHAR(10) NOT NULL,
            place VARCHAR(64) NOT NULL,
            title TEXT NOT NULL,
            text TEXT NOT NULL,
            at VARCHAR(32) NOT NULL,
            PRIMARY KEY (number),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
            FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX search_entries_of_conversation ON search_entries (conversation_id)",
    "CREATE INDEX search_entries_of_mission ON search_entries (mission_id)",
    "CREATE INDEX search_entries_of_user ON search_entries (user_id, at)",
)

ON_SQLITE = (
    "CREATE VIRTUAL TABLE search_fts USING fts5(text, title, content='search_entries', content_rowid='number', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN "
    "INSERT INTO search_fts(rowid, text, title) VALUES (new.number, new.text, new.title); END",
    "CREATE TRIGGER search_entries_removed AFTER DELETE ON search_entries BEGIN "
    "INSERT INTO search_fts(search_fts, rowid, text, title) VALUES ('delete', old.number, old.text, old.title); END",
    # What is unlisted stands in no full-text index.
    "DROP TRIGGER passages_added",
    "DROP TRIGGER passages_removed",
    "DROP TRIGGER passages_changed",
    "CREATE TRIGGER passages_added AFTER INSERT ON passages WHEN NOT new.unlisted BEGIN "
    "INSERT INTO passages_fts(rowid, text, name) VALUES (new.number, new.text, new.name); END",
    "CREATE TRIGGER passages_removed AFTER DELETE ON passages WHEN NOT old.unlisted BEGIN "
    "INSERT INTO passages_fts(passages_fts, rowid, text, name) VALUES ('delete', old.number, old.text, old.name); END",
    "CREATE TRIGGER passages_changed AFTER UPDATE OF text, name ON passages WHEN NOT old.unlisted BEGIN "
    "INSERT INTO passages_fts(passages_fts, rowid, text, name) VALUES ('delete', old.number, old.text, old.name); "
    "INSERT INTO passages_fts(rowid, text, name) VALUES (new.number, new.text, new.name); END",
)
ON_POSTGRES = (
    "ALTER TABLE search_entries ADD COLUMN words TSVECTOR",
    "CREATE INDEX search_entries_by_words ON search_entries USING GIN (words)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
    for statement in ON_POSTGRES if on_postgres() else ON_SQLITE:
        op.execute(statement)
    build(op.get_bind())
