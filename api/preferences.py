"""What a person chose for their missions, over HTTP: for all of them, and for those of one conversation."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from agents.llm.router import offered
from api.bodies import Unusable, sent
from api.rooms import office_of
from api.visitors import present
from core.errors import BadInput
from graphs.choosing import LANGUAGES, checked_wishes
from memory.preferences import Kept, Wishes

router = APIRouter()


class Chosen(BaseModel):
    """What to keep in place of what was chosen; what is left out is as it is chosen further out. See Wishes."""

    model_config = ConfigDict(extra="forbid")
    models: dict[str, str] = Field(default_factory=dict, max_length=10)
    approve_plan: StrictBool | None = None
    step_mode: StrictBool | None = None
    memory: StrictBool | None = None
    cost: Decimal | None = Field(None, gt=0, le=10_000, decimal_places=6)
    tokens: int | None = Field(None, ge=1, strict=True)
    language: str | None = Field(None, max_length=40)
    operators: list[str] = Field(default_factory=list, max_length=5)
    version: int | None = Field(None, ge=0)

    @field_validator("cost", mode="before")
    @classmethod
    def _amount(cls, value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, str) and not _reads_as_number(value)):
            raise ValueError("it must be an amount of US dollars, such as 0.5")
        return str(value) if isinstance(value, float) else value


def _reads_as_number(words: str) -> bool:
    try:
        return Decimal(words).is_finite()
    except InvalidOperation:
        return False


@router.get("/api/preferences")
async def show_own(request: Request) -> dict[str, Any]:
    """Show what the person chose for all of their missions, and what there is to choose from."""
    return await _shown(request, await office_of(request).preferences.get(present().user_id))


@router.put("/api/preferences")
async def keep_own(request: Request) -> dict[str, Any]:
    """Keep choices for all missions of the person; 409 if they were changed since `version`."""
    return await _keep(request, "")


@router.get("/api/conversations/{conversation_id}/preferences")
async def show_of_conversation(request: Request, conversation_id: str) -> dict[str, Any]:
    """Show what the person chose for one conversation."""
    return await _shown(request, await office_of(request).preferences.get(present().user_id, conversation_id))


@router.put("/api/conversations/{conversation_id}/preferences")
async def keep_of_conversation(request: Request, conversation_id: str) -> dict[str, Any]:
    """Keep choices for one conversation; they win over those for everything."""
    return await _keep(request, conversation_id)


async def _keep(request: Request, conversation_id: str) -> dict[str, Any]:
    office, user_id = office_of(request), present().user_id
    given = await sent(request, Chosen)
    wishes = Wishes.model_validate(given.model_dump(exclude={"version"}))
    await office.preferences.get(user_id, conversation_id)
    if wishes.operators and not conversation_id:
        raise Unusable("operators: they are chosen for one conversation, not for all of them.")
    try:
        wishes = checked_wishes(wishes, (await office.connections.now()).settings, office.roster)
    except BadInput as problem:
        raise Unusable(str(problem)) from None
    return await _shown(request, await office.preferences.put(wishes, user_id, conversation_id, given.version))


async def _shown(request: Request, kept: Kept) -> dict[str, Any]:
    office = office_of(request)
    now = (await office.connections.now()).settings
    limits = {"cost": str(now.mission_cost), "tokens": now.mission_tokens}
    people = [{"name": p.name, "title": p.title, "when": p.when} for p in office.roster.enabled()]
    offers = {"models": list(offered(now)), "languages": list(LANGUAGES), "limits": limits, "operators": people}
    return kept.wishes.model_dump(mode="json") | {"version": kept.version, "offered": offers}
