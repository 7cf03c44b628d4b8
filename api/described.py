"""Our own REST API, described: as OpenAPI for programs, and as a page to read; for whoever is signed in, and for API keys."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.rooms import room
from api.scopes import needed

router = APIRouter()
METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> dict[str, Any]:
    """Describe what programs may call: the routes under /api/, and those that an API key opens; nothing of the chat's own."""
    return described(request.app)


@router.get("/reference", include_in_schema=False)
async def reference(request: Request) -> HTMLResponse:
    """Show the same to be read."""
    schema = described(request.app)
    parts: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            parts.setdefault(_part_of(path), []).append(_operation(method.upper(), path, operation))
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in sorted(parts))
    drawn = "".join(
        f'<h2 class="part" id="{escape(name)}">{escape(name)}</h2><ul>{"".join(parts[name])}</ul>'
        for name in sorted(parts)
    )
    about = "What programs can call here, with a key of yours. Bodies and answers are described in docs/api.md."
    ways = '<p><a class="button" href="/openapi.json">openapi.json</a> <a class="button" href="/keys">API keys</a></p>'
    return room("REST API", about, f'{ways}<nav class="line facts" aria-label="Parts">{links}</nav>{drawn}')


def described(app: Any) -> dict[str, Any]:
    """Return the description with the routes that are for programs, and the shapes they use."""
    whole: dict[str, Any] = app.openapi()
    paths = {}
    for path, operations in whole["paths"].items():
        kept = {method: _with_scope(method, path, op) for method, op in operations.items() if _ours(method, path)}
        if kept:
            paths[path] = kept
    components = whole.get("components", {})
    keys = {"key": {"type": "http", "scheme": "bearer", "description": "An API key (sw_...), made on /keys."}}
    return whole | {"paths": paths, "components": components | {"securitySchemes": keys}, "security": [{"key": []}]}


def _ours(method: str, path: str) -> bool:
    return method in METHODS and (path.startswith("/api/") or needed(method.upper(), path) is not None)


def _with_scope(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    scope = needed(method.upper(), path)
    words = f"An API key needs the scope {scope}." if scope else "Not for API keys: for people who are signed in."
    return operation | {"description": f"{operation.get('description', '')}\n\n{words}".strip(), "x-scope": scope or ""}


def _part_of(path: str) -> str:
    return path.strip("/").removeprefix("api/").split("/")[0].split(".")[0]


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    scope = operation["x-scope"]
    badge = f'<span class="badge">{escape(scope)}</span>' if scope else ""
    given = ", ".join(_parameter(one) for one in operation.get("parameters", ()) if one["in"] != "path")
    takes = f'<p class="facts">Takes {given}.</p>' if given else ""
    words = operation["description"].split("\n\n")[0]
    return (
        f'<li class="card"><div class="head"><code>{method} {escape(path)}</code>{badge}</div>'
        f"<p>{escape(' '.join(words.split()))}</p>{takes}</li>"
    )


def _parameter(one: dict[str, Any]) -> str:
    return escape(one["name"]) + (" (needed)" if one.get("required") else "")
