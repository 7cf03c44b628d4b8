"""What an API key is: its scopes, who may have which, how long it works, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.errors import BadInput, Refused
from core.missions import Value, now
from core.steering import Right, may

SCOPES = {
    "read": "See missions, conversations, approvals, links, schedules and files",
    "missions": "Give, steer and stop missions, change conversations and schedules",
    "approvals": "Decide what waits for approval",
    "shares": "Make, change and revoke links to conversations",
    "admin": "What administrators do",
}
"""What a key may be good for; the routes of each are in api/scopes.py."""
_NEEDS = {
    "read": Right.READ,
    "missions": Right.WORK,
    "approvals": Right.WORK,
    "shares": Right.SHARE,
    "admin": Right.PEOPLE,
}
PROGRAM_ROLES = ("member", "viewer")
"""What a service account can be."""
START = "sw_"
LONGEST_DAYS = 3650


def scopes_of(role: str) -> frozenset[str]:
    """Name the most that a key of somebody in this role can do, whatever it was made with."""
    return frozenset(scope for scope, right in _NEEDS.items() if may(role, right))


class KeyRefused(Refused):
    """The key is unknown, revoked or over, or its person may not come in any more."""


class ApiKey(Value):
    """One key, without the key itself; `prefix` is how it begins."""

    id: str
    user_id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def state(self, at: datetime) -> str:
        """Say where it stands: live, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "live"


def named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadInput("name: give the key a name of 1 to 100 characters, so that you know it again.")
    return name


def chosen(scopes: Sequence[str], role: str) -> tuple[str, ...]:
    allowed = scopes_of(role)
    if not scopes:
        raise BadInput(f"scopes: choose at least one of {', '.join(s for s in SCOPES if s in allowed)}.")
    for scope in scopes:
        if scope not in SCOPES:
            raise BadInput(f"scopes: there is no {scope[:40]!r}. There are {', '.join(SCOPES)}.")
        if scope not in allowed:
            raise BadInput(f"scopes: {scope} is more than your role allows; a key never can do more than its person.")
    return tuple(s for s in SCOPES if s in scopes)


def ends(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"days: a key works for 1 to {LONGEST_DAYS:,} days, or until you revoke it.")
    return now() + timedelta(days=days)
