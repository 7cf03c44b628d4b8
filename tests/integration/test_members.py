"""Members: who may change whom, what a change takes with it, and that one owner is always left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from people_fixtures import make, role_of
from sqlalchemy import insert, select, update
from store_fixtures import store

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import now
from memory import tables
from memory.audit import Audit
from memory.database import Database
from memory.members import Members
from memory.people import People
from memory.sessions import Origin, Sessions

AT_HOME = Origin("password")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    """Ada is an owner and bob a member; carol, an admin, and dora, a viewer, come to them."""
    async with store(place) as opened:
        rows = [
            {"id": n, "name": n, "password_hash": "x", "role": "member", "created_at": now()} for n in ("carol", "dora")
        ]
        await opened.write((insert(tables.users), rows))
        for name, role in (("ada", "owner"), ("bob", "member"), ("carol", "admin"), ("dora", "viewer")):
            await make(opened, name, role)
        yield opened


@pytest.fixture
def members(database: Database) -> Members:
    return Members(database)


async def test_everybody_is_listed_but_programs_and_who_is_leaving(database: Database, members: Members) -> None:
    program = {"user_id": "dora", "owner_id": "ada", "created_at": now()}
    await database.write((insert(tables.service_accounts), program))
    await members.begin_leaving("bob", "ada")
    assert [(m.name, m.role) for m in await members.list()] == [("ada", "owner"), ("carol", "admin")]
    for gone in ("bob", "dora", "nobody"):
        with pytest.raises(NotFound):
            await members.get(gone)
        with pytest.raises(NotFound):
            await members.set_role(gone, "member", "ada")


@pytest.mark.parametrize(
    ("by", "whom", "role"),
    [
        ("bob", "dora", "member"),  # a member changes nobody
        ("dora", "dora", "owner"),
        ("carol", "carol", "owner"),  # an admin makes no owner, not of themselves either
        ("carol", "bob", "owner"),
        ("carol", "ada", "member"),  # nor unmakes one
        ("nobody", "bob", "viewer"),
    ],
)
async def test_a_role_is_given_only_by_who_may(
    database: Database, members: Members, by: str, whom: str, role: str
) -> None:
    before = await role_of(database, whom)
    with pytest.raises(Refused):
        await members.set_role(whom, role, by)
    assert await role_of(database, whom) == before
    assert await Audit(database).read() == []


async def test_who_lost_their_role_a_moment_ago_changes_nobody_any_more(database: Database, members: Members) -> None:
    await members.set_role("carol", "member", "ada")
    for attempt in (members.set_role("bob", "viewer", "carol"), members.set_active("bob", False, "carol"),
                    members.begin_leaving("bob", "carol")):  # fmt: skip
        with pytest.raises(Refused, match="owner or admin"):
            await attempt
    await members.set_role("carol", "admin", "ada")
    await members.set_active("carol", False, "ada")
    with pytest.raises(Refused):
        await members.set_role("bob", "viewer", "carol")


async def test_a_change_ends_the_sessions_and_is_on_record(database: Database, members: Members) -> None:
    sessions = Sessions(database, timedelta(hours=12), timedelta(days=7))
    _, token = await sessions.open(await People(database).get("bob"), AT_HOME)
    await members.set_role("bob", "viewer", "carol")
    assert await sessions.find(token) is None
    await members.set_role("bob", "viewer", "carol")  # again changes nothing, and is not on record
    entries = await Audit(database).read(kind="role_changed")
    assert [(e.actor, e.subject, e.details) for e in entries] == [
        ("carol", "bob", {"before": "member", "after": "viewer"})
    ]
    with pytest.raises(BadInput, match="owner, admin, member, viewer"):
        await members.set_role("bob", "king", "ada")


@pytest.mark.parametrize("by", ["ada", ""])
async def test_the_last_active_owner_stays(database: Database, members: Members, by: str) -> None:
    with pytest.raises(Conflict, match="last owner"):
        await members.set_role("ada", "member", by)
    await make(database, "bob", "owner", active=False)
    await make(database, "dora", "owner", password_hash="")  # nobody could sign in as her
    for attempt in (members.set_role("ada", "admin", by), members.set_active("ada", False, ""),
                    members.begin_leaving("ada", "")):  # fmt: skip
        with pytest.raises(Conflict, match="last owner"):
            await attempt
    assert await role_of(database, "ada") == ("owner", True)
    await make(database, "bob", "owner", active=True)
    await members.set_role("ada", "member", by)
    assert await role_of(database, "ada") == ("member", True)


async def test_two_owners_who_put_each_other_out_at_once_leave_one(database: Database, members: Members) -> None:
    await make(database, "bob", "owner")
    done = await asyncio.gather(
        members.set_active("ada", False, "bob"), members.set_active("bob", False, "ada"), return_exceptions=True
    )
    assert sum(problem is None for problem in done) == 1
    assert sorted([(await role_of(database, n))[1] for n in ("ada", "bob")]) == [False, True]


async def test_nobody_deactivates_or_deletes_themselves(members: Members) -> None:
    for attempt in (members.set_active("carol", False, "carol"), members.begin_leaving("carol", "carol")):
        with pytest.raises(Conflict, match="yourself"):
            await attempt


async def _shared(database: Database, user_id: str) -> None:
    talk = {"id": "c", "user_id": user_id, "title": "t", "created_at": now(), "updated_at": now()}
    await database.write((insert(tables.conversations), talk))
    link = {"user_id": user_id, "conversation_id": "c", "title": "t", "include": "answers", "snapshot": "{}"}
    rows = [
        link | {"id": audience, "token_hash": audience, "audience": audience, "created_at": now()}
        for audience in ("public", "people")
    ]
    await database.write((insert(tables.shares), rows))


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("admin", {"public": "public", "people": "people"}),
        ("member", {"public": "people", "people": "people"}),  # members make no public links
        ("viewer", {}),
    ],
)
async def test_links_that_a_new_role_does_not_allow_end(
    database: Database, members: Members, role: str, left: dict[str, str]
) -> None:
    await make(database, "bob", "owner")
    await _shared(database, "bob")
    await members.set_role("bob", role, "ada")
    rows = await database.rows(select(tables.shares).where(tables.shares.c.revoked_at.is_(None)))
    assert {row.id: row.audience for row in rows} == left


async def test_who_is_leaving_is_out_at_once(database: Database, members: Members) -> None:
    sessions = Sessions(database, timedelta(hours=12), timedelta(days=7))
    _, token = await sessions.open(await People(database).get("bob"), AT_HOME)
    await _shared(database, "bob")
    await members.begin_leaving("bob", "carol")
    assert await sessions.find(token) is None
    assert await members.leaving() == ["bob"]
    assert not await database.rows(select(tables.shares).where(tables.shares.c.revoked_at.is_(None)))
    [row] = await database.rows(select(tables.users).where(tables.users.c.id == "bob"))
    assert (row.active, row.password_hash) == (False, "")
    with pytest.raises(NotFound):  # nothing brings them back
        await members.set_active("bob", True, "ada")
    await members.remove("bob")
    await members.remove("ada")  # who is not leaving is not removed
    assert [m.name for m in await members.list()] == ["ada", "carol", "dora"]
    [entry] = await Audit(database).read(kind="person_deleted")
    assert (entry.actor, entry.subject) == ("carol", "bob")


async def test_rights_are_checked_against_who_somebody_is_now(database: Database) -> None:
    from core.steering import Right

    people = People(database)
    await people.check("bob", Right.WORK)
    with pytest.raises(Refused, match="Your role here is viewer"):
        await people.check("dora", Right.WORK)
    await database.write((update(tables.users).where(tables.users.c.id == "bob").values(active=False), None))
    for gone in ("bob", "nobody"):
        with pytest.raises(Refused, match="not active"):
            await people.check(gone, Right.READ)
