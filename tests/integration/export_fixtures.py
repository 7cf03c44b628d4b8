"""What tests of exports share: taking a conversation out and in, and what the page draws of it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def export(client: httpx.AsyncClient, conversation: str, form: str = "json", **more: str) -> httpx.Response:
    answer = await client.get(f"/api/conversations/{conversation}/export", params={"format": form, **more})
    assert answer.status_code == 200, answer.text
    return answer


async def taken(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/api/conversations/import", files={"file": ("x", content)})


async def imported(client: httpx.AsyncClient, content: bytes) -> str:
    answer = await taken(client, content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["conversation_id"])


def drawn(thread: dict[str, Any]) -> str:
    """What the page shows, with every id replaced by its place of first appearance."""
    shown = json.dumps([thread["name"], thread["steps"], thread["elements"]], sort_keys=True)
    seen: dict[str, str] = {}
    return _UUID.sub(lambda found: seen.setdefault(found[0], f"id{len(seen)}"), shown)


async def shown(client: httpx.AsyncClient, conversation: str) -> str:
    answer = await client.get(f"/project/thread/{conversation}")
    assert answer.status_code == 200
    return drawn(answer.json())
