"""Logging in with a second factor: the password alone opens nothing, no code counts twice, nobody guesses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from doors_fixtures import PASSWORD, House, open_house
from sqlalchemy import update

from core.missions import now
from memory import second_factors, tables, throttle


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Codes and waits by a clock that stands still until it is moved."""

    class Clock:
        at = now()

        def __call__(self) -> Any:
            return self.at

        def move(self, seconds: float) -> None:
            self.at += timedelta(seconds=seconds)

        def code(self, secret: str) -> str:
            return str(pyotp.TOTP(secret).generate_otp(int(self.at.timestamp()) // 30))

    clock = Clock()
    monkeypatch.setattr(second_factors, "now", clock)
    monkeypatch.setattr(throttle, "now", clock)
    return clock


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        timeout=60, base_url=house.url, headers={"origin": house.url, "accept": "text/html"}
    ) as client:
        yield client


async def password(client: httpx.AsyncClient, name: str = "ada", given: str = PASSWORD) -> httpx.Response:
    form = {"username": name, "password": given}
    return await client.post("/login", data=form, headers={"accept": "*/*"})


async def inside(client: httpx.AsyncClient) -> bool:
    return (await client.get("/user", headers={"accept": "application/json"})).status_code == 200


async def set_up(house: House, clock: Any, name: str = "ada") -> tuple[str, list[str]]:
    """Set it up on the page, as a person does."""
    async with browser(house) as client:
        assert (await password(client, name)).status_code == 200
        page = await client.post("/me/second-factor", data={"kind": "begin"})
        assert "<svg" in page.text
        secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
        assert secret is not None
        key = secret[1].replace(" ", "")
        wrong = await client.post("/me/second-factor", data={"kind": "confirm", "code": "12345"})
        assert (wrong.status_code, secret[1] in wrong.text) == (400, True)
        done = await client.post("/me/second-factor", data={"kind": "confirm", "code": clock.code(key)})
        codes = re.findall(r"<li>([a-z2-7-]{19})</li>", done.text)
        assert len(codes) == 10
        assert "It is on since" in (await client.get("/me/second-factor")).text
    clock.move(30)
    return key, codes


async def test_the_password_alone_opens_nothing(house: House, clock: Any) -> None:
    secret, _ = await set_up(house, clock)
    async with browser(house) as client:
        answer = await password(client)
        assert (answer.status_code, answer.json()["next"]) == (401, "/second-factor")
        cookies = answer.headers.get_list("set-cookie")
        assert [c.split("=")[0] for c in cookies] == ["staffwork_step"]
        assert all(word in cookies[0].lower() for word in ("httponly", "samesite=lax", "path=/second-factor"))
        assert not await inside(client)
        step = cookies[0].split(";")[0].split("=")[1]
        for header in ({"cookie": f"access_token={step}"}, {"authorization": f"Bearer {step}"}):
            assert (await client.get("/user", headers={"accept": "*/*", **header})).status_code == 401
        assert "One more step, ada" in (await client.get("/second-factor")).text
        right = await client.post("/second-factor", data={"code": clock.code(secret)})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        assert await inside(client)
        (signed_in, *_) = await house.office.audit.read(kind="signed_in", person="ada")
        assert signed_in.details["how"] == "second_factor"


async def test_no_code_and_no_pass_counts_twice(house: House, clock: Any) -> None:
    secret, codes = await set_up(house, clock)
    async with browser(house) as first, browser(house) as second:
        await password(first)
        await password(second)
        step = first.cookies["staffwork_step"]
        code = clock.code(secret)
        assert (await first.post("/second-factor", data={"code": code})).status_code == 303
        replayed = await second.post("/second-factor", data={"code": code})
        assert (replayed.status_code, "used already" in replayed.text) == (401, True)
        assert not await inside(second)
        assert (await second.post("/second-factor", data={"code": codes[0].upper()})).status_code == 303
        assert await inside(second)
    async with browser(house) as third:  # the pass of a login that is done
        clock.move(60)
        third.cookies.set("staffwork_step", step, path="/second-factor")
        over = await third.post("/second-factor", data={"code": clock.code(secret)})
        assert (over.status_code, "log in again" in over.text) == (401, True)
        assert not await inside(third)
        await password(third)
        assert (await third.post("/second-factor", data={"code": codes[0]})).status_code == 401


async def test_guessing_is_held_back_and_noted(house: House, clock: Any) -> None:
    secret, _ = await set_up(house, clock)
    async with browser(house) as client:
        await password(client)
        right = clock.code(secret)
        words = []
        for n in range(20):
            guess = f"{(int(right) + 5000 + n) % 1000000:06}"
            words.append((await client.post("/second-factor", data={"code": guess})).text)
        assert "not right" in words[0]
        assert "Too many attempts" in words[-1]
        held = await client.post("/second-factor", data={"code": right})
        assert (held.status_code, "Too many attempts" in held.text) == (401, True)
        clock.move(3600)
        assert (await client.post("/second-factor", data={"code": clock.code(secret)})).status_code == 303
    assert len(await house.office.audit.read(kind="second_factor_failed")) <= 10


@pytest.mark.parametrize("change", [{"active": False}, {"token_version": 9}])
async def test_who_changed_since_the_password_begins_again(house: House, clock: Any, change: dict[str, object]) -> None:
    secret, _ = await set_up(house, clock)
    async with browser(house) as client:
        await password(client)
        who = update(tables.users).where(tables.users.c.name == "ada")
        await house.office.database.write((who.values(**change), None))
        over = await client.post("/second-factor", data={"code": clock.code(secret)})
        assert (over.status_code, "log in again" in over.text) == (401, True)
        assert not await inside(client)


async def test_a_wrong_password_does_not_tell_who_has_a_second_factor(house: House, clock: Any) -> None:
    await set_up(house, clock)
    async with browser(house) as client:
        told = [(await password(client, name, "wrong password")).text for name in ("ada", "bob", "nobody")]
    assert len(set(told)) == 1


async def test_it_is_taken_away_with_a_code_only_and_by_an_administrator(house: House, clock: Any) -> None:
    secret, codes = await set_up(house, clock)
    async with browser(house) as client:
        await password(client)
        await client.post("/second-factor", data={"code": clock.code(secret)})
        clock.move(30)
        for kind in ("codes", "off"):
            answer = await client.post("/me/second-factor", data={"kind": kind, "code": "wrong"})
            assert (answer.status_code, "not right" in answer.text) == (400, True)
        fresh = await client.post("/me/second-factor", data={"kind": "codes", "code": clock.code(secret)})
        new = re.findall(r"<li>([a-z2-7-]{19})</li>", fresh.text)
        assert not set(new) & set(codes)
        off = await client.post("/me/second-factor", data={"kind": "off", "code": new[0]})
        assert off.headers["location"] == "/me/second-factor?did=off"
        assert (await password(client)).status_code == 200
    secret, _ = await set_up(house, clock)
    async with browser(house) as bob:
        await password(bob, "bob")
        path = "/api/people/user-ada/second-factor"
        assert (await bob.delete(path)).status_code == 403
        as_admin = update(tables.users).where(tables.users.c.name == "bob").values(role="admin")
        await house.office.database.write((as_admin, None))
        assert (await bob.delete("/api/people/nobody/second-factor")).status_code == 404
        assert (await bob.delete(path)).status_code == 204
        assert (await bob.delete(path)).status_code == 404
        as_owner = update(tables.users).where(tables.users.c.name == "ada").values(role="owner")
        await house.office.database.write((as_owner, None))
        assert (await bob.delete(path)).status_code == 403  # an owner's is for owners
    (row, *_) = await house.office.audit.read(kind="second_factor_off")
    assert (row.actor, row.subject) == ("bob", "ada")
    async with browser(house) as ada:
        assert (await password(ada)).status_code == 200


@pytest.mark.parametrize(("setting", "role", "must"), [
    ("optional", "owner", False), ("admins", "admin", True), ("admins", "member", False), ("everyone", "member", True),
])  # fmt: skip
async def test_whoever_must_have_one_sets_it_up_at_the_login(
    tmp_path: Path, clock: Any, setting: str, role: str, must: bool
) -> None:
    async with open_house(tmp_path, second_factor=setting) as house, browser(house) as client:
        change = update(tables.users).where(tables.users.c.name == "ada").values(role=role)
        await house.office.database.write((change, None))
        answer = await password(client)
        assert (answer.status_code == 401, await inside(client)) == (must, not must)
        if not must:
            return
        page = await client.get("/second-factor")
        assert "needs a second factor" in page.text
        found = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
        assert found is not None
        wrong = await client.post("/second-factor", data={"code": "123456"})
        assert (wrong.status_code, found[1] in wrong.text, await inside(client)) == (401, True, False)
        form = {"code": clock.code(found[1].replace(" ", ""))}
        done = await client.post("/second-factor", data=form)
        assert (done.status_code, len(re.findall(r"<li>", done.text)), await inside(client)) == (200, 10, True)
        again = await client.post("/second-factor", data=form)  # the page of the codes is loaded again
        assert (again.status_code, "shown only once" in again.text, "<li>" in again.text) == (409, True, False)


async def test_a_form_sent_again_makes_no_other_recovery_codes_and_says_so(house: House, clock: Any) -> None:
    async with browser(house) as client:
        await password(client)
        page = await client.post("/me/second-factor", data={"kind": "begin"})
        found = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
        assert found is not None
        for kind in ("confirm", "codes"):
            form = {"kind": kind, "code": clock.code(found[1].replace(" ", ""))}
            made = await asyncio.gather(*(client.post("/me/second-factor", data=form) for _ in range(2)))
            again = await client.post("/me/second-factor", data=form)
            assert sorted(len(re.findall(r"<li>[a-z2-7]{4}-", a.text)) for a in (*made, again)) == [0, 0, 10]
            assert (again.status_code, "shown only once" in again.text) == (400, True)
            clock.move(30)
    assert len(await house.office.audit.read(kind="recovery_codes_made")) == 2


async def test_without_a_first_step_there_is_no_second(house: House) -> None:
    async with browser(house) as client:
        for cookies in ({}, {"staffwork_step": "made-up"}):
            client.cookies.update(cookies)
            assert (await client.get("/second-factor")).status_code == 401
            assert (await client.post("/second-factor", data={"code": "123456"})).status_code == 401
        other = await client.post("/second-factor", data={"code": "1"}, headers={"origin": "https://evil.example"})
        assert other.status_code == 403
        assert (await client.get("/me/second-factor")).status_code == 302
