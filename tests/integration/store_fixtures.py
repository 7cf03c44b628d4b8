"""What the tests of the store share: a database with people in it, and missions to put there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import insert

from core.missions import Attachment, Mission, now
from memory import tables
from memory.database import Database
from memory.postgres import PostgresDatabase


async def open_at(place: Path | str, busy_seconds: float = 15.0) -> Database:
    """Open the database at a path, or at an address of PostgreSQL."""
    if isinstance(place, Path):
        return await Database.open(place, busy_seconds=busy_seconds)
    return await PostgresDatabase.at(place, busy_seconds)


@asynccontextmanager
async def store(place: Path | str, *, busy_seconds: float = 15.0) -> AsyncIterator[Database]:
    """Open a database in which the users ada and bob exist."""
    database = await open_at(place, busy_seconds)
    people = [
        {"id": name, "name": name, "password_hash": "", "role": "member", "created_at": now()}
        for name in ("ada", "bob")
    ]
    await database.write((insert(tables.users), people))
    try:
        yield database
    finally:
        await database.close()


def mission(
    mission_id: str, conversation_id: str = "c", user_id: str = "ada", goal: str = "", *attachments: Attachment
) -> Mission:
    """Make a mission; its goal is its id if none is given."""
    return Mission(
        id=mission_id,
        conversation_id=conversation_id,
        user_id=user_id,
        goal=goal or mission_id,
        attachments=attachments,
        created_at=now(),
    )
