"""Logging in: who somebody is says the office; the browser holds a signed token that counts as long as its session does."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from api.returning import leave
from api.second_factor_login import second_step
from api.visitors import LoginRefused, Visitor, address, agent, visitor
from chat.desk import desk
from core.errors import Refused
from memory.people import User
from memory.sessions import Origin
from memory.throttle import TooManyAttempts

LONGEST_TOKEN = 4096
"""Letters; ours have some 500. Nothing longer is even looked at."""
WHOLE = ("oidc", "second_factor")
"""Ways in after which no second factor is asked for: it was, or it is the identity provider's affair."""


def session_key(data_dir: Path) -> str:
    """Return the key that signs sessions; made on first start, readable by its owner only."""
    path = data_dir / "secrets" / "session.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass  # it was made on an earlier start, and sessions signed with it hold
    return path.read_text().strip()


def cookie_name(public_url: str) -> str:
    """Name the cookie that holds the session: behind TLS one that browsers take from this very host only, over TLS only."""
    return "__Host-staffwork" if public_url.startswith("https://") else "access_token"


def name_cookie(public_url: str, days: float) -> str:
    """Have Chainlit keep sessions in that cookie, and for so long; returns its name."""
    from chainlit.auth import cookie
    from chainlit.config import config

    cookie._auth_cookie_name = cookie_name(public_url)  # it reads this at every use
    config.project.user_session_timeout = int(days * 86_400)
    return cookie_name(public_url)


async def check_password(name: str, password: str) -> Any:
    """Return Chainlit's user for a name and password; raises LoginRefused, or TooManyAttempts when one has to wait first."""
    if not desk().office.settings.password_login:
        raise LoginRefused("People log in here through the identity provider, not with passwords.")
    try:
        person = await desk().office.people.verify(name, password, address.get())
    except TooManyAttempts:
        raise
    except Refused as refusal:
        raise LoginRefused(str(refusal)) from None
    return await opened(person, "password")


async def opened(person: User, how: str) -> Any:
    """Open a session for a person who has proved who they are, and return Chainlit's user for it.

    Raises SecondStep if a password or a link was not enough: their second factor is to be asked for first.
    """
    from chainlit.user import User as ChainlitUser

    if await desk().office.doors.accounts.is_one(person.id):
        raise LoginRefused("This is a service account: it comes with API keys, and does not log in.")
    if how not in WHOLE:
        await second_step(desk().office.doors, desk().office.settings, person)
    origin = Origin(how, agent.get(), address.get())
    _, token = await desk().office.sessions.open(person, origin)
    return ChainlitUser(identifier=person.name, display_name=person.name, metadata={"sid": token})


async def sign_in(request: Any, response: Any, person: User, how: str) -> None:
    """Open a session for a person and put it on an answer (Starlette's Request and Response), as Chainlit's login does."""
    from chainlit.auth import create_jwt, set_auth_cookie

    set_auth_cookie(request, response, create_jwt(await opened(person, how)))


def forget_session(request: Any, response: Any) -> None:
    """Take the session's cookie away from a browser."""
    from chainlit.auth import clear_auth_cookie

    clear_auth_cookie(request, response)
    leave(response)


async def sign_out(request: Any, response: Any) -> Any:
    """End the session a request came with; Chainlit takes its cookie away before it calls this."""
    leave(response)
    person = visitor.get()
    if person is not None and person.session_id:
        await desk().office.sessions.sign_out(person.session_id)
    return {"success": True}


async def recognise(credential: str) -> Visitor | None:
    """Return the person behind a session, or None: wrong signature, expired, ended, or the person is not welcome any more.

    Their role is read anew each time; the token says nothing of it.
    """
    found = await desk().office.sessions.find(_session_token(credential))
    if found is None:
        return None
    session, person = found
    return Visitor(person.id, person.name, person.role, session.id)


async def whose(credential: str) -> str:
    """Name the person (id) whose session this is or was; "" for one that nobody had here."""
    return await desk().office.sessions.whose(_session_token(credential))


def _session_token(credential: str) -> str:
    """Read the session's token out of what the browser holds; "" if we did not sign it, or its time is over."""
    from chainlit.auth.jwt import decode_jwt
    from jwt import InvalidTokenError

    if len(credential) > LONGEST_TOKEN:
        return ""
    try:
        claims = decode_jwt(credential).metadata or {}
    except (InvalidTokenError, TypeError, ValueError, KeyError):
        return ""
    return str(claims.get("sid", ""))


async def entrance() -> str:
    """Name the page for those who are not logged in: the owner's set-up as long as there is no owner."""
    return "/login" if await desk().office.people.count() else "/setup"
