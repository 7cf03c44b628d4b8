"""Conversations over REST: looked at and changed, with a word about it if somebody changed them meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from api.visitors import present

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter()


class Change(BaseModel):
    """What to change; `version` is the one that was seen."""

    model_config = ConfigDict(extra="forbid")
    title: str | None = Field(None, max_length=1000)
    step_mode: bool | None = None
    version: int


class NewName(BaseModel):
    """What Chainlit's page sends to rename a conversation."""

    conversation_id: str = Field(alias="threadId", max_length=64)
    name: str = Field(max_length=1000)


@router.get("/api/conversations/{conversation_id}")
async def show(request: Request, conversation_id: str) -> dict[str, Any]:
    """Describe one conversation, with its version."""
    office: Office = request.app.state.office
    return (await office.conversations.get(conversation_id, present().user_id)).model_dump(mode="json")


@router.patch("/api/conversations/{conversation_id}")
async def change(request: Request, conversation_id: str, wanted: Change) -> dict[str, Any]:
    """Change title or step mode; 409 says who changed the conversation since that version, and to what."""
    office: Office = request.app.state.office
    changed = await office.conversations.change(
        conversation_id,
        present().user_id,
        title=wanted.title,
        step_mode=wanted.step_mode,
        version=wanted.version,
    )
    return changed.model_dump(mode="json")


@router.put("/project/thread")
async def rename(
    request: Request, wanted: NewName, seen: Annotated[int | None, Header(alias="x-version-seen")] = None
) -> dict[str, object]:
    """Rename a conversation from the list in the page, in place of Chainlit's own route, which knows no versions.

    The page says which version its list showed (public/versions.js). For a conversation begun in this very tab it has none.
    """
    office: Office = request.app.state.office
    renamed = await office.conversations.rename(wanted.conversation_id, present().user_id, wanted.name, seen)
    return {"success": True, "version": renamed.version}
