"""A program with an API key, and how a test makes one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from doors_fixtures import House
from sqlalchemy import update

from memory import tables


@asynccontextmanager
async def program(house: House, key: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        timeout=60, base_url=house.url, headers={"authorization": f"Bearer {key}", **headers}
    ) as client:
        yield client


async def role(house: House, name: str, to: str) -> None:
    await house.office.database.write((update(tables.users).where(tables.users.c.name == name).values(role=to), None))


async def made(house: House, who: str, *scopes: str, **more: Any) -> dict[str, Any]:
    async with house.visitor(who) as client:
        answer = await client.post("/api/keys", json={"name": "test", "scopes": list(scopes), **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found
