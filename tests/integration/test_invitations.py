"""Ways in: an invitation and a link for a new password work once, for a while, and never give more than their maker may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from people_fixtures import GOOD, make
from sqlalchemy import delete, select, update
from store_fixtures import store

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import new_id, now
from memory import tables
from memory.audit import Audit
from memory.database import Database
from memory.invitations import Invitations
from memory.people import People
from memory.sessions import Origin, Sessions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    """Ada is an owner, bob an admin."""
    async with store(place) as opened:
        await make(opened, "ada", "owner")
        await make(opened, "bob", "admin")
        yield opened


@pytest.fixture
def invitations(database: Database) -> Invitations:
    return Invitations(database, People(database))


async def test_an_invitation_makes_one_account(database: Database, invitations: Invitations) -> None:
    made, token = await invitations.make("bob", "member", name="Eve  of\tRome", email="eve@example.org")
    assert (made.name, made.email) == ("Eve of Rome", "eve@example.org")
    assert [i.id for i in await invitations.list()] == [made.id]
    assert await invitations.look(token) == made
    [row] = await database.rows(select(tables.invitations))
    assert token not in str(row._mapping)
    results = await asyncio.gather(
        *(invitations.accept(token, name, GOOD) for name in ("Eve", "Mallory")), return_exceptions=True
    )
    joined = [r for r in results if not isinstance(r, Exception)]
    assert len(joined) == 1
    assert joined[0].role == "member"
    assert await People(database).verify(joined[0].name, GOOD, "10.0.0.1") == joined[0]  # type: ignore[union-attr]
    assert await invitations.list() == []
    with pytest.raises(NotFound):
        await invitations.look(token)
    kinds = [(e.kind, e.subject) for e in await Audit(database).read(limit=2)]
    assert kinds == [("person_joined", joined[0].name), ("person_invited", "Eve of Rome")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "end",
    [
        {"expires_at": now() - timedelta(seconds=1)},
        {"revoked_at": now()},
        {"used_at": now()},
    ],
)
async def test_an_invitation_that_is_over_looks_like_none(
    database: Database, invitations: Invitations, end: dict[str, Any]
) -> None:
    _, token = await invitations.make("bob", "member")
    await database.write((update(tables.invitations).values(**end), None))
    words = set()
    for wrong in (token, "guess", "", "\0", "x" * 5000):
        for attempt in (invitations.look(wrong), invitations.accept(wrong, "eve", GOOD)):
            with pytest.raises(NotFound) as caught:
                await attempt
            words.add(str(caught.value))
    assert len(words) == 1
    assert await invitations.list() == []


async def test_an_invitation_is_worth_what_its_maker_is_worth_when_it_is_used(
    database: Database, invitations: Invitations
) -> None:
    with pytest.raises(Refused, match="this needs owner"):
        await invitations.make("bob", "owner")
    _, owners = await invitations.make("ada", "owner")
    _, token = await invitations.make("bob", "member")
    await make(database, "ada", "admin")
    await make(database, "bob", "member")
    for unbacked in (owners, token):
        with pytest.raises(NotFound):
            await invitations.accept(unbacked, "eve", GOOD)
    await make(database, "bob", "admin", active=False)
    with pytest.raises(NotFound):
        await invitations.look(token)
    await make(database, "bob", "admin", active=True)
    assert (await invitations.accept(token, "eve", GOOD)).role == "member"
    await database.write((delete(tables.users).where(tables.users.c.id == "bob"), None))
    assert [m.made_by for m in await invitations.list()] == ["ada"]


async def test_what_cannot_be_used_is_said_and_leaves_the_invitation(invitations: Invitations) -> None:
    _, token = await invitations.make("ada", "member")
    for name, password in (("", GOOD), ("x" * 101, GOOD), ("a\u202eb", GOOD), ("eve", "short"), ("eve", "x" * 1001)):
        with pytest.raises(BadInput, match="characters"):
            await invitations.accept(token, name, password)
    with pytest.raises(Conflict, match="another name"):
        await invitations.accept(token, " ADA ", GOOD)
    assert (await invitations.accept(token, "Eve", GOOD)).name == "eve"
    for wrong in ({"role": "king"}, {"role": "member", "days": 0}, {"role": "member", "days": 91},
                  {"role": "member", "name": "x" * 101}):  # fmt: skip
        with pytest.raises(BadInput):
            await invitations.make("ada", **wrong)  # type: ignore[arg-type]


async def test_an_invitation_is_revoked_once_and_by_who_may(database: Database, invitations: Invitations) -> None:
    made, token = await invitations.make("ada", "viewer", email="eve@example.org")
    await make(database, "bob", "member")
    with pytest.raises(Refused):
        await invitations.revoke(made.id, "bob")
    await invitations.revoke(made.id, "ada")
    for again in (invitations.revoke(made.id, "ada"), invitations.look(token)):
        with pytest.raises(NotFound):
            await again
    assert (await Audit(database).read(kind="invitation_revoked"))[0].subject == "eve@example.org"


async def test_a_reset_link_sets_one_new_password_and_ends_every_session(
    database: Database, invitations: Invitations
) -> None:
    people, sessions = People(database), Sessions(database, timedelta(hours=12), timedelta(days=7))
    _, old_session = await sessions.open(await people.get("bob"), Origin("password"))
    earlier = await invitations.make_reset("bob", "ada")
    token = await invitations.make_reset("bob", "ada")
    with pytest.raises(NotFound):  # the newest counts
        await invitations.whose_reset(earlier)
    assert await invitations.whose_reset(token) == "bob"
    assert token not in str([row._mapping for row in await database.rows(select(tables.reset_links))])
    with pytest.raises(BadInput):
        await invitations.reset(token, "short")
    results = await asyncio.gather(*(invitations.reset(token, GOOD + x) for x in "ab"), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["NotFound", "User"]
    assert await sessions.find(old_session) is None
    good = GOOD + "ab"[[type(r).__name__ for r in results].index("User")]
    assert (await people.verify("bob", good, "10.0.0.1")).name == "bob"
    assert [e.kind for e in await Audit(database).read(person="bob", limit=1)] == ["password_reset"]


async def test_a_reset_link_is_made_by_who_may_and_works_a_day(database: Database, invitations: Invitations) -> None:
    with pytest.raises(Refused, match="needs owner"):  # an admin does not come by an owner's account
        await invitations.make_reset("ada", "bob")
    with pytest.raises(NotFound):
        await invitations.make_reset("nobody", "ada")
    token = await invitations.make_reset("bob", "ada")
    await database.write((update(tables.reset_links).values(expires_at=now() - timedelta(seconds=1)), None))
    with pytest.raises(NotFound):
        await invitations.reset(token, GOOD)
    token = await invitations.make_reset("bob", "ada")
    await make(database, "bob", "admin", active=False)
    with pytest.raises(NotFound):
        await invitations.reset(token, GOOD)
    with pytest.raises(Refused, match="deactivated"):
        await invitations.make_reset("bob", "ada")


async def test_with_the_same_id_one_link_is_made_and_the_first_one_goes_on_working(
    database: Database, invitations: Invitations
) -> None:
    chosen, other = new_id(), new_id()
    asked = [invitations.make("ada", "member", invitation_id=chosen) for _ in range(3)]
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(m).__name__ for m in made) == ["Conflict", "Conflict", "tuple"]
    assert [i.id for i in await invitations.list()] == [chosen]
    links = await asyncio.gather(
        *(invitations.make_reset("bob", "ada", link_id=other) for _ in range(3)), return_exceptions=True
    )
    [token] = [link for link in links if isinstance(link, str)]
    assert [type(link) for link in links if not isinstance(link, str)] == [Conflict] * 2
    with pytest.raises(Conflict, match="still works"):
        await invitations.make_reset("bob", "ada", link_id=other)
    assert (await invitations.reset(token, GOOD)).name == "bob"
