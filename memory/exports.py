"""What an export takes from the tables beside the journal: a person's conversations, and every version of what was made."""

from __future__ import annotations

from sqlalchemy import select

from memory import tables
from memory.database import Database
from memory.export_format import ExportedArtifact
from memory.lineage import in_view

_A, _T = tables.artifacts.c, tables.artifact_tags.c
_FIELDS = [name for name in ExportedArtifact.model_fields if name != "tags"]


async def versions_in_view(database: Database, conversation_id: str, user_id: str) -> list[ExportedArtifact]:
    """List all versions a conversation of this user shows, oldest first; nothing of another user's."""
    missions = tables.missions.c
    mine = select(missions.id).where(missions.id.in_(in_view(conversation_id)), missions.user_id == user_id)
    here = _A.mission_id.in_(mine)
    rows = await database.rows(select(tables.artifacts).where(here).order_by(_A.created_at, _A.id))
    tagged = select(_T.artifact_id, _T.tag).join(tables.artifacts, _A.id == _T.artifact_id).where(here)
    tags: dict[str, list[str]] = {}
    for artifact_id, tag in await database.rows(tagged.order_by(_T.tag)):
        tags.setdefault(artifact_id, []).append(tag)
    return [
        ExportedArtifact(**{name: getattr(row, name) for name in _FIELDS}, tags=tuple(tags.get(row.id, ())))
        for row in rows
    ]


async def conversations_of(database: Database, user_id: str) -> list[str]:
    """List all conversations of a user, archived ones too, oldest first."""
    talks = tables.conversations.c
    rows = await database.rows(select(talks.id).where(talks.user_id == user_id).order_by(talks.created_at, talks.id))
    return [str(row.id) for row in rows]
