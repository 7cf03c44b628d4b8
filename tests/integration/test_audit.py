"""The audit log: what was done, by whom and from where; and nobody takes a row back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from store_fixtures import store

from memory import tables
from memory.audit import KINDS, Audit, came_from
from memory.database import Database


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


async def test_a_row_says_who_did_what_to_whom_from_where(database: Database) -> None:
    audit = Audit(database)
    token = came_from.set("10.0.0.7")
    await audit.note("role_changed", "ada", "bob", before="member", after="viewer")
    came_from.reset(token)
    await audit.note("sign_in_failed")
    newest, first = await audit.read()
    assert (first.actor_id, first.actor, first.kind, first.subject) == ("ada", "ada", "role_changed", "bob")
    assert (first.address, first.details) == ("10.0.0.7", {"before": "member", "after": "viewer"})
    assert (newest.actor, newest.subject, newest.address, newest.details) == ("", "", "", {})
    assert newest.words == KINDS["sign_in_failed"]


async def test_the_log_is_filtered_and_paged(database: Database) -> None:
    audit = Audit(database)
    for n in range(5):
        await audit.note("share_made", "ada", f"link {n}")
    await audit.note("role_changed", "ada", "bob")
    assert [entry.subject for entry in await audit.read(kind="share_made", limit=2)] == ["link 4", "link 3"]
    older = (await audit.read(kind="share_made", limit=2))[-1].number
    assert [entry.subject for entry in await audit.read(kind="share_made", before=older, limit=9)] == [
        "link 2",
        "link 1",
        "link 0",
    ]
    assert [entry.kind for entry in await audit.read(person="bob")] == ["role_changed"]
    assert len(await audit.read(person="ada")) == 6
    assert await audit.read(person="eve") == []


async def test_what_no_database_can_hold_is_put_right_and_an_unknown_kind_is_a_bug(database: Database) -> None:
    audit = Audit(database)
    await audit.note("exported", "ada", "a\0b\ud800" + "x" * 500, what="c\0d" + "y" * 900)
    [entry] = await audit.read()
    assert (entry.subject[:3], len(entry.subject), len(entry.details["what"])) == ("ab?", 300, 500)
    with pytest.raises(KeyError):
        await audit.note("no_such_kind", "ada")
    assert len(await audit.read()) == 1


async def test_nobody_changes_or_deletes_a_row_not_even_with_its_person(database: Database) -> None:
    audit = Audit(database)
    await audit.note("exported", "ada", "everything")
    for attempt in (delete(tables.audit), update(tables.audit).values(actor="bob")):
        with pytest.raises(DBAPIError, match="only added to"):
            await database.write((attempt, None))
    await database.write((delete(tables.users).where(tables.users.c.id == "ada"), None))
    [entry] = await audit.read(person="ada")
    assert (entry.actor_id, entry.subject) == ("ada", "everything")
