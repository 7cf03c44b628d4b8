"""The page of API keys: plain HTML and forms, no JavaScript. A new key is shown once, on the answer to the form that made it."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.keys import myself, offered, office_of
from api.once import hidden_id, sent_id
from api.templates import address_of_asset, template
from api.visitors import allowed, present
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from core.missions import now
from core.steering import Right, may
from memory.key_terms import ApiKey
from memory.service_accounts import ServiceAccount

router = APIRouter()

DONE = {
    "revoke": "Revoked. The key does not work any more.",
    "account": "The account is there. Now make a key for it.",
    "rest": "It rests; its keys do not work.",
    "wake": "It works again, and so do its keys.",
    "take_over": "From now on you answer for it.",
}
_CODES: tuple[tuple[type[StaffworkError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 403),
    (BadInput, 400),
)
Fresh = tuple[ApiKey, str]
_FORMS = {"make", "revoke", "account", "account_key", "rest", "wake", "take_over"}


@router.get("/keys")
async def keys_page(request: Request, did: str = "") -> HTMLResponse:
    """Show the person's keys, and to administrators the service accounts."""
    return await _page(request, said=DONE.get(did, ""))


@router.post("/keys")
async def keys_order(request: Request) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    given = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    fields = {name: values[0] for name, values in given.items()}
    try:
        fresh = await _carry_out(request, fields, given.get("scopes", []))
    except StaffworkError as problem:
        code = next((code for kind, code in _CODES if isinstance(problem, kind)), 400)
        return await _page(request, problem=str(problem), code=code)
    if fresh is not None:
        return await _page(request, fresh=fresh)
    return RedirectResponse(f"/keys?did={fields.get('kind', '')}", 303)


async def _carry_out(request: Request, given: dict[str, str], scopes: list[str]) -> Fresh | None:
    doors, kind, account = office_of(request).doors, given.get("kind", ""), given.get("account", "")
    if kind not in _FORMS:
        raise BadInput("This form is not known here. Please load the page again.")
    if kind == "make":
        me, key_id = myself(allowed(Right.KEYS)), sent_id(given)
        return await doors.keys.make(me, given.get("name", ""), scopes, _days(given), key_id=key_id)
    if kind == "revoke" and not account:
        await doors.keys.revoke(given.get("key", ""), present().user_id)
        return None
    person = allowed(Right.PEOPLE)
    if kind == "account":
        await doors.accounts.make(myself(person), given.get("name", ""), given.get("role", ""))
        return None
    found = await doors.accounts.get(account)
    match kind:
        case "account_key":
            name, key_id = given.get("name", ""), sent_id(given)
            return await doors.keys.make(found.user, name, scopes, _days(given), by=person.user_id, key_id=key_id)
        case "revoke":
            await doors.keys.revoke(given.get("key", ""), account, by=person.user_id)
        case "rest" | "wake":
            await doors.accounts.set_active(account, kind == "wake", by=person.user_id)
        case "take_over":
            await doors.accounts.take_over(account, myself(person))
    return None


def _days(given: dict[str, str]) -> int | None:
    days = given.get("days", "")
    if not days:
        return None
    if not days.isascii() or not days.isdecimal() or len(days) > 6:
        raise BadInput("days: please choose how long the key works.")
    return int(days)


async def _page(
    request: Request, *, said: str = "", problem: str = "", fresh: Fresh | None = None, code: int = 200
) -> HTMLResponse:
    person, doors = present(), office_of(request).doors
    keys = await doors.keys.list(person.user_id)
    words: dict[str, str] = {
        "items": "".join(_item(key) for key in keys),
        "none": "hidden" if keys or not may(person.role, Right.KEYS) else "",
        "no_form": "" if may(person.role, Right.KEYS) else "hidden",
        "fields": _fields("", person.role, "My laptop"),
        "said": escape(said),
        "no_said": "" if said else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "fresh": _fresh(*fresh) if fresh else "",
        "no_accounts": "" if may(person.role, Right.PEOPLE) else "hidden",
        "accounts": await _accounts(request) if may(person.role, Right.PEOPLE) else "",
    }
    return HTMLResponse(template("keys.html").substitute(words, **_assets()), code)


async def _accounts(request: Request) -> str:
    """Draw all service accounts; whose owner has gone says so."""
    office, me = office_of(request), present().user_id
    drawn = []
    for account in await office.doors.accounts.list():
        keys = await office.doors.keys.list(account.user.id)
        drawn.append(_account(account, keys, await _owner(request, account.owner_id), mine=account.owner_id == me))
    return "".join(drawn)


async def _owner(request: Request, owner_id: str) -> str:
    """Name who answers for an account ("" for nobody who still may)."""
    try:
        owner = await office_of(request).people.get(owner_id)
    except NotFound:
        return ""
    return owner.name if owner.active and may(owner.role, Right.PEOPLE) else ""


def _account(account: ServiceAccount, keys: list[ApiKey], owner: str, *, mine: bool) -> str:
    user = account.user
    answers = "You answer for it." if mine else f"{escape(owner)} answers for it."
    return template("key_account.html").substitute(
        id=escape(user.id),
        name=escape(user.name),
        role=escape(user.role),
        owner=answers if owner else "Nobody answers for it: its keys do not work.",
        state="" if user.active else "resting",
        no_badge="hidden" if user.active else "",
        paused="" if user.active and owner else "paused",
        keys="".join(_item(key, user.id) for key in keys),
        fields=_fields(f"-{escape(user.id)}", user.role, "Server 1"),
        switch="rest" if user.active else "wake",
        switch_words="Let it rest" if user.active else "Let it work again",
        no_take_over="hidden" if mine else "",
    )


def _item(key: ApiKey, account: str = "") -> str:
    state = key.state(now())
    end = key.revoked_at or key.expires_at
    how = {"live": "works until", "expired": "ended", "revoked": "revoked"}[state]
    return template("key_item.html").substitute(
        id=escape(key.id),
        account=escape(account),
        name=escape(key.name),
        prefix=escape(key.prefix),
        scopes=escape(", ".join(key.scopes)),
        state=state,
        no_badge="hidden" if state == "live" else "",
        paused="" if state == "live" else "paused",
        dead="" if state == "live" else "hidden",
        made=f"{key.created_at:%Y-%m-%d}",
        ends=f"{how} {end:%Y-%m-%d %H:%M} UTC" if end else "works until it is revoked",
        used=f"Last used {key.last_used_at:%Y-%m-%d %H:%M} UTC." if key.last_used_at else "Never used.",
    )


def _fields(at: str, role: str, example: str) -> str:
    boxes = "".join(
        f'<label class="check"><input type="checkbox" name="scopes" value="{scope}" {_checked(scope)}>'
        f'<span><code>{scope}</code> <span class="soft">{escape(words)}</span></span></label>'
        for scope, words in offered(role).items()
    )
    return template("key_fields.html").substitute(at=at, scopes=boxes, example=example, once=hidden_id())


def _checked(scope: str) -> str:
    return "checked" if scope == "read" else ""


def _fresh(key: ApiKey, secret: str) -> str:
    return template("key_fresh.html").substitute(name=escape(key.name), secret=escape(secret))


def _assets() -> dict[str, Any]:
    names = {"base_style": "schedules.css", "style": "shares.css", "own_style": "keys.css"}
    return {name: address_of_asset(file) for name, file in names.items()}
