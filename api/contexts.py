"""Context documents over HTTP: list, add, change, accept, compare, restore, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from agents.context_files import written
from api.bodies import read_object
from api.visitors import present
from core.errors import BadInput
from core.memories import Context

if TYPE_CHECKING:
    from graphs.context_keeping import ContextKeeper

router = APIRouter(prefix="/api/contexts")
Number = Annotated[int, Query(ge=1, le=1_000_000)]


def keeper(request: Request) -> ContextKeeper:
    """Find who keeps the documents."""
    found: ContextKeeper = request.app.state.office.contexts
    return found


@router.get("")
async def list_contexts(request: Request) -> dict[str, Any]:
    """List what the person can see: their own documents, the house's, and what ships; drafts wait to be accepted."""
    return {"contexts": [shown(c) for c in await keeper(request).of_user(present().user_id)]}


@router.post("", status_code=201)
async def add_context(request: Request) -> dict[str, Any]:
    """Keep a new document; `house` makes it one of the whole house."""
    fields = read_object(await request.body())
    house = fields.pop("house", False)
    if not isinstance(house, bool):
        raise BadInput("house: say true or false.")
    return shown(await keeper(request).add(present().user_id, fields, house=house))


@router.get("/{context_id}")
async def show_context(request: Request, context_id: str) -> dict[str, Any]:
    """Show one document."""
    return shown(await keeper(request).get(context_id, present().user_id))


@router.patch("/{context_id}")
async def change_context(request: Request, context_id: str) -> dict[str, Any]:
    """Change some fields of the version that was seen; 409 if somebody changed it since."""
    fields = read_object(await request.body())
    version = _version(fields.pop("version", None))
    return shown(await keeper(request).change(context_id, present().user_id, version, fields))


@router.delete("/{context_id}", status_code=204)
async def remove_context(request: Request, context_id: str, version: int | None = None) -> Response:
    """Remove a document with its versions; what it replaced is in force again."""
    await keeper(request).remove(context_id, present().user_id, version)
    return Response(status_code=204)


@router.post("/{context_id}/accept")
async def accept_context(request: Request, context_id: str) -> dict[str, Any]:
    """Let a draft be given to operators from now on."""
    version = _version(read_object(await request.body()).get("version"))
    return shown(await keeper(request).accept(context_id, present().user_id, version))


@router.get("/{context_id}/versions")
async def list_versions(request: Request, context_id: str) -> dict[str, Any]:
    """List every version, the newest first."""
    versions = await keeper(request).versions(context_id, present().user_id)
    return {"versions": [shown(v) | {"changed_by": v.changed_by} for v in versions]}


@router.get("/{context_id}/diff")
async def compare_versions(request: Request, context_id: str, old: Number, new: Number) -> dict[str, Any]:
    """Compare two versions line by line, as `diff -u` does."""
    return {"diff": await keeper(request).diff(context_id, present().user_id, old, new)}


@router.post("/{context_id}/restore")
async def restore_context(request: Request, context_id: str) -> dict[str, Any]:
    """Let it stand again as in the version `to`; that makes a new version."""
    fields = read_object(await request.body())
    version, to = _version(fields.get("version")), _version(fields.get("to"), "to")
    return shown(await keeper(request).restore(context_id, present().user_id, version, to))


def shown(context: Context) -> dict[str, Any]:
    """Show a document as JSON, and as the file it would be."""
    fields = context.model_dump(mode="json", exclude={"owner", "changed_by"})
    whose = "shipped" if context.shipped else "own" if context.owner else "house"
    return fields | {"whose": whose, "file": written(context)}


def _version(given: Any, name: str = "version") -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise BadInput(f"{name}: it is missing. Send the number of the version that you have seen.")
    return given
