"""Feedback on answers and steps, with what it was about."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0011"
down_revision = "0010"

NEW: tuple[str, ...] = (
    """
    CREATE TABLE feedback_about (
            feedback_id VARCHAR(64) NOT NULL,
            mission_id VARCHAR(64) NOT NULL,
            step VARCHAR(200) NOT NULL,
            operator VARCHAR(100) NOT NULL,
            model VARCHAR(200) NOT NULL,
            profile_version VARCHAR(64) NOT NULL,
            prompt_version VARCHAR(64) NOT NULL,
            reasons TEXT NOT NULL,
            PRIMARY KEY (feedback_id),
            FOREIGN KEY(feedback_id) REFERENCES feedback (id) ON DELETE CASCADE,
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX feedback_about_operator ON feedback_about (operator, model)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
