"""What an API key is good for: each scope opens the routes listed here, and nothing else is open to any key."""

from __future__ import annotations

import re
from functools import cache

SCOPE_ROUTES: dict[str, tuple[str, ...]] = {
    "read": (
        "GET /api/missions",
        "GET /api/missions/{mission_id}",
        "GET /api/missions/{mission_id}/events",
        "GET /api/conversations",
        "GET /api/conversations/{conversation_id}",
        "GET /api/projects",
        "GET /api/search",
        "GET /api/news",
        "GET /api/conversations/{conversation_id}/branches",
        "GET /api/conversations/{conversation_id}/preferences",
        "GET /api/preferences",
        "GET /api/conversations/{conversation_id}/shares",
        "GET /api/conversations/{conversation_id}/export",
        "GET /api/approvals",
        "GET /api/approvals/rules",
        "GET /api/approvals/{approval_id}",
        "GET /api/schedules",
        "GET /api/schedules/preview",
        "GET /api/schedules/{schedule_id}",
        "GET /api/shares",
        "GET /api/shares/{share_id}",
        "GET /api/keys",
        "GET /api/keys/this",
        "GET /api/contexts",
        "GET /api/contexts/{context_id}",
        "GET /api/contexts/{context_id}/versions",
        "GET /api/contexts/{context_id}/diff",
        "GET /api/tools",
        "GET /openapi.json",
        "GET /api/memories",
        "GET /api/memories/{memory_id}",
        "GET /api/missions/{mission_id}/receipts/{step:path}",
        "GET /files/artifact/{file_id}",
        "GET /files/attachment/{file_id}",
        "GET /files/tasks/{mission_id}",
        "GET /files/{file_id}/view",
        "GET /api/files",
        "GET /api/files/{file_id}",
    ),
    "missions": (
        "POST /api/missions",
        "POST /api/files",
        "PATCH /api/files/{file_id}",
        "DELETE /api/files/{file_id}",
        "POST /api/missions/{mission_id}/orders",
        "POST /api/missions/{mission_id}/branch",
        "PATCH /api/memories/{memory_id}",
        "DELETE /api/memories/{memory_id}",
        "POST /api/conversations/import",
        "PATCH /api/conversations/{conversation_id}",
        "DELETE /api/conversations/{conversation_id}",
        "POST /api/conversations/changes",
        "POST /api/conversations/temporary",
        "POST /api/conversations/{conversation_id}/seen",
        "POST /api/projects",
        "PATCH /api/projects/{project_id}",
        "DELETE /api/projects/{project_id}",
        "PUT /api/conversations/{conversation_id}/preferences",
        "PUT /api/preferences",
        "POST /api/schedules",
        "PATCH /api/schedules/{schedule_id}",
        "DELETE /api/schedules/{schedule_id}",
        "POST /api/schedules/{schedule_id}/run",
    ),
    "approvals": (
        "POST /api/approvals/{approval_id}",
        "DELETE /api/approvals/rules/{rule_id}",
    ),
    "shares": (
        "POST /api/conversations/{conversation_id}/shares",
        "PATCH /api/shares/{share_id}",
        "DELETE /api/shares/{share_id}",
    ),
    "admin": (
        "GET /api/people",
        "POST /api/people/invitations",
        "DELETE /api/people/invitations/{invitation_id}",
        "GET /api/people/{user_id}",
        "PATCH /api/people/{user_id}",
        "DELETE /api/people/{user_id}/sessions",
        "DELETE /api/people/{user_id}/second-factor",
        "GET /api/audit",
    ),
}
"""Scope -> method and path of its routes."""


def needed(method: str, path: str) -> str | None:
    """Name the scope that opens a request; None if it is not for keys at all."""
    method = "GET" if method == "HEAD" else method
    return next(
        (s for s, routes in _patterns().items() if any(m == method and p.fullmatch(path) for m, p in routes)), None
    )


@cache
def _patterns() -> dict[str, tuple[tuple[str, re.Pattern[str]], ...]]:
    return {scope: tuple(_pattern(route) for route in routes) for scope, routes in SCOPE_ROUTES.items()}


def _pattern(route: str) -> tuple[str, re.Pattern[str]]:
    method, _, path = route.partition(" ")
    parts = (_part(part) for part in path.split("/"))
    return method, re.compile("/".join(parts))


def _part(part: str) -> str:
    """Match one part of a path: any for a name in braces, several for {name:path}."""
    return ".+" if part.endswith(":path}") else r"[^/]+" if part.startswith("{") else re.escape(part)
