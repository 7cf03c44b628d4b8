"""Artifacts over REST: found, listed by version, compared, renamed, tagged, brought back, deleted, taken away as a zip."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Unusable, sent
from api.visitors import present
from api.zip_stream import ZIP, zipped
from graphs.artifact_keeping import ArtifactKeeping
from memory.artifact_rows import ArtifactVersion

router = APIRouter(prefix="/api")
Limit = Annotated[int, Query(ge=1, le=500)]


class NewLook(BaseModel):
    """What is to change of an artifact."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1, max_length=500)
    tags: list[str] | None = Field(default=None, max_length=50)


def keeping(request: Request) -> ArtifactKeeping:
    """Find who keeps artifacts; one for the whole application, so that its limits hold for all requests together."""
    state = request.app.state
    if not hasattr(state, "artifact_keeping"):
        state.artifact_keeping = ArtifactKeeping(state.office)
    found: ArtifactKeeping = state.artifact_keeping
    return found


@router.get("/artifacts")
async def find_artifacts(
    request: Request,
    *,
    query: Annotated[str, Query(max_length=500)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    conversation: str = "",
    tag: Annotated[str, Query(max_length=60)] = "",
    limit: Limit = 100,
) -> dict[str, Any]:
    """List the newest version of each artifact, newest first; `query` looks at names, tags and what stands in them."""
    found = await keeping(request).find(
        present().user_id, query=query, kind=kind, conversation_id=conversation, tag=tag, limit=limit
    )
    return {"artifacts": [shown(version) for version in found]}


@router.get("/artifacts.zip", responses=ZIP)
async def take_artifacts(
    request: Request,
    conversation: str = "",
    artifact: Annotated[list[str], Query(max_length=1000)] = [],  # noqa: B006
) -> Response:
    """Download the newest versions as one zip: all, those of a conversation, or the ones that are named."""
    files = await keeping(request).to_take(present().user_id, conversation, artifact)
    return zipped(((name, path.open("rb")) for name, path, _ in files), "artifacts.zip")


@router.get("/artifacts/{artifact_id}")
async def show_artifact(request: Request, artifact_id: str) -> dict[str, Any]:
    """Show one version."""
    return shown(await keeping(request).store.get(artifact_id, present().user_id))


@router.get("/artifacts/{artifact_id}/versions")
async def list_versions(request: Request, artifact_id: str) -> dict[str, Any]:
    """List all versions, newest first, with who made each."""
    found = await keeping(request).store.versions(artifact_id, present().user_id)
    return {"versions": [shown(version) for version in found]}


@router.get("/artifacts/{artifact_id}/text")
async def read_artifact(request: Request, artifact_id: str) -> dict[str, Any]:
    """Give a version's text: as it is, or taken out of a document."""
    keeper = keeping(request)
    return {"text": await keeper.text(await keeper.store.get(artifact_id, present().user_id))}


@router.get("/artifacts/{artifact_id}/diff")
async def compare(request: Request, artifact_id: str, against: str) -> dict[str, Any]:
    """Compare a version with the one named by `against`: lines with their sign."""
    return (await keeping(request).difference(artifact_id, against, present().user_id)).model_dump()


@router.patch("/artifacts/{artifact_id}")
async def change_artifact(request: Request, artifact_id: str) -> dict[str, Any]:
    """Rename an artifact with all its versions, or give it exactly these tags."""
    wanted, user_id = await sent(request, NewLook), present().user_id
    if wanted.name is None and wanted.tags is None:
        raise Unusable("body: send name, tags or both.")
    keeper = keeping(request)
    if wanted.tags is not None:
        await keeper.store.tag(artifact_id, user_id, wanted.tags)
    if wanted.name is not None:
        await keeper.rename(artifact_id, user_id, wanted.name)
    return shown(await keeper.store.get(artifact_id, user_id))


@router.post("/artifacts/{artifact_id}/restore", status_code=201)
async def restore(request: Request, artifact_id: str) -> dict[str, Any]:
    """Make an older version the newest, as a new version."""
    keeper, user_id = keeping(request), present().user_id
    return shown(await keeper.store.get(await keeper.restore(artifact_id, user_id), user_id))


@router.delete("/artifacts/{artifact_id}", status_code=204)
async def remove(request: Request, artifact_id: str) -> Response:
    """Delete an artifact with all its versions."""
    await keeping(request).remove(artifact_id, present().user_id)
    return Response(status_code=204)


@router.get("/conversations/{conversation_id}/workspace.zip", responses=ZIP)
async def take_workspace(request: Request, conversation_id: str) -> Response:
    """Download all files that operators keep in a conversation, as they stand now."""
    return zipped(await keeping(request).workspace(conversation_id, present().user_id), "workspace.zip")


def shown(version: ArtifactVersion) -> dict[str, Any]:
    """Show a version as JSON."""
    fields = version.model_dump(mode="json", exclude={"task_id"})
    pages = {"url": f"/files/artifact/{version.id}", "page": f"/artifacts/{version.id}"}
    return fields | {"by_person": version.by_person} | pages
