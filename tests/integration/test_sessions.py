"""Sessions: what a token is worth is decided by a row, at every look; and they end when somebody or time says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from store_fixtures import store

from core.errors import NotFound, Refused
from core.missions import now
from memory import tables
from memory.audit import Audit
from memory.database import Database
from memory.people import People, User
from memory.sessions import Origin, Sessions

AT_HOME = Origin("password", "Firefox", "10.0.0.1")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database, timedelta(hours=12), timedelta(days=7))


async def ada(database: Database) -> User:
    return await People(database).get("ada")


async def shift(database: Database, **by: timedelta) -> None:
    """Let time pass for every session, by moving what is on record into the past."""
    for row in await database.rows(select(tables.sessions)):
        moved = {name: getattr(row, name) - delta for name, delta in by.items()}
        this = tables.sessions.c.id == row.id
        await database.write((update(tables.sessions).where(this).values(**moved), None))


async def test_a_token_leads_to_its_person_as_they_are_now_and_is_kept_nowhere(
    database: Database, sessions: Sessions
) -> None:
    opened, token = await sessions.open(await ada(database), AT_HOME)
    found = await sessions.find(token)
    assert found is not None
    assert (found[0], found[1]) == (opened, await ada(database))
    [row] = await database.rows(select(tables.sessions))
    assert token not in str(row._mapping)
    assert len(row.token_hash) == 64
    assert await sessions.find("guess") is None
    assert await sessions.find("") is None
    assert await sessions.find(opened.id) is None
    [entry] = await Audit(database).read()
    assert (entry.kind, entry.actor, entry.details) == ("signed_in", "ada", {"how": "password", "browser": "Firefox"})


@pytest.mark.parametrize("change", [{"active": False}, {"token_version": 2}])
async def test_a_session_ends_with_any_change_of_its_person(
    database: Database, sessions: Sessions, change: dict[str, object]
) -> None:
    before = await ada(database)
    opened, token = await sessions.open(before, AT_HOME)
    await database.write((update(tables.users).where(tables.users.c.id == "ada").values(**change), None))
    assert await sessions.find(token) is None
    assert await sessions.ended([opened.id]) == {opened.id}
    assert await sessions.of_user("ada") == []
    with pytest.raises(Refused):  # whoever proved who they are a moment before the change
        await sessions.open(before, AT_HOME)


async def test_a_session_ends_twelve_hours_after_it_was_last_used(database: Database, sessions: Sessions) -> None:
    """session_idle_hours"""
    opened, token = await sessions.open(await ada(database), AT_HOME)
    await shift(database, seen_at=timedelta(hours=11, minutes=59))
    assert await sessions.find(token) is not None  # which uses it
    await shift(database, seen_at=timedelta(hours=11, minutes=59))
    assert await sessions.used(opened.id)
    await shift(database, seen_at=timedelta(hours=12, minutes=1))
    assert await sessions.find(token) is None
    assert not await sessions.used(opened.id)


async def test_a_session_ends_after_seven_days_however_much_it_is_used(database: Database, sessions: Sessions) -> None:
    """session_days"""
    opened, token = await sessions.open(await ada(database), AT_HOME)
    assert opened.expires_at - opened.created_at == timedelta(days=7)
    await shift(database, expires_at=timedelta(days=6, hours=23))
    assert await sessions.find(token) is not None
    await shift(database, expires_at=timedelta(hours=2))
    assert await sessions.find(token) is None


async def test_one_session_or_all_others_are_ended_by_their_person_only(database: Database, sessions: Sessions) -> None:
    person = await ada(database)
    (first, _), (second, token), (third, _) = [await sessions.open(person, AT_HOME) for _ in range(3)]
    bobs, bobs_token = await sessions.open(await People(database).get("bob"), AT_HOME)
    with pytest.raises(NotFound):
        await sessions.end(bobs.id, "ada")
    await sessions.end(first.id, "ada")
    with pytest.raises(NotFound):
        await sessions.end(first.id, "ada")
    assert {s.id for s in await sessions.of_user("ada")} == {second.id, third.id}
    assert await sessions.end_others("ada", second.id) == 1
    assert await sessions.find(token) is not None
    assert await sessions.find(bobs_token) is not None
    every = [first.id, second.id, third.id, bobs.id, "unknown"]
    assert await sessions.ended(every) == {first.id, third.id, "unknown"}
    await sessions.sign_out(second.id)
    await sessions.sign_out(second.id)
    kinds = [entry.kind for entry in await Audit(database).read(person="ada")]
    assert kinds == ["signed_out", "session_ended", "session_ended", "signed_in", "signed_in", "signed_in"]


async def test_ended_looks_at_many_at_once(database: Database, sessions: Sessions) -> None:
    opened, _ = await sessions.open(await ada(database), AT_HOME)
    many = [f"none-{n}" for n in range(1300)]
    assert await sessions.ended([*many, opened.id]) == set(many)
    assert await sessions.ended([]) == set()


async def test_what_a_browser_says_of_itself_is_cut_and_made_visible(database: Database, sessions: Sessions) -> None:
    opened, _ = await sessions.open(
        await ada(database), Origin("password", "A\x00\x1b[31m\u202eB" + "c" * 900, "1" * 400)
    )
    assert (opened.agent[:6], len(opened.agent), len(opened.address)) == ("A[31mB", 300, 100)


async def test_when_somebody_was_last_seen_is_noted_once_a_minute(database: Database, sessions: Sessions) -> None:
    opened, token = await sessions.open(await ada(database), AT_HOME)
    await sessions.find(token)
    assert (await sessions.of_user("ada"))[0].seen_at == opened.seen_at
    await shift(database, seen_at=timedelta(minutes=2))
    await sessions.find(token)
    assert now() - (await sessions.of_user("ada"))[0].seen_at < timedelta(minutes=1)


async def test_sessions_long_over_are_swept_and_go_with_their_person(database: Database, sessions: Sessions) -> None:
    await sessions.open(await ada(database), AT_HOME)
    await shift(database, expires_at=timedelta(days=38))
    opened, _ = await sessions.open(await ada(database), AT_HOME)
    assert [row.id for row in await database.rows(select(tables.sessions))] == [opened.id]
    await database.write((delete(tables.users).where(tables.users.c.id == "ada"), None))
    assert await database.rows(select(tables.sessions)) == []
