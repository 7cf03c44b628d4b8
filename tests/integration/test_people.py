"""People: one owner by a one-time link, and logins that cannot be guessed quickly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update
from store_fixtures import open_at

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import now
from memory import tables
from memory.audit import Audit
from memory.database import Database
from memory.people import People, User
from memory.throttle import TooManyAttempts

GOOD = "correct horse battery"


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = await open_at(place)
    yield database
    await database.close()


@pytest.fixture
async def people(database: Database) -> People:
    return People(database)


async def owner(people: People, name: str = "Ada", password: str = GOOD) -> User:
    return await people.create_owner(await people.new_setup_token(), name, password)


async def later(database: Database, seconds: float) -> None:
    """Let time pass for the throttle."""
    a = tables.login_attempts.c

    async with database.reading() as connection:
        rows = (await connection.execute(select(tables.login_attempts))).all()
    for row in rows:
        blocked = row.blocked_until and row.blocked_until - timedelta(seconds=seconds)
        change = update(tables.login_attempts).where(a.subject == row.subject)
        values = {"last_at": row.last_at - timedelta(seconds=seconds), "blocked_until": blocked}
        await database.write((change.values(**values), None))


async def test_the_owner_is_set_up_once_with_a_token(people: People, database: Database) -> None:
    assert await people.count() == 0
    user = await owner(people, "  Ada   LOVELACE ")
    assert (user.name, user.role, user.active) == ("ada lovelace", "owner", True)
    assert await people.count() == 1
    assert await people.get(user.id) == await people.by_name("ADA lovelace ") == user
    assert await people.verify("Ada Lovelace", GOOD, "127.0.0.1") == user
    [entry] = await Audit(database).read(kind="owner_set_up")
    assert entry.actor == "ada lovelace"
    with pytest.raises(Conflict):
        await people.new_setup_token()
    async with database.reading() as connection:
        stored = (await connection.execute(select(tables.users.c.password_hash))).scalar_one()
    assert stored.startswith("$argon2")
    for missing in (people.get("nope"), people.by_name("nope")):
        with pytest.raises(NotFound):
            await missing


async def test_a_set_up_token_works_once_for_a_day_and_only_the_newest(people: People, database: Database) -> None:
    old, new = await people.new_setup_token(), await people.new_setup_token()
    async with database.reading() as connection:
        kept = (await connection.execute(select(tables.setup_tokens.c.token_hash))).scalar_one()
    assert new not in kept
    for wrong in (old, "", "guess"):
        with pytest.raises(Refused, match="set-up link"):
            await people.create_owner(wrong, "ada", GOOD)
    await database.write((update(tables.setup_tokens).values(expires_at=now() - timedelta(seconds=1)), None))
    with pytest.raises(Refused):
        await people.create_owner(new, "ada", GOOD)
    fresh = await people.new_setup_token()
    results = await asyncio.gather(
        *(people.create_owner(fresh, name, GOOD) for name in ("ada", "bob")), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "User"]
    await database.write((delete(tables.users), None))
    with pytest.raises(Refused):
        await people.create_owner(fresh, "eve", GOOD)


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "short"), ("ada", "123456789"), ("  ", GOOD), ("a" * 101, GOOD)]
)
async def test_names_and_passwords_that_cannot_be_used_are_refused_in_words(
    people: People, name: str, password: str
) -> None:
    token = await people.new_setup_token()
    with pytest.raises(BadInput, match="characters"):
        await people.create_owner(token, name, password)
    assert (await people.create_owner(token, "ada", "1234567890")).name == "ada"  # the token is still good


async def test_a_wrong_name_or_password_is_refused_alike(people: People) -> None:
    await owner(people)
    words = set()
    for name, password in (("ada", "wrong password"), ("nobody", GOOD), ("ada", ""), ("ada", GOOD + " ")):
        with pytest.raises(Refused) as caught:
            await people.verify(name, password, f"10.0.0.{len(words)}{name}{password}")
        words.add(str(caught.value))
    assert len(words) == 1


async def test_people_without_a_password_or_no_longer_active_cannot_log_in(people: People, database: Database) -> None:
    local = await people.ensure_local_owner()
    for password in ("", "local"):
        with pytest.raises(Refused):
            await people.verify(local.name, password, "a")
    await owner(people)
    await database.write((update(tables.users).values(active=False), None))
    with pytest.raises(Refused):
        await people.verify("ada", GOOD, "b")


async def test_the_time_taken_does_not_tell_whether_a_name_exists(people: People) -> None:
    await owner(people)

    async def seconds(name: str, address: str) -> float:
        began = time.process_time()  # not the clock on the wall: other programs are at work here too
        with pytest.raises(Refused):
            await people.verify(name, "wrong password", address)
        return time.process_time() - began

    await seconds("warm", "w")
    known = min([await seconds("ada", f"k{n}") for n in range(3)])
    unknown = min([await seconds(f"nobody{n}", f"u{n}") for n in range(3)])
    assert 0.5 < unknown / known < 2


async def test_guessing_is_slowed_down_by_name_from_many_addresses(
    people: People, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner(people)
    moment = now()
    monkeypatch.setattr("memory.throttle.now", lambda: moment)  # looking at a password takes time of its own
    tries = (people.verify("ada", f"wrong {n}", f"10.0.0.{n}") for n in range(60))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(r, Refused) for r in results)
    evaluated = [r for r in results if not isinstance(r, TooManyAttempts)]
    assert len(evaluated) == 5
    waits = []
    for _ in range(14):
        with pytest.raises(TooManyAttempts) as caught:
            await people.verify("ADA ", GOOD, "10.9.9.9")  # even the right password must wait
        waits.append(caught.value.seconds)
        await later(database, waits[-1])
        with pytest.raises(Refused, match="not right"):
            await people.verify("ada", "wrong", f"10.1.1.{len(waits)}")
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


async def test_the_wait_survives_a_restart_and_a_right_password_after_it_clears_it(
    people: People, database: Database
) -> None:
    user = await owner(people)
    for _ in range(5):
        with pytest.raises(Refused):
            await people.verify("ada", "wrong", "10.0.0.1")
    again = People(database)
    with pytest.raises(TooManyAttempts, match="again in 1 second"):
        await again.verify("ada", GOOD, "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        await again.verify("somebody else", GOOD, "10.0.0.1")  # the address waits as well
    await later(database, 1)
    assert await again.verify("ada", GOOD, "10.0.0.1") == user
    for _ in range(4):
        with pytest.raises(Refused, match="not right"):
            await again.verify("ada", "wrong", "10.0.0.1")
    assert await again.verify("ada", GOOD, "10.0.0.1") == user


async def test_a_clock_set_back_locks_nobody_out(people: People, database: Database) -> None:
    user = await owner(people)
    for _ in range(5):
        with pytest.raises(Refused):
            await people.verify("ada", "wrong", "a")
    await later(database, -2 * 86400)  # the failures now lie two days ahead
    assert await people.verify("ada", GOOD, "a") == user


async def test_whoever_has_the_machine_is_the_owner_and_the_later_owner_takes_over(
    people: People, database: Database
) -> None:
    locals_ = await asyncio.gather(*(people.ensure_local_owner() for _ in range(3)))
    assert len({u.id for u in locals_}) == 1
    local = locals_[0]
    assert (local.name, local.role) == ("local", "owner")
    assert await people.count() == 0
    kept = {"id": "c", "user_id": local.id, "title": "t", "created_at": now(), "updated_at": now()}
    await database.write((insert(tables.conversations), kept))
    ada = await owner(people)
    assert (ada.id, ada.name, ada.token_version) == (local.id, "ada", 2)
    assert await people.ensure_local_owner() == ada == await people.get(local.id)
