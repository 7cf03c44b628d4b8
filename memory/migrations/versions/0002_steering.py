"""Workers, orders, effects, approvals and schedules; what a mission's terms are; who changed a conversation."""

from __future__ import annotations

from memory.migrations.dialects import execute

revision = "0002"
down_revision = "0001"

NEW = (
    """
    CREATE TABLE workers (
            id VARCHAR(64) NOT NULL,
            host VARCHAR(200) NOT NULL,
            pid INTEGER NOT NULL,
            started_at VARCHAR(32) NOT NULL,
            beat_at FLOAT NOT NULL,
            PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE orders (
            number INTEGER NOT NULL,
            id VARCHAR(64) NOT NULL,
            mission_id VARCHAR(64) NOT NULL,
            kind VARCHAR(20) NOT NULL,
            data TEXT NOT NULL,
            at VARCHAR(32) NOT NULL,
            taken_at VARCHAR(32),
            PRIMARY KEY (number),
            UNIQUE (id),
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX orders_of_mission ON orders (mission_id, taken_at)",
    "CREATE INDEX orders_open ON orders (taken_at)",
    """
    CREATE TABLE effects (
            mission_id VARCHAR(64) NOT NULL,
            step VARCHAR(200) NOT NULL,
            arguments_hash VARCHAR(64) NOT NULL,
            tool VARCHAR(100) NOT NULL,
            attempt INTEGER NOT NULL,
            runs INTEGER NOT NULL,
            decision VARCHAR(200) DEFAULT '' NOT NULL,
            state VARCHAR(10) NOT NULL,
            outcome TEXT,
            intended_at VARCHAR(32) NOT NULL,
            done_at VARCHAR(32),
            PRIMARY KEY (mission_id, step, arguments_hash),
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE approvals (
            id VARCHAR(64) NOT NULL,
            mission_id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            conversation_id VARCHAR(64) NOT NULL,
            task_id VARCHAR(100),
            step VARCHAR(200) NOT NULL,
            operator VARCHAR(200) NOT NULL,
            tool VARCHAR(100) NOT NULL,
            arguments TEXT NOT NULL,
            arguments_hash VARCHAR(64) NOT NULL,
            words TEXT NOT NULL,
            why TEXT NOT NULL,
            choices TEXT NOT NULL,
            requested_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            decided_at VARCHAR(32),
            decided_by VARCHAR(64) DEFAULT '' NOT NULL,
            decision VARCHAR(20) DEFAULT '' NOT NULL,
            reason TEXT DEFAULT '' NOT NULL,
            edited TEXT,
            allowed_hash VARCHAR(64),
            used_at VARCHAR(32),
            PRIMARY KEY (id),
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE,
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX approvals_of_user ON approvals (user_id, decided_at, requested_at)",
    "CREATE INDEX approvals_of_mission ON approvals (mission_id, step)",
    """
    CREATE TABLE approval_rules (
            id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            conversation_id VARCHAR(64),
            tool VARCHAR(100) NOT NULL,
            pattern TEXT,
            approval_id VARCHAR(64) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            revoked_at VARCHAR(32),
            PRIMARY KEY (id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX approval_rules_of_user ON approval_rules (user_id, tool)",
    """
    CREATE TABLE schedules (
            id VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            conversation_id VARCHAR(64) NOT NULL,
            name VARCHAR(200) NOT NULL,
            goal TEXT NOT NULL,
            cron VARCHAR(100) NOT NULL,
            timezone VARCHAR(60) NOT NULL,
            missed VARCHAR(10) NOT NULL,
            overlap VARCHAR(10) NOT NULL,
            unattended VARCHAR(10) NOT NULL,
            priority VARCHAR(10) NOT NULL,
            cost VARCHAR(40),
            active BOOLEAN NOT NULL,
            next_at VARCHAR(32),
            last_at VARCHAR(32),
            last_words TEXT DEFAULT '' NOT NULL,
            last_mission_id VARCHAR(64),
            version INTEGER DEFAULT '1' NOT NULL,
            changed_by VARCHAR(64) DEFAULT '' NOT NULL,
            changed_at VARCHAR(32) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            PRIMARY KEY (id),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX schedules_due ON schedules (active, next_at)",
    "CREATE INDEX schedules_of_user ON schedules (user_id)",
    """
    CREATE TABLE file_changes (
            id VARCHAR(64) NOT NULL,
            number INTEGER NOT NULL,
            mission_id VARCHAR(64) NOT NULL,
            task_id VARCHAR(100),
            step VARCHAR(200) NOT NULL,
            words TEXT NOT NULL,
            undoes VARCHAR(64) DEFAULT '' NOT NULL,
            at VARCHAR(32) NOT NULL,
            PRIMARY KEY (id),
            UNIQUE (number),
            FOREIGN KEY(mission_id) REFERENCES missions (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX file_changes_of_mission ON file_changes (mission_id)",
    """
    CREATE TABLE changed_files (
            change_id VARCHAR(64) NOT NULL,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            "before" VARCHAR(64),
            "after" VARCHAR(64),
            PRIMARY KEY (change_id, position),
            FOREIGN KEY(change_id) REFERENCES file_changes (id) ON DELETE CASCADE
    )
    """,
    'CREATE INDEX changed_files_before ON changed_files ("before")',
    'CREATE INDEX changed_files_after ON changed_files ("after")',
    "CREATE INDEX conversations_by_parent ON conversations (branch_of)",
    "CREATE INDEX missions_of_user ON missions (user_id, started_at)",
    "CREATE INDEX missions_to_wake ON missions (wake_at)",
)
COLUMNS = (
    "conversations ADD COLUMN version INTEGER DEFAULT '1' NOT NULL",
    "conversations ADD COLUMN changed_by VARCHAR(64) DEFAULT '' NOT NULL",
    "conversations ADD COLUMN changed_at VARCHAR(32)",
    "conversations ADD COLUMN step_mode BOOLEAN DEFAULT '0' NOT NULL",
    "conversations ADD COLUMN branch_of VARCHAR(64)",
    "conversations ADD COLUMN branch_before INTEGER",
    "missions ADD COLUMN terms TEXT DEFAULT '{}' NOT NULL",
    "missions ADD COLUMN owner VARCHAR(64)",
    "missions ADD COLUMN lost INTEGER DEFAULT '0' NOT NULL",
    "missions ADD COLUMN queued_at VARCHAR(32)",
    "missions ADD COLUMN wake_at VARCHAR(32)",
    "missions ADD COLUMN tainted BOOLEAN DEFAULT '0' NOT NULL",
)


def upgrade() -> None:
    for change in COLUMNS:
        execute(f"ALTER TABLE {change}")
    for statement in NEW:
        execute(statement)
