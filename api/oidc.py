"""Logging in through an identity provider: to it and back, and connecting an identity to an account one is logged in to.

What comes back counts once, for ten minutes, and only in the browser that set out: its cookie and the state belong together.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.first_start import NOTE, page
from api.keys import myself, office_of
from api.oidc_fetch import ProviderRefused
from api.oidc_provider import Attempt, Provider
from api.returning import from_login, wanted
from api.visitors import present, visitor
from core.errors import Conflict, NotFound, Refused
from core.settings import Settings
from graphs import leaving
from memory.identities import Claimed, Newcomers
from memory.link_key import digest
from memory.passes import LASTS, Pass, PassRefused

router = APIRouter()
KIND = "oidc"
COOKIE, PATH = "staffwork_oidc", "/auth/oidc"
_RANK = ("viewer", "member", "admin")


@router.get("/auth/oidc/start")
async def start(request: Request) -> Response:
    """Send the browser to the identity provider, to log in."""
    return await _set_out(request, link_to=None)


@router.post("/auth/oidc/link")
async def link(request: Request) -> Response:
    """Send the browser to the identity provider, to connect an identity to the account one is logged in to."""
    return await _set_out(request, link_to=present().user_id)


@router.post("/auth/oidc/unlink")
async def unlink(request: Request) -> Response:
    """Take an identity away from the account one is logged in to; refused if nobody could log in to it then."""
    form = await request.form()
    office, person = office_of(request), present()
    given = (str(form.get("issuer", "")), str(form.get("subject", "")))
    try:
        await office.doors.identities.unlink(person.user_id, *given, passwords=office.settings.password_login)
    except Conflict as problem:
        return page(
            NOTE, 409, title="Nothing was changed", words=str(problem), link="/me/identities", link_words="Back"
        )
    return RedirectResponse("/me/identities?did=unlink", 303)


@router.get("/auth/oidc/callback")
async def callback(request: Request, code: str = "", state: str = "", error: str = "", iss: str = "") -> Response:
    """Take what comes back from the identity provider: log in, or connect; whatever is wrong is said on a page."""
    try:
        held, claimed = await _brought_back(request, code, state, error, iss)
        answer = await _connected(request, held, claimed) if held.user_id else await _logged_in(request, held, claimed)
    except (Refused, Conflict) as problem:
        office = office_of(request)
        who = present().user_id if visitor.get() else ""
        await office.audit.note("sign_in_failed", who, how=KIND, why=str(problem))
        answer = _note("You are not logged in" if not who else "This was not connected", str(problem), 403)
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


@router.api_route("/auth/oauth/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
async def chainlits_button(request: Request, rest: str) -> Response:
    """Lead the button of the login page to our own start; Chainlit's own way to do this stays closed."""
    settings = office_of(request).settings
    if request.method != "GET" or not settings.oidc_issuer or rest != settings.oidc_label:
        return JSONResponse({"detail": "Not found"}, 404)
    return RedirectResponse("/auth/oidc/start", 302)


async def _set_out(request: Request, link_to: str | None) -> Response:
    office, browser = office_of(request), secrets.token_urlsafe(32)
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    back = {} if link_to else from_login(request.headers)
    data = {"nonce": nonce, "verifier": verifier, "browser": digest(browser), "back": back}
    state = await office.doors.passes.make(KIND, link_to, **data)
    try:
        address = await provider(request).address(Attempt(state, nonce, verifier), _redirect(request))
    except ProviderRefused as problem:
        return _note("The identity provider does not answer", str(problem), 502)
    answer = _onward(address) if link_to else RedirectResponse(address, 302)
    seconds = int(LASTS.total_seconds())
    answer.set_cookie(COOKIE, browser, max_age=seconds, path=PATH, httponly=True, samesite="lax")
    return answer


def _onward(address: str) -> Response:
    """Offer the way to the provider as a link: a form of ours may not lead away from here (its content policy)."""
    words = "Log in there with the identity that is to be yours here, too."
    return page(NOTE, title="Connect an identity", words=words, link=address, link_words="Go to the identity provider")


