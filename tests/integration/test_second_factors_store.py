"""Codes after the password, on both databases: none works twice, recovery codes work once, guessing is slow, secrets are sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select, update
from store_fixtures import store

from core.errors import Conflict, NotFound, Refused
from memory import passes as passes_module
from memory import second_factors as module
from memory import tables, throttle
from memory.database import Database
from memory.passes import Passes, PassRefused
from memory.sealing import CannotOpen, Sealer
from memory.sealing import place as place_of
from memory.second_factors import CodeRefused, SecondFactors, address_for
from memory.throttle import TooManyAttempts


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for patched in (module, throttle, passes_module):
        monkeypatch.setattr(patched, "now", found)
    return found


@pytest.fixture
async def database(place: Path | str, clock: Clock) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


@pytest.fixture
def factors(database: Database, tmp_path: Path) -> SecondFactors:
    return SecondFactors(database, Sealer.of(tmp_path))


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(clock.at.timestamp()) // 30 + steps)


async def set_up(factors: SecondFactors, clock: Clock, user_id: str = "ada") -> tuple[str, list[str]]:
    secret = await factors.begin(user_id)
    codes = await factors.confirm(user_id, code(secret, clock), "a")
    clock.move(30)
    return secret, codes


async def test_nothing_is_asked_before_the_set_up_is_confirmed(factors: SecondFactors, clock: Clock) -> None:
    secret = await factors.begin("ada")
    assert await factors.begin("ada") == secret
    assert not (await factors.standing("ada")).on
    with pytest.raises(NotFound):
        await factors.check("ada", code(secret, clock), "a")
    with pytest.raises(CodeRefused):
        await factors.confirm("ada", "000000" if code(secret, clock) != "000000" else "111111", "a")
    codes = await factors.confirm("ada", code(secret, clock), "a")
    assert len(set(codes)) == 10
    standing = await factors.standing("ada")
    assert (standing.on, standing.codes_left) == (True, 10)
    with pytest.raises(Conflict):
        await factors.begin("ada")
    assert address_for(secret, "ada").startswith("otpauth://totp/Staffwork:ada?secret=")


async def test_no_code_works_twice_and_old_ones_not_at_all(factors: SecondFactors, clock: Clock) -> None:
    secret, _ = await set_up(factors, clock)
    assert await factors.check("ada", f" {code(secret, clock)[:3]} {code(secret, clock)[3:]} ", "a") == "app"
    with pytest.raises(CodeRefused):
        await factors.check("ada", code(secret, clock), "a")
    with pytest.raises(CodeRefused):  # one before the one that was used
        await factors.check("ada", code(secret, clock, -1), "a")
    assert await factors.check("ada", code(secret, clock, 1), "a") == "app"  # a clock that is ahead
    clock.move(300)
    for steps in (-2, 2):
        with pytest.raises(CodeRefused):
            await factors.check("ada", code(secret, clock, steps), "a")


async def test_one_code_at_two_doors_at_once_opens_one(factors: SecondFactors, clock: Clock) -> None:
    secret, codes = await set_up(factors, clock)
    for given in (code(secret, clock), codes[0]):
        done = await asyncio.gather(*(factors.check("ada", given, "a") for _ in range(3)), return_exceptions=True)
        assert len([d for d in done if isinstance(d, str)]) == 1, done


async def test_recovery_codes_work_once_each_however_they_are_typed(factors: SecondFactors, clock: Clock) -> None:
    _, codes = await set_up(factors, clock)
    assert await factors.check("ada", codes[0].upper().replace("-", " "), "a") == "recovery"
    assert (await factors.standing("ada")).codes_left == 9
    for wrong in (codes[0], "aaaa-bbbb-cccc-dddd", ""):
        with pytest.raises(Refused):
            await factors.check("ada", wrong, "a")
    with pytest.raises(CodeRefused):  # another person's
        await factors.check("bob", codes[1], "b")
    fresh = await factors.new_codes("ada")
    clock.move(3600)
    with pytest.raises(CodeRefused):
        await factors.check("ada", codes[1], "a")
    assert await factors.check("ada", fresh[1], "a") == "recovery"


async def test_guessing_is_slowed_down_and_the_right_code_works_after_the_wait(
    factors: SecondFactors, clock: Clock
) -> None:
    secret, _ = await set_up(factors, clock)
    right = code(secret, clock)
    wrong = [f"{n:06}" for n in range(300) if f"{n:06}" not in {code(secret, clock, s) for s in (-1, 0, 1)}]
    evaluated = 0
    for number, guess in enumerate(wrong[:200]):
        try:
            await factors.check("ada", guess, f"10.0.0.{number}")
        except CodeRefused:
            evaluated += 1
        except TooManyAttempts:
            pass
    assert evaluated <= 10
    with pytest.raises(TooManyAttempts):
        await factors.check("ada", right, "a")
    clock.move(3600)
    assert await factors.check("ada", code(secret, clock), "a") == "app"


async def test_the_secret_is_sealed_for_its_person(
    factors: SecondFactors, database: Database, clock: Clock, tmp_path: Path
) -> None:
    secret, codes = await set_up(factors, clock)
    rows = [*await database.rows(select(tables.second_factors)), *await database.rows(select(tables.recovery_codes))]
    kept = " ".join(str(value) for row in rows for value in row)
    assert not [word for word in (secret, *codes, *(c.replace("-", "") for c in codes)) if word in kept]
    (row,) = await database.rows(select(tables.second_factors))
    assert Sealer.of(tmp_path).open(row.secret, place_of("second_factors", "secret", "ada")) == secret
    await factors.begin("bob")  # a row that stands in for another does not open
    bob = tables.second_factors.c.user_id == "bob"
    stolen = update(tables.second_factors).where(bob).values(secret=row.secret, confirmed_at=clock.at)
    await database.write((stolen, None))
    with pytest.raises(CannotOpen, match="changed or moved"):
        await factors.check("bob", code(secret, clock), "b")


async def test_it_is_removed_with_its_codes(factors: SecondFactors, clock: Clock) -> None:
    secret, codes = await set_up(factors, clock)
    assert await factors.remove("ada")
    assert not await factors.remove("ada")
    assert not (await factors.standing("ada")).on
    with pytest.raises(CodeRefused):
        await factors.check("ada", codes[0], "a")
    assert await factors.begin("ada") != secret


async def test_a_pass_is_good_once_for_its_kind_and_for_minutes(database: Database, clock: Clock) -> None:
    passes = Passes(database)
    token = await passes.make("oidc", "ada", nonce="n")
    assert (await passes.look("oidc", token)).data == {"nonce": "n"}
    with pytest.raises(PassRefused):
        await passes.take("second factor", token)
    done = await asyncio.gather(*(passes.take("oidc", token) for _ in range(3)), return_exceptions=True)
    assert len([d for d in done if not isinstance(d, PassRefused)]) == 1, done
    late = await passes.make("oidc")
    clock.move(601)
    with pytest.raises(PassRefused):
        await passes.take("oidc", late)


async def test_passes_do_not_fill_the_database(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes_module, "MOST", 3)
    passes = Passes(database)
    tokens = []
    for _ in range(5):
        tokens.append(await passes.make("oidc"))
        clock.move(1)
    held = []
    for token in tokens:
        try:
            held.append(await passes.look("oidc", token))
        except PassRefused:
            held.append(None)
    assert [bool(h) for h in held] == [False, False, True, True, True]
