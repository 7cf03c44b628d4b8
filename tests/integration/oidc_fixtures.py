"""A house with an identity provider, and a browser that goes there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from doors_fixtures import House, open_house
from identity_provider import CLIENT, SECRET, IdentityProvider
from sqlalchemy import select, update

from memory import tables


@asynccontextmanager
async def opened(folder: Path, idp: IdentityProvider, **chosen: Any) -> AsyncIterator[House]:
    settings = {"oidc_issuer": idp.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    async with open_house(folder, **(settings | {"oidc_newcomers": True} | chosen)) as house:
        yield house


class Browser:
    """A browser without scripts that goes to the provider and back, and keeps cookies as a browser does."""

    def __init__(self, house: House) -> None:
        self.client = httpx.AsyncClient(timeout=60, base_url=house.url, headers={"accept": "text/html"})

    async def to_provider(self) -> httpx.Response:
        """Set out, and come back as far as our callback, which is not opened yet: returns the way there."""
        out = await self.client.get("/auth/oidc/start")
        assert out.status_code == 302, out.text
        return await self.client.get(out.headers["location"])

    async def log_in(self) -> httpx.Response:
        return await self.client.get((await self.to_provider()).headers["location"])

    async def user(self) -> dict[str, Any]:
        answer = await self.client.get("/user", headers={"accept": "application/json"})
        return answer.json() if answer.status_code == 200 else {}

    async def refused(self, answer: httpx.Response, words: str = "") -> None:
        assert answer.status_code == 403, answer.text
        assert words in answer.text
        assert "access_token" not in answer.headers.get("set-cookie", "")
        assert await self.user() == {}


async def people(house: House) -> dict[str, str]:
    rows = await house.office.database.rows(select(tables.users.c.name, tables.users.c.role))
    return {row.name: row.role for row in rows}


async def change(house: House, who: str, /, **values: Any) -> None:
    which = tables.users.c.name == who
    await house.office.database.write((update(tables.users).where(which).values(**values), None))
