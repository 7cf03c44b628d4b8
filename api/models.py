"""The routes for models and the keys behind them: which model does what, connections tried, kept and forgotten. Never a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agents.llm.trying import Tried
from api.bodies import sent
from api.visitors import Visitor, allowed
from core.errors import BadInput, ModelUnavailable
from core.steering import Right
from graphs.connections import Connection, Connections
from memory.in_force import SEARCH
from tools.search_trial import Searched

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter(prefix="/api")


class NewCredential(BaseModel):
    """A key and where it belongs; `model` is what to try it with, `service` which search it is for."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field("", max_length=2000)
    base_url: str = Field("", max_length=500)
    model: str = Field("", max_length=200)
    service: Literal["", "tavily", "brave", "searxng"] = ""


class Choices(BaseModel):
    """The models of tiers, as provider:name; "" takes a choice back."""

    model_config = ConfigDict(extra="forbid")

    standard: str | None = Field(None, max_length=250)
    small: str | None = Field(None, max_length=250)
    strong: str | None = Field(None, max_length=250)


class Trial(BaseModel):
    """Which model to try a connection with; "" leaves the choice to us."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("", max_length=200)


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """Say which model does the steps of each tier, and which providers are connected."""
    found = connections(request)
    tiers = await found.tiers()
    return {
        "tiers": [t.model_dump() for t in tiers],
        "rehearsal": tiers[0].model.startswith("rehearsal"),
        "connections": [shown(c) for c in await found.all()],
    }


@router.patch("/models")
async def choose(request: Request) -> dict[str, Any]:
    """Choose models; they answer from the next call on."""
    given = (await sent(request, Choices)).model_dump(exclude_none=True)
    await chosen(request, given)
    return await models(request)


@router.get("/models/local")
async def local(request: Request) -> list[dict[str, Any]]:
    """List model servers that answer on this machine."""
    found = await connections(request).local()
    return [{"name": s.name, "base_url": s.base_url, "models": list(s.models)} for s in found]


@router.get("/credentials")
async def credentials(request: Request) -> list[dict[str, Any]]:
    """List what is connected, and how; never with a key."""
    return [shown(c) for c in await connections(request).all() if c.source]


@router.put("/credentials/{name}")
async def connect(request: Request, name: str) -> dict[str, Any]:
    """Try a key with a small real call, then keep it, in place of an earlier one."""
    given = await sent(request, NewCredential)
    return _result(await connected(request, name, given)) | ({"kept": True} if name == SEARCH else {})


@router.post("/credentials/{name}/test")
async def test(request: Request, name: str) -> dict[str, Any]:
    """Try a connection that is kept."""
    given = await sent(request, Trial)
    return _result(await tested(request, name, given.model))


@router.delete("/credentials/{name}", status_code=204)
async def remove(request: Request, name: str) -> Response:
    """Forget a connection."""
    await removed(request, name)
    return Response(status_code=204)


def connections(request: Request) -> Connections:
    """Return what these doors work with, for those who may; raises Refused for others."""
    allowed(Right.HOUSE)
    office: Office = request.app.state.office
    return office.connections


async def connected(request: Request, name: str, given: NewCredential) -> Tried | Searched:
    """Keep a connection and put it in the audit log; returns what the provider answered."""
    found, person = connections(request), allowed(Right.HOUSE)
    tried: Tried | Searched
    if name == SEARCH:
        tried = await found.connect_search(given.service, given.key, given.base_url, person.name)
    else:
        with in_words():
            tried = await found.connect(name, given.key, given.base_url, person.name, model=given.model)
    await _note(request, person, "secret_changed", name, what="entered", address=given.base_url)
    return tried


async def tested(request: Request, name: str, model: str) -> Tried | Searched:
    """Try a connection that is kept."""
    if name == SEARCH:
        return await connections(request).test_search()
    with in_words():
        return await connections(request).test(name, model)


async def removed(request: Request, name: str) -> None:
    """Forget a connection and put that in the audit log."""
    await connections(request).remove(name)
    await _note(request, allowed(Right.HOUSE), "secret_changed", name, what="removed")


async def chosen(request: Request, choices: dict[str, str]) -> None:
    """Choose models and put that in the audit log."""
    person = allowed(Right.HOUSE)
    await connections(request).choose(choices, person.name)
    await _note(request, person, "settings_changed", "models", **choices)


class in_words:
    """Makes of a provider's refusal an answer to the person: nothing of ours is broken."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, _: object) -> None:
        if isinstance(problem, ModelUnavailable):
            raise BadInput(str(problem)) from None


def shown(connection: Connection) -> dict[str, Any]:
    """Say of a connection what may be said; never its key."""
    kept = connection.kept.model_dump(mode="json", exclude={"name"}) if connection.kept else None
    return connection.model_dump(mode="json", exclude={"kept"}) | {"kept": kept}


async def _note(request: Request, person: Visitor, kind: str, subject: str, **details: object) -> None:
    office: Office = request.app.state.office
    await office.audit.note(kind, person.user_id, subject, **details)


def _result(tried: Tried | Searched) -> dict[str, Any]:
    if isinstance(tried, Searched):
        return {"results": tried.results, "seconds": round(tried.seconds, 2)}
    return {"models": list(tried.models), "tried": tried.model, "seconds": round(tried.seconds, 2)}