async def _brought_back(request: Request, code: str, state: str, error: str, iss: str) -> tuple[Pass, Claimed]:
    """Return what was set out with, which is used up by this, and who came back; raises Refused unless all of it fits."""
    office, browser = office_of(request), request.cookies.get(COOKIE, "")
    held = await office.doors.passes.take(KIND, state)
    if not hmac.compare_digest(held.data["browser"], digest(browser)):
        raise PassRefused
    if error or not code:
        raise Refused("The identity provider did not log you in. Please try again, or ask an administrator.")
    if iss and iss != office.settings.oidc_issuer:
        raise ProviderRefused("This answer comes from another identity provider than ours.")
    attempt = Attempt(state, held.data["nonce"], held.data["verifier"])
    return held, claimed(office.settings, await provider(request).claims(code, attempt, _redirect(request)))


async def _logged_in(request: Request, held: Pass, who: Claimed) -> Response:
    office = office_of(request)
    rules = newcomers(office.settings)
    if office.settings.oidc_groups and who.role is None:
        raise Refused("You are in none of the groups that may come in here. Ask an administrator.")
    person = await office.doors.identities.arrive(who, rules)
    if person.role == "viewer":  # their groups may have said more until now
        await leaving.stop_missions(office, person.id)
    answer = RedirectResponse(wanted(held.data.get("back", {}), person.id), 302)
    await request.app.state.sign_in(request, answer, person, KIND)
    return answer


async def _connected(request: Request, held: Pass, who: Claimed) -> Response:
    """Connect, if it is still the same person who sits there."""
    person = present() if visitor.get() else None
    if person is None or person.user_id != held.user_id:
        raise Refused("You have logged out since, or are somebody else now. Please log in and connect again.")
    await office_of(request).doors.identities.link(myself(person), who)
    return RedirectResponse("/me/identities?did=link", 302)


def claimed(settings: Settings, claims: dict[str, Any]) -> Claimed:
    """Read what was checked already; raises Refused for an e-mail address that is not verified."""
    email = str(claims.get("email") or "")[:320]
    if email and claims.get("email_verified") is not True:
        raise Refused("Your e-mail address is not verified by the identity provider. Verify it there, then come again.")
    named = claims.get("preferred_username") or claims.get("name") or email or claims["sub"]
    role = role_of(settings, claims.get(settings.oidc_groups_claim))
    return Claimed(issuer=settings.oidc_issuer, subject=str(claims["sub"]), name=str(named), email=email, role=role)


def role_of(settings: Settings, groups: object) -> str | None:
    """Name the highest role that groups give; None where roles are not given by groups, or nobody without one gets in."""
    roles = settings.oidc_roles()
    if not roles:
        return None
    given = groups if isinstance(groups, list) else [groups]
    held = {roles[g] for g in given if isinstance(g, str) and g in roles}
    otherwise = None if settings.oidc_role == "none" else settings.oidc_role
    return max(held, key=_RANK.index) if held else otherwise


def newcomers(settings: Settings) -> Newcomers:
    """Say what the house does with whom it does not know."""
    welcome = settings.oidc_newcomers and (settings.oidc_role != "none" or bool(settings.oidc_groups))
    role = "viewer" if settings.oidc_role == "none" else settings.oidc_role
    return Newcomers(welcome=welcome, role=role, by_email=settings.oidc_link_by_email)


def provider(request: Request) -> Provider:
    """Find the identity provider of the house; raises NotFound where there is none."""
    settings = office_of(request).settings
    if not settings.oidc_issuer:
        raise NotFound("There is no identity provider here.")
    state = request.app.state
    if not hasattr(state, "oidc_provider"):
        state.oidc_provider = Provider(settings)
    found: Provider = state.oidc_provider
    return found


def _redirect(request: Request) -> str:
    base = office_of(request).settings.public_url or str(request.base_url)
    return f"{base.rstrip('/')}/auth/oidc/callback"


def _note(title: str, words: str, code: int) -> HTMLResponse:
    return page(NOTE, code, title=title, words=words, link="/login", link_words="Back to the login")
