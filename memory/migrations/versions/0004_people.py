"""People: sessions, invitations, reset links, and the audit log, to which the database only lets rows be added."""

from __future__ import annotations

from alembic import op

from memory.migrations.dialects import execute, on_postgres

revision = "0004"
down_revision = "0003"

NEW = (
    """
    CREATE TABLE sessions (
            id VARCHAR(64) NOT NULL,
            token_hash VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            token_version INTEGER NOT NULL,
            how VARCHAR(20) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            seen_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            agent VARCHAR(300) DEFAULT '' NOT NULL,
            address VARCHAR(100) DEFAULT '' NOT NULL,
            revoked_at VARCHAR(32),
            PRIMARY KEY (id),
            UNIQUE (token_hash),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX sessions_by_end ON sessions (expires_at)",
    "CREATE INDEX sessions_of_user ON sessions (user_id, seen_at)",
    """
    CREATE TABLE invitations (
            id VARCHAR(64) NOT NULL,
            token_hash VARCHAR(64) NOT NULL,
            role VARCHAR(20) NOT NULL,
            name VARCHAR(200) DEFAULT '' NOT NULL,
            email VARCHAR(300) DEFAULT '' NOT NULL,
            made_by VARCHAR(64) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            used_at VARCHAR(32),
            used_by VARCHAR(200) DEFAULT '' NOT NULL,
            revoked_at VARCHAR(32),
            PRIMARY KEY (id),
            UNIQUE (token_hash),
            FOREIGN KEY(made_by) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX invitations_by_end ON invitations (expires_at)",
    """
    CREATE TABLE reset_links (
            id VARCHAR(64) NOT NULL,
            token_hash VARCHAR(64) NOT NULL,
            user_id VARCHAR(64) NOT NULL,
            made_by VARCHAR(64) NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            expires_at VARCHAR(32) NOT NULL,
            used_at VARCHAR(32),
            PRIMARY KEY (id),
            UNIQUE (token_hash),
            FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX reset_links_of_user ON reset_links (user_id)",
    """
    CREATE TABLE audit (
            number INTEGER NOT NULL,
            at VARCHAR(32) NOT NULL,
            actor_id VARCHAR(64) NOT NULL,
            actor VARCHAR(200) NOT NULL,
            kind VARCHAR(40) NOT NULL,
            subject VARCHAR(300) NOT NULL,
            address VARCHAR(100) NOT NULL,
            details TEXT NOT NULL,
            PRIMARY KEY (number)
    )
    """,
    "CREATE INDEX audit_by_actor ON audit (actor, number)",
    "CREATE INDEX audit_by_kind ON audit (kind, number)",
)
GROWN = ("users ADD COLUMN seen_at VARCHAR(32)", "users ADD COLUMN leaving_at VARCHAR(32)")
KEPT = (
    "CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is only added to'); END",
    "CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is only added to'); END",
)
KEPT_BY_POSTGRES = (
    "CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$",
    "CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_is_kept()",
)


def upgrade() -> None:
    for statement in NEW:
        execute(statement)
    for change in GROWN:
        execute(f"ALTER TABLE {change}")
    for statement in KEPT_BY_POSTGRES if on_postgres() else KEPT:
        op.execute(statement)
