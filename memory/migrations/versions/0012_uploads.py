"""What became of uploaded files, and what people may keep."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0012"
down_revision = "0011"

NEW = (
    """
    CREATE TABLE file_uses (
            attachment_id VARCHAR(64) NOT NULL,
            chosen VARCHAR(10) NOT NULL,
            PRIMARY KEY (attachment_id),
            FOREIGN KEY(attachment_id) REFERENCES attachments (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE file_receipts (
            attachment_id VARCHAR(64) NOT NULL,
            mission_id VARCHAR(64) NOT NULL,
            task_id VARCHAR(64) NOT NULL,
            operator VARCHAR(100) NOT NULL,
            at VARCHAR(32) NOT NULL,
            PRIMARY KEY (attachment_id, mission_id, task_id),
            FOREIGN KEY(attachment_id) REFERENCES attachments (id) ON DELETE CASCADE,
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    "CREATE INDEX file_receipts_of_mission ON file_receipts (mission_id)",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
