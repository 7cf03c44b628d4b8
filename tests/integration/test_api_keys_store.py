"""Keys in the store, on both databases: hashed, scoped, ending, never more than their person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from store_fixtures import store

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import new_id, now
from memory import api_keys as module
from memory import tables
from memory.api_keys import ApiKeys
from memory.database import Database
from memory.key_terms import KeyRefused
from memory.people import People, User
from memory.service_accounts import ServiceAccounts
from memory.throttle import TooManyAttempts

ADA = User(id="ada", name="ada", role="member")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


async def change(database: Database, user_id: str, **values: object) -> None:
    await database.write((update(tables.users).where(tables.users.c.id == user_id).values(**values), None))


async def test_a_key_is_shown_once_and_kept_as_a_hash(database: Database) -> None:
    keys = ApiKeys(database)
    key, secret = await keys.make(ADA, "  my   laptop ", ["missions", "read"], 30)
    assert secret.startswith(key.prefix)
    assert (key.name, key.scopes, len(secret)) == ("my laptop", ("read", "missions"), 46)
    (row,) = await database.rows(select(tables.api_keys))
    assert not [value for value in row if isinstance(value, str) and secret[12:] in value]
    bearer = await keys.recognise(secret, "10.0.0.1")
    assert (bearer.user.name, bearer.scopes) == ("ada", {"read", "missions"})
    assert [k.id for k in await keys.list("ada")] == [key.id]
    assert await keys.list("bob") == []
    with pytest.raises(NotFound):
        await keys.get(key.id, "bob")


async def test_with_the_same_id_one_key_is_made_also_at_once(database: Database) -> None:
    keys, chosen = ApiKeys(database), new_id()
    wishes = [keys.make(ADA, "k", ["read"], None, key_id=chosen) for _ in range(4)]
    results = await asyncio.gather(*wishes, return_exceptions=True)
    made = [r for r in results if not isinstance(r, BaseException)]
    assert [type(r) for r in results if isinstance(r, BaseException)] == [Conflict] * 3
    [(key, secret)] = made
    assert key.id == chosen
    assert (await keys.recognise(secret, "10.0.0.1")).key.id == chosen
    await keys.revoke(chosen, "ada")
    with pytest.raises(Conflict, match="shown only once"):
        await keys.make(User(id="bob", name="bob", role="member"), "k", ["read"], None, key_id=chosen)
    assert len(await database.rows(select(tables.api_keys))) == 1


async def test_the_last_use_is_written_once_a_minute_at_most(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, at = ApiKeys(database), now()
    key, secret = await keys.make(ADA, "k", ["read"], None)
    assert key.last_used_at is None
    uses = []
    for seconds in (0, 30, 59, 61):
        monkeypatch.setattr(module, "now", lambda seconds=seconds: at + timedelta(seconds=seconds))
        await keys.recognise(secret, "a")
        uses.append((await keys.get(key.id, "ada")).last_used_at)
    assert uses == [at, at, at, at + timedelta(seconds=61)]


@pytest.mark.parametrize("how", ["unknown", "revoked", "expired", "inactive", "other shape", "huge"])
async def test_a_key_that_does_not_hold_is_refused_in_words(
    database: Database, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ApiKeys(database)
    key, secret = await keys.make(ADA, "laptop", ["read"], 1)
    await keys.recognise(secret, "a")
    words = {"revoked": "“laptop” was revoked", "expired": "“laptop” has expired", "inactive": "may not come in"}
    match how:
        case "unknown":
            secret = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        case "revoked":
            await keys.revoke(key.id, "ada")
        case "expired":
            monkeypatch.setattr(module, "now", lambda: key.created_at + timedelta(days=1, seconds=1))
        case "inactive":
            await change(database, "ada", active=False)
        case "other shape":
            secret = "sk-" + secret[3:]
        case "huge":
            secret = "sw_" + "x" * 100_000
    with pytest.raises(KeyRefused, match=words.get(how, "key")):
        await keys.recognise(secret, "a")


async def test_nobody_revokes_anothers_key_and_revoking_twice_changes_nothing(database: Database) -> None:
    keys = ApiKeys(database)
    key, secret = await keys.make(ADA, "k", ["read"], None)
    with pytest.raises(NotFound):
        await keys.revoke(key.id, "bob")
    await keys.recognise(secret, "a")
    first = await keys.revoke(key.id, "ada")
    assert (await keys.revoke(key.id, "ada")).revoked_at == first.revoked_at


async def test_a_key_never_can_do_more_than_its_person_even_later(database: Database) -> None:
    keys = ApiKeys(database)
    with pytest.raises(BadInput, match="more than your role allows"):
        await keys.make(ADA, "k", ["admin"], 1)
    with pytest.raises(BadInput, match="more than your role allows"):
        await keys.make(ADA.model_copy(update={"role": "viewer"}), "k", ["missions"], 1)
    admin = ADA.model_copy(update={"role": "admin"})
    _, secret = await keys.make(admin, "k", ["read", "missions", "admin"], 1)
    allowed = []
    for role in ("admin", "member", "viewer", "somebody new"):
        await change(database, "ada", role=role)
        allowed.append(sorted((await keys.recognise(secret, "a")).scopes))
    assert allowed == [["admin", "missions", "read"], ["missions", "read"], ["read"], []]


@pytest.mark.parametrize(
    ("name", "scopes", "days", "words"),
    [
        ("", ["read"], 1, "name"),
        ("x" * 101, ["read"], 1, "name"),
        ("a\x00b", ["read"], 1, "name"),
        ("k", [], 1, "choose at least one"),
        ("k", ["write"], 1, "there is no 'write'"),
        ("k", ["read"], 0, "days"),
        ("k", ["read"], 3651, "days"),
    ],
)
async def test_what_cannot_be_a_key_is_said(
    database: Database, name: str, scopes: list[str], days: int, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        await ApiKeys(database).make(ADA, name, scopes, days)


async def test_there_are_only_so_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    keys = ApiKeys(database)
    first, _ = await keys.make(ADA, "1", ["read"], 1)
    await keys.make(ADA, "2", ["read"], 1)
    with pytest.raises(BadInput, match="2 keys that work"):
        await keys.make(ADA, "3", ["read"], 1)
    await keys.revoke(first.id, "ada")
    await keys.make(ADA, "3", ["read"], 1)


async def test_guessing_is_slowed_down_and_a_right_key_is_let_in_all_the_same(database: Database) -> None:
    keys = ApiKeys(database)
    _, secret = await keys.make(ADA, "k", ["read"], 1)
    answers = []
    for n in range(12):
        with pytest.raises(Refused) as caught:
            await keys.recognise(f"sw_guess{n:>035}", "10.0.0.9")
        answers.append(type(caught.value))
    assert answers[:4] == [KeyRefused] * 4
    assert answers[-1] is TooManyAttempts
    assert (await keys.recognise(secret, "10.0.0.9")).user.id == "ada"


async def test_a_program_has_keys_only_and_somebody_who_answers_for_it(database: Database) -> None:
    await change(database, "bob", role="admin")
    bob, accounts, keys = await People(database).get("bob"), ServiceAccounts(database), ApiKeys(database)
    robot = await accounts.make(bob, "  Night   Robot ", "member")
    assert (robot.user.name, [a.user.id for a in await accounts.list()]) == ("night robot", [robot.user.id])
    assert (await accounts.is_one(robot.user.id), await accounts.is_one("bob")) == (True, False)
    with pytest.raises(Refused):
        await People(database).verify("night robot", "", "a")
    with pytest.raises(BadInput, match="more than your role"):
        await keys.make(robot.user, "k", ["admin"], 1)
    _, secret = await keys.make(robot.user, "k", ["missions"], 1)
    assert (await keys.recognise(secret, "a")).user.id == robot.user.id
    await change(database, "bob", role="member")  # nobody answers for it any more
    with pytest.raises(KeyRefused, match="Ask an administrator"):
        await keys.recognise(secret, "a")
    await change(database, "ada", role="owner")
    await accounts.take_over(robot.user.id, await People(database).get("ada"))
    assert (await keys.recognise(secret, "a")).scopes == {"missions"}


async def test_who_may_not_have_service_accounts(database: Database) -> None:
    accounts = ServiceAccounts(database)
    admin = ADA.model_copy(update={"role": "admin"})
    with pytest.raises(Refused):
        await accounts.make(ADA, "robot", "member")
    with pytest.raises(BadInput, match="member, viewer"):
        await accounts.make(admin, "robot", "admin")
    with pytest.raises(Conflict, match="bob already"):
        await accounts.make(admin, "BOB", "member")
    with pytest.raises(NotFound):
        await accounts.take_over("bob", admin)
    with pytest.raises(NotFound):
        await accounts.get("bob")
