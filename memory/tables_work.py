"""The tables behind work that survives: who runs missions, what people ordered, which effects began, what is scheduled."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from memory.columns import Moment, Money, id_column, metadata, reference

workers = Table(  # the processes that run missions
    "workers",
    metadata,
    id_column(),
    Column("host", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Float, nullable=False),  # seconds, by the database's clock where it has one
)

orders = Table(
    "orders",
    metadata,
    Column("number", Integer, primary_key=True),  # orders are carried out in this order
    Column("id", String(64), nullable=False, unique=True),
    reference("mission_id", "missions.id"),
    Column("kind", String(20), nullable=False),
    Column("data", Text, nullable=False),  # the whole order as JSON
    Column("at", Moment, nullable=False),
    Column("taken_at", Moment),  # None until an attempt has taken it up
    Index("orders_of_mission", "mission_id", "taken_at"),
    Index("orders_open", "taken_at"),
)

effects = Table(  # calls with effects that must not happen twice: written before and after they run
    "effects",
    metadata,
    Column("mission_id", String(64), ForeignKey("missions.id", ondelete="CASCADE"), primary_key=True),
    Column("step", String(200), primary_key=True),
    Column("arguments_hash", String(64), primary_key=True),  # of tool and arguments: other ones are another call
    Column("tool", String(100), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("runs", Integer, nullable=False),  # how often it was begun: again only if that is safe, or a person said so
    Column("decision", String(200), nullable=False, server_default=""),  # the one that let it begin the last time
    Column("state", String(10), nullable=False),  # intended | done
    Column("outcome", Text),  # JSON, once it is done
    Column("intended_at", Moment, nullable=False),
    Column("done_at", Moment),
    sqlite_with_rowid=False,
)

approvals = Table(  # calls that run only if a person allows them: what was asked, and what became of it
    "approvals",
    metadata,
    id_column(),
    reference("mission_id", "missions.id"),
    reference("user_id", "users.id"),
    Column("conversation_id", String(64), nullable=False),
    Column("task_id", String(100)),
    Column("step", String(200), nullable=False),
    Column("operator", String(200), nullable=False),
    Column("tool", String(100), nullable=False),
    Column("arguments", Text, nullable=False),  # JSON, whole
    Column("arguments_hash", String(64), nullable=False),  # of tool and arguments
    Column("words", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("choices", Text, nullable=False),  # JSON
    Column("requested_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Column("decided_by", String(64), nullable=False, server_default=""),
    Column("decision", String(20), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("edited", Text),  # JSON: the arguments it may run with, if they were changed
    Column("allowed_hash", String(64)),  # the one call that may run; None unless it was allowed
    Column("used_at", Moment),  # when it was let through the gate
    Index("approvals_of_user", "user_id", "decided_at", "requested_at"),
    Index("approvals_of_mission", "mission_id", "step"),
)

approval_rules = Table(  # decisions that people had remembered
    "approval_rules",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("conversation_id", String(64)),  # None: in all conversations of the user
    Column("tool", String(100), nullable=False),
    Column("pattern", Text),  # JSON: argument -> what its value looks like; None: any arguments
    Column("approval_id", String(64), nullable=False),  # the one it was made with
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index("approval_rules_of_user", "user_id", "tool"),
)

schedules = Table(
    "schedules",
    metadata,
    id_column(),
    reference("user_id", "users.id"),
    Column("conversation_id", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("goal", Text, nullable=False),
    Column("cron", String(100), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("missed", String(10), nullable=False),  # skip | latest | all
    Column("overlap", String(10), nullable=False),  # skip | queue
    Column("unattended", String(10), nullable=False),  # park | deny
    Column("priority", String(10), nullable=False),
    Column("cost", Money),
    Column("active", Boolean, nullable=False),
    Column("next_at", Moment),
    Column("last_at", Moment),
    Column("last_words", Text, nullable=False, server_default=""),  # what came of the last time, in plain words
    Column("last_mission_id", String(64)),
    Column("version", Integer, nullable=False, server_default="1"),  # counts changes by people, to notice two at once
    Column("changed_by", String(64), nullable=False, server_default=""),
    Column("changed_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("schedules_due", "active", "next_at"),
    Index("schedules_of_user", "user_id"),
)
