"""Order among conversations over REST: the list, pins, the archive, projects, deletion, and temporary chats."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.rooms import office_of
from api.visitors import present
from core.errors import BadInput
from graphs.temporary import delete_wholly
from memory.shelves import LONGEST_NAME, MOST_AT_ONCE, WHICH, Shelves, Which
from memory.temporary import Temporary

router = APIRouter()


class Changes(BaseModel):
    """What to do with which conversations: pin, unpin, archive, unarchive, read, unread, or move to a project ("" is none)."""

    model_config = ConfigDict(extra="forbid")
    ids: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=MOST_AT_ONCE)
    what: str = Field(max_length=20)
    project: str = Field("", max_length=64)


class Name(BaseModel):
    """A project's name."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=LONGEST_NAME * 2)


def shelves(request: Request) -> Shelves:
    """Find the shelves of the office behind a request."""
    return Shelves(office_of(request).database)


@router.get("/api/conversations")
async def list_conversations(
    request: Request,
    which: Annotated[str, Query(max_length=20)] = "open",
    project: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: datetime | None = None,
) -> dict[str, Any]:
    """List one's conversations, the pinned ones first, then the newest; `before` continues the list."""
    if before is not None and before.tzinfo is None:
        raise BadInput("before: needs a time zone, as in 2026-11-21T12:00:00Z.")
    found = await shelves(request).list(
        present().user_id, checked_which(which), project=project, limit=limit, before=before
    )
    return {"conversations": [one.model_dump(mode="json") for one in found]}


@router.post("/api/conversations/changes")
async def change_several(request: Request, wanted: Changes) -> dict[str, int]:
    """Pin, archive, mark or move conversations, all or none."""
    changed = await shelves(request).change(present().user_id, wanted.ids, wanted.what, wanted.project)
    return {"changed": changed}


@router.post("/api/conversations/temporary", status_code=201)
async def begin_temporary(request: Request) -> dict[str, str]:
    """Begin a conversation that remembers nothing and is deleted at its end."""
    return {"id": await Temporary(office_of(request).database).begin(present().user_id)}


@router.delete("/api/conversations/{conversation_id}", status_code=204)
async def delete_conversation(request: Request, conversation_id: str) -> None:
    """Delete a conversation with everything in it; what runs in it is stopped first."""
    await delete_wholly(office_of(request), conversation_id, present().user_id)


@router.get("/api/projects")
async def list_projects(request: Request) -> dict[str, Any]:
    """List one's projects by name."""
    return {"projects": [p.model_dump(mode="json") for p in await shelves(request).projects(present().user_id)]}


@router.post("/api/projects", status_code=201)
async def create_project(request: Request, given: Name) -> dict[str, Any]:
    """Make a project."""
    return (await shelves(request).create(present().user_id, given.name)).model_dump(mode="json")


@router.patch("/api/projects/{project_id}", status_code=204)
async def rename_project(request: Request, project_id: str, given: Name) -> None:
    """Give a project another name."""
    await shelves(request).rename(project_id, present().user_id, given.name)


@router.delete("/api/projects/{project_id}", status_code=204)
async def delete_project(request: Request, project_id: str) -> None:
    """Delete a project; its conversations stay."""
    await shelves(request).remove(project_id, present().user_id)


def checked_which(which: str) -> Which:
    """Return a choice of the list as such; raises BadInput."""
    found = next((known for known in WHICH if known == which), None)
    if found is None:
        raise BadInput(f"which: there is no {which!r}. It is one of {', '.join(WHICH)}.")
    return found
