"""Credentials, encrypted at rest, and the models that were chosen."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0006"
down_revision = "0005"

NEW = (
    """
    CREATE TABLE credentials (
            name VARCHAR(40) NOT NULL,
            secret TEXT NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            changed_by VARCHAR(200) NOT NULL,
            tested_at VARCHAR(32),
            PRIMARY KEY (name)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE model_choices (
            tier VARCHAR(20) NOT NULL,
            model VARCHAR(300) NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            changed_by VARCHAR(200) NOT NULL,
            PRIMARY KEY (tier)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE marks (
            name VARCHAR(40) NOT NULL,
            version INTEGER NOT NULL,
            PRIMARY KEY (name)
    )
     WITHOUT ROWID
    """,
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
