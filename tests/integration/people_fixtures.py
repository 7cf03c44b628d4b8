"""What tests of people have in common: a house in which one person of each role is signed in."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import Any

import httpx
from doors_fixtures import PASSWORD, House
from sqlalchemy import insert, select, update

from core.missions import now
from memory import tables
from memory.database import Database

ROLES = ("owner", "admin", "member", "viewer")
GOOD = "correct horse battery"


async def add(house: House, name: str, role: str) -> str:
    """Add a person with PASSWORD; returns their id, which is "user-" and the name."""
    row = {
        "id": f"user-{name}",
        "name": name,
        "password_hash": house.office.people._argon.hash(PASSWORD),
        "role": role,
        "active": True,
        "token_version": 1,
        "created_at": now(),
    }
    await house.office.database.write((insert(tables.users), row))
    return str(row["id"])


async def one_of_each(house: House, prefix: str = "") -> None:
    """Add an owner, an admin, a member and a viewer, called so."""
    for role in ROLES:
        await add(house, prefix + role, role)


async def signed_in(house: House, stack: AsyncExitStack, *names: str) -> list[httpx.AsyncClient]:
    """Sign people in, each in a browser of their own."""
    return [await stack.enter_async_context(house.visitor(name)) for name in names]


async def session_of(house: House, name: str) -> str:
    """Name the newest session of a person, by id."""
    return (await house.office.sessions.of_user(f"user-{name}"))[0].id


async def role_of(database: Database, name: str) -> tuple[str, bool]:
    """Say how a person stands: role, and whether active."""
    row = (await database.rows(select(tables.users).where(tables.users.c.name == name)))[0]
    return str(row.role), bool(row.active)


async def make(database: Database, name: str, role: str, **more: Any) -> str:
    """Change somebody of the store's to a role, with a password of any kind; returns their id."""
    values = {"role": role, "password_hash": "x", **more}
    await database.write((update(tables.users).where(tables.users.c.name == name).values(**values), None))
    return name


def link_in(page: str) -> str:
    """Find the path of the link that a page shows once."""
    found = re.search(r'value="https?://[^/"]+(/(?:join|reset)/[^"]+)"', page)
    assert found is not None, "no link is shown"
    return found[1]
