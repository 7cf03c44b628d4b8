"""Guessing passwords: two hundred tries get some ten looked at, the right password works after the wait, and the work done for
a name that does not exist is the work done for one that does."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from people_fixtures import GOOD, make
from store_fixtures import store

from core.errors import Refused
from core.missions import now
from memory.audit import Audit
from memory.database import Database
from memory.people import People
from memory.throttle import TooManyAttempts


class Counting:
    """A password hasher that counts how often it is asked, and remembers what it compared with."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.against: list[str] = []

    def hash(self, password: str) -> str:
        return str(self._real.hash(password))

    def verify(self, password: str, known: str) -> bool:
        self.against.append(known)
        return bool(self._real.verify(password, known))


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        hashed = await People(opened).hashed(GOOD)
        for name in ("ada", "bob"):
            await make(opened, name, "member", password_hash=hashed)
        yield opened


@pytest.fixture
def people(database: Database) -> People:
    found = People(database)
    found.__dict__["_argon"] = Counting(found._argon)
    return found


def looked_at(people: People) -> list[str]:
    counting: Any = people._argon
    return list(counting.against)


class Clock:
    """Time for the throttle: each look at it takes a moment, as on a wire."""

    def __init__(self, step: float) -> None:
        self._start, self._steps, self._step = now(), itertools.count(), step
        self.skipped = timedelta()

    def __call__(self) -> Any:
        return self._start + self.skipped + timedelta(seconds=next(self._steps) * self._step)


async def guess(people: People, name: str, address: str, password: str = "wrong") -> str:
    """Say how a try ended: its exception's name, or "in"."""
    try:
        await people.verify(name, password, address)
    except Refused as problem:
        return type(problem).__name__
    return "in"


@pytest.mark.parametrize("spread", ["one address", "many addresses", "many names"])
async def test_of_two_hundred_tries_ten_are_looked_at_and_the_right_one_works_after_the_wait(
    people: People, monkeypatch: pytest.MonkeyPatch, spread: str
) -> None:
    clock = Clock(0.05)  # ten seconds for all of them
    monkeypatch.setattr("memory.throttle.now", clock)
    for n in range(200):
        name = f"nobody{n}" if spread == "many names" else "ada"
        await guess(people, name, f"10.0.{n}.1" if spread == "many addresses" else "10.0.0.1")
    assert 5 <= len(looked_at(people)) <= 10
    address = "10.0.0.1" if spread == "many names" else "10.9.9.9"
    assert await guess(people, "ada", address, GOOD) == "TooManyAttempts"
    other = ("bob", "10.8.8.8")  # who has nothing to do with it need not wait
    assert await guess(people, *other, GOOD) == "in"
    clock.skipped = timedelta(minutes=15)
    assert await guess(people, "ada", address, GOOD) == "in"


async def test_a_restart_forgets_no_wait(database: Database, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now()
    monkeypatch.setattr("memory.throttle.now", lambda: moment)
    for n in range(5):
        await guess(people, "ada", f"10.0.{n}.1")
    with pytest.raises(TooManyAttempts):
        await People(database).verify("ada", GOOD, "10.9.9.9")


@pytest.mark.parametrize("case", ["known", "unknown", "deactivated", "without a password", "too long", "empty"])
async def test_every_wrong_login_costs_exactly_one_hash_of_the_same_kind(
    database: Database, people: People, case: str
) -> None:
    name, password = ("nobody" if case == "unknown" else "ada"), "wrong password"
    if case == "deactivated":
        await make(database, "ada", "member", active=False)
    elif case == "without a password":
        await make(database, "ada", "member", password_hash="")
    elif case == "too long":
        password = "x" * 100_000
    elif case == "empty":
        password = ""
    assert await guess(people, name, "10.0.0.1", password) == "Refused"
    [against] = looked_at(people)
    known = await People(database).hashed(GOOD)
    assert against.rpartition("$")[0].rpartition("$")[0] == known.rpartition("$")[0].rpartition("$")[0]  # the same cost
    [entry] = await Audit(database).read()
    assert (entry.kind, entry.actor, entry.subject) == ("sign_in_failed", "", "" if case == "unknown" else "ada")


async def test_a_name_that_does_not_exist_is_not_written_down(database: Database, people: People) -> None:
    await guess(people, "correct horse battery staple", "10.0.0.1")  # a password in the wrong field
    for n in range(8):
        await guess(people, "ada", f"10.1.{n}.1")
    entries = await Audit(database).read()
    assert not [e for e in entries if "horse" in e.model_dump_json()]
    kinds = [e.kind for e in entries]
    assert (kinds.count("sign_in_failed"), kinds.count("sign_in_throttled")) == (6, 1)  # held back: once a minute
