"""Search over REST: titles, messages, steps and files of one's own."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.rooms import office_of
from api.visitors import present
from memory.finding import Finder, Hit, Wanted

router = APIRouter()
LINES = ("question", "answer", "step", "tool")


@router.get("/api/search")
async def search(
    request: Request,
    *,
    query: Annotated[str, Query(max_length=500)],
    kind: Annotated[str, Query(max_length=20)] = "",
    project: Annotated[str, Query(max_length=64)] = "",
    conversation: Annotated[str, Query(max_length=64)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    archived: Annotated[str, Query(max_length=10)] = "any",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List what was found, titles first, then the newest; `link` leads to its place."""
    wanted = Wanted(query, kind, project, conversation, since, until, archived)
    found = await Finder(office_of(request).database).find(present().user_id, wanted, limit)
    return {"hits": [hit.model_dump(mode="json") | {"link": link(hit)} for hit in found]}


def link(hit: Hit) -> str:
    """Name the address of what was found: the line in its conversation (public/finding.js goes there), or the file's page."""
    if hit.kind == "artifact":
        return f"/artifacts/{hit.place}"
    places = ",".join(filter(None, (hit.place, hit.within)))
    return f"/thread/{hit.conversation_id}" + (f"#at={places}" if hit.kind in LINES else "")
