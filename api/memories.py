"""What is remembered of a person, over HTTP: to be listed, found, changed and deleted by nobody but them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Unusable, sent
from api.rooms import office_of
from api.visitors import present
from graphs.keeping import change_fact, forget_all, forget_one
from graphs.reception import Reception
from memory.remembered import Recollections, Remembered, Wanted

router = APIRouter()
Id = Annotated[str, Query(max_length=64)]


class Words(BaseModel):
    """Other words for a fact."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=4_000)


@router.get("/api/memories")
async def list_memories(
    request: Request,
    *,
    query: Annotated[str, Query(max_length=500)] = "",
    kind: Annotated[str, Query(max_length=10)] = "",
    conversation: Id = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List what is remembered of the person: facts first, then what was said; with a query, the closest first."""
    office, user_id = office_of(request), present().user_id
    store = Recollections(office.database)
    found = await store.list(user_id, Wanted(kind, query, conversation, limit + 1, offset))
    return {
        "memories": [shown(one, office) for one in found[:limit]],
        "more": len(found) > limit,
        "counts": await store.count(user_id),
        "memory_on": await memory_on(office, user_id),
    }


@router.get("/api/memories/{memory_id}")
async def one_memory(request: Request, memory_id: str) -> dict[str, Any]:
    """Show one thing that is remembered."""
    office = office_of(request)
    return shown(await Recollections(office.database).get(memory_id, present().user_id), office)


@router.patch("/api/memories/{memory_id}")
async def change_memory(request: Request, memory_id: str) -> dict[str, Any]:
    """Give a fact other words; its id is made of them, so the answer has another one."""
    wish, office = await sent(request, Words), office_of(request)
    return shown(await change_fact(office, memory_id, present().user_id, wish.text), office)


@router.delete("/api/memories/{memory_id}", status_code=204)
async def delete_memory(request: Request, memory_id: str) -> Response:
    """Delete one thing for good."""
    await forget_one(office_of(request), memory_id, present().user_id)
    return Response(status_code=204)


@router.delete("/api/memories")
async def delete_memories(
    request: Request, what: Literal["everything", "fact", "said"] | None = None, conversation: Id = ""
) -> dict[str, int]:
    """Delete everything that is remembered, all facts, or all that was said; of one conversation if it is named."""
    if what is None:
        raise Unusable("what: say what to delete: everything, fact or said.")
    kind = "" if what == "everything" else what
    gone = await forget_all(office_of(request), present().user_id, kind=kind, conversation=conversation)
    return {"deleted": gone}


def shown(one: Remembered, office: Any) -> dict[str, Any]:
    """A memory as its person sees it; `by` says in words who kept it."""
    return one.model_dump(mode="json") | {"text": office.masked(one.text), "by": kept_by(one, office)}


def kept_by(one: Remembered, office: Any) -> str:
    """Say who kept a memory."""
    if one.what != "fact":
        return "you" if one.what == "question" else "the Chief of Staff"
    if one.operator:
        known: dict[str, str] = {profile.name: profile.title for profile in office.roster.enabled()}
        return known.get(one.operator, one.operator)
    return "an operator" if one.mission_id else "you"


async def memory_on(office: Reception, user_id: str) -> bool:
    """Say whether a person's missions remember and recall, where a conversation says nothing else."""
    return (await office.preferences.get(user_id)).wishes.memory is not False
