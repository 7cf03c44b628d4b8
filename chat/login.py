"""Logging in: passwords are checked by the office, and a session holds only as long as its person is active and unchanged."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Any

from api.visitors import LoginRefused, Visitor, address
from chat.desk import desk
from core.errors import NotFound, Refused
from memory.throttle import TooManyAttempts

log = logging.getLogger(__name__)


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


async def check_password(name: str, password: str) -> Any:
    """Return Chainlit's user for a name and password; raises LoginRefused, or TooManyAttempts when one has to wait first."""
    from chainlit.user import User

    try:
        person = await desk().office.people.verify(name, password, address.get())
    except TooManyAttempts:
        raise
    except Refused as refusal:
        raise LoginRefused(str(refusal)) from None
    return User(
        identifier=person.name,
        display_name=person.name,
        metadata={"user_id": person.id, "token_version": person.token_version},
    )


async def recognise(credential: str) -> Visitor | None:
    """Return the person behind a session, or None: wrong signature, expired, deactivated, or changed since."""
    from chainlit.auth.jwt import decode_jwt
    from jwt import InvalidTokenError

    try:
        claims = decode_jwt(credential).metadata or {}
        person = await desk().office.people.get(str(claims.get("user_id", "")))
    except (InvalidTokenError, TypeError, NotFound):
        return None
    if not person.active or person.token_version != claims.get("token_version"):
        return None
    return Visitor(person.id, person.name, person.role, person.token_version)


async def entrance() -> str:
    """Name the page for those who are not logged in: the owner's set-up as long as there is no owner."""
    return "/login" if await desk().office.people.count() else "/setup"
