"""Which right a request needs, in one place; the guard asks here before anything else sees the request.

What only looks needs Right.READ, what changes something Right.WORK, unless a line below says otherwise: so a new route is
closed to those who may only read, without anybody having to think of it. Ids of others are answered 404 further in.
"""

from __future__ import annotations

from core.steering import Right

LOOKING = {"GET", "HEAD", "OPTIONS"}

TABLE: tuple[tuple[str, str, Right], ...] = (
    # whoever is signed in
    ("*", "/me", Right.READ),
    ("*", "/api/me", Right.READ),
    ("*", "/api/sessions", Right.READ),
    ("*", "/logout", Right.READ),
    ("*", "/login", Right.READ),
    ("*", "/setup", Right.READ),
    ("*", "/join", Right.READ),
    ("*", "/reset", Right.READ),
    ("*", "/s", Right.READ),  # a copy of one's own to read
    ("*", "/ws", Right.READ),  # what is said there is looked at in chat/sockets.py
    ("POST", "/set-session-cookie", Right.READ),
    ("POST", "/api/conversations/*/seen", Right.READ),  # what one has read oneself
    ("POST", "/api/conversations/changes", Right.READ),  # the order among one's own
    ("DELETE", "/api/conversations", Right.READ),
    ("*", "/conversations", Right.READ),
    ("*", "/memories", Right.READ),  # what is remembered of oneself; to delete it is always allowed
    ("*", "/api/memories", Right.READ),
    ("*", "/api/projects", Right.READ),
    ("POST", "/project/threads", Right.READ),  # Chainlit's way to list them
    ("*", "/project/thread", Right.READ),  # rename and delete one's own
    ("*", "/second-factor", Right.READ),
    ("*", "/auth/oidc", Right.READ),
    ("*", "/keys", Right.READ),  # the page says who may make one; to revoke one's own is always allowed
    ("DELETE", "/api/keys", Right.READ),
    ("POST", "/api/keys", Right.KEYS),
    # links
    ("GET", "/shares/new", Right.SHARE),
    ("POST", "/api/conversations/*/shares", Right.SHARE),
    ("PATCH", "/api/shares", Right.SHARE),
    ("DELETE", "/api/shares", Right.READ),  # to take back what was shared is always allowed
    # the house
    ("*", "/people", Right.PEOPLE),
    ("*", "/api/people", Right.PEOPLE),
    ("*", "/api/service-accounts", Right.PEOPLE),
    ("*", "/models", Right.HOUSE),
    ("*", "/welcome", Right.HOUSE),
    ("*", "/api/models", Right.HOUSE),
    ("*", "/api/credentials", Right.HOUSE),
    ("GET", "/feedback", Right.PEOPLE),
    ("*", "/api/feedback", Right.PEOPLE),
    ("*", "/audit", Right.AUDIT),
    ("*", "/api/audit", Right.AUDIT),
)
"""(method or *, beginning of the path, right): the first line that fits counts; a * in a path is one part of it."""


def needed(method: str, path: str) -> Right:
    """Name the right that a request needs."""
    parts = path.strip("/").split("/")
    for verb, beginning, right in TABLE:
        if verb in ("*", method) and _begins(parts, beginning.strip("/").split("/")):
            return right
    return Right.READ if method in LOOKING else Right.WORK


def _begins(parts: list[str], beginning: list[str]) -> bool:
    if len(parts) < len(beginning):
        return False
    return all(wanted in ("*", found) for found, wanted in zip(parts, beginning, strict=False))
