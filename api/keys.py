"""API keys and service accounts over HTTP. Keys are made and revoked by people who are logged in, never with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import sent
from api.visitors import Visitor, allowed, present
from core.errors import NotFound
from core.missions import now
from core.steering import Right
from memory.key_terms import SCOPES, ApiKey, scopes_of
from memory.people import User
from memory.service_accounts import ServiceAccount

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter(prefix="/api")
DAYS = 90
"""How long a key works if nobody says otherwise."""


class KeyWish(BaseModel):
    """What a new key is to be; `days` null: it works until it is revoked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=100)
    scopes: list[str] = Field(min_length=1, max_length=10)
    days: int | None = DAYS


class AccountWish(BaseModel):
    """A service account to be."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=100)
    role: str = "member"


class AccountChange(BaseModel):
    """What is to change of a service account; `take_over`: whoever asks answers for it from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    active: bool | None = None
    take_over: bool = False


@router.get("/keys")
async def my_keys(request: Request) -> dict[str, Any]:
    """List the person's keys, newest first, and what a key of theirs can be good for."""
    person = present()
    keys = await office_of(request).doors.keys.list(person.user_id)
    return {"keys": [shown(key) for key in keys], "scopes": offered(person.role)}


@router.get("/keys/this")
async def this_key(request: Request) -> dict[str, Any]:
    """Say which key the request came with, and whose it is; raises NotFound where it came without."""
    person = present()
    if not person.key_id:
        raise NotFound("This request came without an API key.")
    key = await office_of(request).doors.keys.get(person.key_id, person.user_id)
    able = [s for s in SCOPES if s in (person.scopes or ())]
    return shown(key) | {"person": person.name, "role": person.role, "good_for": able}


@router.post("/keys", status_code=201)
async def make_key(request: Request) -> Response:
    """Make a key; `key` in the answer is the secret, which is shown this once."""
    wish = await sent(request, KeyWish)
    keys = office_of(request).doors.keys
    made, secret = await keys.make(myself(allowed(Right.KEYS)), wish.name, wish.scopes, wish.days)
    return JSONResponse(shown(made) | {"key": secret}, 201)


@router.delete("/keys/{key_id}", status_code=204)
async def revoke_key(request: Request, key_id: str) -> None:
    """Revoke a key of the person, at once; again changes nothing."""
    await office_of(request).doors.keys.revoke(key_id, present().user_id)


@router.get("/service-accounts")
async def service_accounts(request: Request) -> dict[str, Any]:
    """List the service accounts with their keys; for administrators."""
    allowed(Right.PEOPLE)
    doors = office_of(request).doors
    return {"accounts": [account_shown(a, await doors.keys.list(a.user.id)) for a in await doors.accounts.list()]}


@router.post("/service-accounts", status_code=201)
async def make_account(request: Request) -> Response:
    """Make a service account, which the administrator who asks answers for."""
    wish = await sent(request, AccountWish)
    made = await office_of(request).doors.accounts.make(myself(allowed(Right.PEOPLE)), wish.name, wish.role)
    return JSONResponse(account_shown(made, []), 201)


@router.patch("/service-accounts/{account_id}")
async def change_account(request: Request, account_id: str) -> dict[str, Any]:
    """Let a service account rest, or work again; answer for it."""
    wish, person, doors = await sent(request, AccountChange), allowed(Right.PEOPLE), office_of(request).doors
    if wish.take_over:
        await doors.accounts.take_over(account_id, myself(person))
    if wish.active is not None:
        await doors.accounts.set_active(account_id, wish.active, by=person.user_id)
    return account_shown(await doors.accounts.get(account_id), await doors.keys.list(account_id))


@router.post("/service-accounts/{account_id}/keys", status_code=201)
async def make_account_key(request: Request, account_id: str) -> Response:
    """Make a key of a service account; `key` in the answer is the secret, which is shown this once."""
    wish, person, doors = await sent(request, KeyWish), allowed(Right.PEOPLE), office_of(request).doors
    account = await doors.accounts.get(account_id)
    made, secret = await doors.keys.make(account.user, wish.name, wish.scopes, wish.days, by=person.user_id)
    return JSONResponse(shown(made) | {"key": secret}, 201)


@router.delete("/service-accounts/{account_id}/keys/{key_id}", status_code=204)
async def revoke_account_key(request: Request, account_id: str, key_id: str) -> None:
    """Revoke a key of a service account, at once."""
    person, doors = allowed(Right.PEOPLE), office_of(request).doors
    await doors.accounts.get(account_id)
    await doors.keys.revoke(key_id, account_id, by=person.user_id)


def shown(key: ApiKey) -> dict[str, Any]:
    """A key as others see it: everything but itself."""
    return key.model_dump(mode="json", exclude={"user_id"}) | {"state": key.state(now())}


def account_shown(account: ServiceAccount, keys: list[ApiKey]) -> dict[str, Any]:
    """A service account with its keys."""
    user = account.user
    fields = {"id": user.id, "name": user.name, "role": user.role, "active": user.active, "owner": account.owner_id}
    return fields | {"created_at": account.created_at.isoformat(), "keys": [shown(key) for key in keys]}


def offered(role: str) -> dict[str, str]:
    """What a key of somebody in this role can be good for, in words."""
    return {scope: words for scope, words in SCOPES.items() if scope in scopes_of(role)}


def myself(person: Visitor) -> User:
    """The person who asks, as the store knows them."""
    return User(id=person.user_id, name=person.name, role=person.role)


def office_of(request: Request) -> Office:
    """Find the open office."""
    found: Office = request.app.state.office
    return found
