"""Versions, tags and words of what operators made."""

from __future__ import annotations

from memory.migrations.dialects import execute, on_postgres

revision = "0008"
down_revision = "0007"

NEW: tuple[str, ...] = (
    "ALTER TABLE artifacts ADD COLUMN version INTEGER DEFAULT '1' NOT NULL",
    "ALTER TABLE artifacts ADD COLUMN step VARCHAR(200) DEFAULT '' NOT NULL",
    "ALTER TABLE artifacts ADD COLUMN restored_from VARCHAR(64) DEFAULT '' NOT NULL",
    # What is there already is counted: the versions of a name within its conversation, oldest first.
    """
    UPDATE artifacts SET version = (
        SELECT count(*) FROM artifacts AS other JOIN missions AS theirs ON theirs.id = other.mission_id
        WHERE other.name = artifacts.name
        AND theirs.conversation_id = (SELECT conversation_id FROM missions WHERE missions.id = artifacts.mission_id)
        AND (other.created_at < artifacts.created_at
             OR (other.created_at = artifacts.created_at AND other.id <= artifacts.id))
    )
    """,
    """
    CREATE TABLE artifact_tags (
            artifact_id VARCHAR(64) NOT NULL,
            tag VARCHAR(60) NOT NULL,
            PRIMARY KEY (artifact_id, tag),
            FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX artifact_tags_by_tag ON artifact_tags (tag)",
    """
    CREATE TABLE artifact_words (
            artifact_id VARCHAR(64) NOT NULL,
            word VARCHAR(60) NOT NULL,
            PRIMARY KEY (artifact_id, word),
            FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX artifact_words_by_word ON artifact_words (word)",
    """
    CREATE TABLE artifact_readings (
            artifact_id VARCHAR(64) NOT NULL,
            problem TEXT NOT NULL,
            PRIMARY KEY (artifact_id),
            FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
    if on_postgres():  # compared letter by letter as SQLite does: what begins with a word is a range of the index
        execute('ALTER TABLE artifact_words ALTER COLUMN word TYPE TEXT COLLATE "C"')
