"""The tools of the house over HTTP, and the receipts of what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request

from api.visitors import present
from core.errors import NotFound
from core.events import ToolCalled, ToolReturned
from graphs.provisioning import CORE, SEARCH

if TYPE_CHECKING:
    from agents.roster import Roster
    from graphs.office import Office
    from tools.catalogue import Catalogue, Entry

router = APIRouter()
_MOST = 200


@router.get("/api/tools")
async def list_tools(request: Request, need: Annotated[str, Query(max_length=500)] = "") -> dict[str, Any]:
    """List every tool: what it does, what it risks, how it is taken back, who holds it; by a need, the closest first."""
    office: Office = request.app.state.office
    return {"tools": await tools_shown(office.toolkit.catalogue, office.roster, need)}


@router.get("/api/missions/{mission_id}/receipts/{step:path}")
async def show_receipt(request: Request, mission_id: str, step: str) -> dict[str, Any]:
    """Show what stands on record of one call of the person's own mission."""
    office: Office = request.app.state.office
    await office.missions.get(mission_id, present().user_id)
    events = await office.journal.read(mission_id)
    called = next((e for e in events if isinstance(e, ToolCalled) and e.step == step), None)
    returned = next((e for e in events if isinstance(e, ToolReturned) and e.step == step), None)
    if returned is None or not returned.risks:
        raise NotFound("There is no such receipt.")
    about = {"mission_id": mission_id, "step": step, "task_id": returned.task_id, "tool": returned.tool}
    wanted = {"words": called.intent, "arguments": called.arguments} if called else {"words": "", "arguments": {}}
    fields = {"status", "output", "risks", "undo", "sources"}
    return about | wanted | returned.model_dump(mode="json", include=fields) | {"at": returned.at.isoformat()}


async def tools_shown(catalogue: Catalogue, roster: Roster, need: str = "") -> list[dict[str, Any]]:
    """Show the tools as JSON."""
    every = catalogue.entries()
    entries = await catalogue.ranked(need, [e.name for e in every]) if need.strip() else every
    return [_shown(entry, roster) for entry in entries[:_MOST]]


def _shown(entry: Entry, roster: Roster) -> dict[str, Any]:
    about = {"name": entry.name, "purpose": entry.purpose, "risks": sorted(entry.risks), "effect": entry.effect}
    everybody = entry.name in (*CORE, SEARCH)
    holders = [p.name for p in roster.enabled() if everybody or entry.name in p.tools]
    more = {"undo": entry.undo, "brings_in_strangers_words": entry.taints, "roles": list(entry.roles)}
    return about | more | {"operators": holders}
