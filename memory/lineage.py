"""What a conversation shows: its own missions, and before them those it shares with the conversation it branched from.

A branch names its parent (`branch_of`) and the number of the first mission there that it does not share (`branch_before`);
the parent may be a branch itself. Nothing is copied, and everything that reads "of a conversation" reads through here.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    literal,
    null,
    or_,
    select,
)

from memory import tables

DEEPEST = 100
"""Branches of branches that are followed; `branches.branch` makes no deeper ones."""
HERE: BindParameter[str] = bindparam("here", type_=String(64))
"""Stands for the conversation in queries that are built once (`{"here": conversation_id}`): a mission asks about ten times,
and to build such a query costs more than to run it."""

Conversation = str | BindParameter[str]
_C, _M = tables.conversations.c, tables.missions.c


def lineage(conversation_id: Conversation) -> CTE:
    """Walk up from a conversation: `id`, `depth` (0 is itself) and `until`, the first mission number no longer in view."""
    here = select(
        _C.id,
        literal(0).label("depth"),
        null().cast(_C.branch_before.type).label("until"),
        _C.user_id,
        _C.branch_of,
        _C.branch_before,
    ).where(_C.id == conversation_id)
    line = here.cte(recursive=True)
    parent = tables.conversations.alias("parent")
    above = select(
        parent.c.id,
        line.c.depth + 1,
        line.c.branch_before,
        parent.c.user_id,
        parent.c.branch_of,
        parent.c.branch_before,
    ).where(parent.c.id == line.c.branch_of, parent.c.user_id == line.c.user_id, line.c.depth < DEEPEST)
    return line.union_all(above)


def in_view(conversation_id: Conversation, *, shared_only: bool = False) -> Select[Any]:
    """Select the ids of the missions a conversation shows; with `shared_only` those that are not its own."""
    line = lineage(conversation_id)
    seen = or_(line.c.until.is_(None), _M.number < line.c.until)
    query = select(_M.id).join(line, and_(_M.conversation_id == line.c.id, seen))
    return query.where(line.c.depth > 0) if shared_only else query


def belongs(row: Any, conversation_id: Conversation) -> ColumnElement[bool]:
    """Match rows with a `conversation_id` and a `mission_id` that are in view: all of its own, and the shared ones."""
    shared = row.mission_id.in_(in_view(conversation_id, shared_only=True))
    return and_(within(row, conversation_id), or_(row.conversation_id == conversation_id, shared))


def within(row: Any, conversation_id: Conversation) -> ColumnElement[bool]:
    """Match rows of a conversation and of those it branched from, in view or not; there is an index for this."""
    return cast(ColumnElement[bool], row.conversation_id.in_(select(lineage(conversation_id).c.id)))


def relatives(conversation_id: Conversation) -> Subquery:
    """Select `id` of every conversation that has branched, however far, from the same beginning; itself included."""
    line = lineage(conversation_id)
    root = select(line.c.id).order_by(line.c.depth.desc()).limit(1).scalar_subquery()
    family = select(_C.id, literal(0).label("depth")).where(_C.id == root).cte(recursive=True)
    child = tables.conversations.alias("child")
    below = select(child.c.id, family.c.depth + 1).where(child.c.branch_of == family.c.id, family.c.depth < DEEPEST)
    return select(family.union_all(below).c.id).subquery()
