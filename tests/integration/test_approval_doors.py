"""Approvals at the doors: over HTTP and in the inbox; whose they are, what is refused, and what a second click does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from approval_fixtures import House, Play, World, open_house
from doors_fixtures import scripts
from mission_fixtures import calls, plans, says
from sqlalchemy import Connection, Table, insert, select

from api.app import build_app
from api.guard import Guard, Rules
from api.visitors import Visitor
from core.missions import Status, new_id, now
from memory import tables

PAY = ("pay", {"to": "<b>bob</b>", "amount": 5})
LETTER = ("post", {"to": "bob@example.org", "text": "one * two"})
OTHER = ("post", {"to": "bob@example.org", "text": "two"})


class Behind:
    """The office as the doors know it: the reception, with people at work behind it."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house.reception, name)

    async def give(self, order: Any) -> None:
        await self._house.give(order)


@asynccontextmanager
async def door(house: House, name: str = "ada") -> AsyncIterator[httpx.AsyncClient]:
    """A client at the guarded application, logged in as somebody."""

    async def recognise(credential: str) -> Visitor | None:
        return Visitor(credential, credential, "member") if credential in ("ada", "bob") else None

    async def entrance() -> str:
        return "/login"

    app = build_app(lambda _: None)  # type: ignore[arg-type, return-value]
    app.state.office = Behind(house)
    guarded = Guard(app, Rules(recognise, entrance, lambda html: html, 1000))
    headers = {"cookie": f"access_token={name}", "origin": "http://house"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=guarded), base_url="http://house", headers=headers
    ) as client:
        yield client


@pytest.fixture
def world() -> World:
    return World()


@asynccontextmanager
async def waiting(tmp_path: Path, world: World, *wanted: Any) -> AsyncIterator[tuple[House, Any, httpx.AsyncClient]]:
    async with open_house(tmp_path / "staffwork.db", tmp_path, Play(*wanted), world.tools()) as house:
        mission = await house.submit("<i>Pay</i> bob")
        await house.until(mission, Status.WAITING_APPROVAL)
        async with door(house) as client:
            yield house, mission, client


async def first(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/api/approvals")).json()["approvals"][0]
    return found


async def test_over_http_listed_shown_decided_once(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, PAY) as (house, mission, client):
        asked = await first(client)
        assert (asked["open"], asked["tool"], asked["arguments"]) == (True, "pay", PAY[1])
        path = f"/api/approvals/{asked['id']}"
        assert (await client.get(path)).json() == asked
        taken = await client.post(path, json={"decision": "once"})
        assert taken.status_code == 202
        assert taken.json()["approval"]["decision"] == "once"
        again = await client.post(path, json={"decision": "once"})
        assert (again.status_code, again.json()["order_id"]) == (202, taken.json()["order_id"])
        other = await client.post(path, json={"decision": "reject"})
        assert other.status_code == 409
        await house.until(mission, Status.COMPLETED)
        assert not (await first(client))["open"]
    assert world.done == ["pay <b>bob</b> 5"]


async def test_changed_arguments_over_http(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, PAY) as (house, mission, client):
        path = f"/api/approvals/{(await first(client))['id']}"
        taken = await client.post(path, json={"decision": "once", "arguments": {"to": "eve", "amount": 1}})
        assert taken.json()["approval"]["edited"] == {"to": "eve", "amount": 1}
        await house.until(mission, Status.COMPLETED)
    assert world.done == ["pay eve 1"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, 422, "decision: it is missing"),
        ({"decision": "yes"}, 422, "decision: it must be"),
        ({"decision": "conversation"}, 422, "Choose one of: once, edit, reject"),
        ({"decision": "edit"}, 422, "changed arguments"),
        ({"decision": "once", "until": "2020-01-01T00:00:00Z"}, 422, "until"),
        ({"decision": "once", "until": "2027-01-01"}, 422, "until"),
        ({"decision": "once", "by": "bob"}, 422, "there is no such field"),
        ({"decision": "reject", "reason": "x" * 3000}, 422, "reason: it is too long"),
    ],
)
async def test_what_cannot_be_decided_is_said(
    tmp_path: Path, world: World, body: dict[str, Any], code: int, words: str
) -> None:
    async with waiting(tmp_path, world, PAY) as (_, _, client):
        answer = await client.post(f"/api/approvals/{(await first(client))['id']}", json=body)
        assert answer.status_code == code
        assert words in answer.json()["detail"]
        assert (await first(client))["open"]
    assert world.done == []


async def test_nobody_else_sees_or_decides(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, PAY) as (house, _, client):
        path = f"/api/approvals/{(await first(client))['id']}"
        async with door(house, "bob") as bob:
            assert (await bob.get("/api/approvals")).json() == {"approvals": []}
            assert (await bob.get(path)).status_code == 404
            assert (await bob.post(path, json={"decision": "once"})).status_code == 404
            assert "Nothing waits for you" in (await bob.get("/inbox")).text
            form = {"kind": "approval", "approval": path.rpartition("/")[2], "choice": "once"}
            assert (await bob.post("/inbox", data=form)).status_code == 404
        async with door(house, "nobody") as stranger:
            assert (await stranger.get("/api/approvals")).status_code == 401
            assert (await stranger.post("/inbox", data=form)).status_code == 401
        assert (await first(client))["open"]
    assert world.done == []


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}])
async def test_another_site_decides_nothing(tmp_path: Path, world: World, headers: dict[str, str]) -> None:
    async with waiting(tmp_path, world, PAY) as (_, _, client):
        asked = await first(client)
        form = {"kind": "approval", "approval": asked["id"], "choice": "once"}
        assert (await client.post("/inbox", data=form, headers=headers)).status_code == 403
        path = f"/api/approvals/{asked['id']}"
        assert (await client.post(path, json={"decision": "once"}, headers=headers)).status_code == 403
        del client.headers["origin"]
        crossed = {"sec-fetch-site": "cross-site"}
        assert (await client.post("/inbox", data=form, headers=crossed)).status_code == 403
        assert (await first(client))["open"]
    assert world.done == []


async def test_rules_are_listed_and_revoked_over_http(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, LETTER) as (house, mission, client):
        path = f"/api/approvals/{(await first(client))['id']}"
        wanted = {"decision": "pattern", "arguments": {"text": "*"}, "until": "2027-01-01T00:00:00Z"}
        assert (await client.post(path, json=wanted)).status_code == 202
        await house.until(mission, Status.COMPLETED)
        [rule] = (await client.get("/api/approvals/rules")).json()["rules"]
        assert rule["pattern"] == {"to": "bob@example.org", "text": "*"}
        assert rule["expires_at"].startswith("2027-01-01")
        async with door(house, "bob") as bob:
            assert (await bob.delete(f"/api/approvals/rules/{rule['id']}")).status_code == 404
        assert (await client.delete(f"/api/approvals/rules/{rule['id']}")).status_code == 204
        assert (await client.get("/api/approvals/rules")).json() == {"rules": []}
        kinds = [entry.kind for entry in await house.reception.audit.read(person="ada")]
        assert kinds == ["approval_rule_revoked", "approval_decided"]
    assert world.done == ["post bob@example.org: one * two"]


async def copied(house: House, table: Table, **changes: Any) -> None:
    """Lay as many copies of the only row as crowd out whatever is cut at a round number."""

    def work(connection: Connection) -> None:
        row = dict(connection.execute(select(table)).mappings().one())
        row.pop("number", None)
        rows = [row | changes | {"id": new_id()} for _ in range(250)]
        connection.execute(insert(table), rows)

    await house.reception.approvals._database.apply(work)


async def test_nothing_that_waits_is_crowded_out_of_the_inbox(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, PAY) as (house, _, client):
        asked = (await first(client))["id"]
        await copied(house, tables.approvals, expires_at=now() + timedelta(minutes=1))  # all before it
        assert asked in (await client.get("/inbox")).text
        assert (await client.get("/api/me/pages")).json()["waiting"] == 1
        assert '<p class="soft" hidden>More than 100 missions' in (await client.get("/inbox")).text
        await copied(house, tables.missions, created_at=now() + timedelta(minutes=1))
        page = (await client.get("/inbox")).text
        assert '<p class="soft" >More than 100 missions have not ended.' in page
        assert '<section class="empty" hidden>' in page, "it is not said that nothing waits"


async def test_the_inbox_works_without_scripts_and_shows_whole_arguments_as_text(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, PAY) as (house, mission, client):
        page = await client.get("/inbox")
        assert page.headers["content-type"].startswith("text/html")
        assert scripts(page.text) == []
        assert "<b>bob" not in page.text
        assert "<i>Pay" not in page.text
        assert '"to": "<b>bob</b>"' in unescape(page.text)
        assert "width=device-width" in page.text
        form = {"kind": "approval", "approval": (await first(client))["id"], "choice": "once"}
        done = await client.post("/inbox", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/inbox?did=once")
        assert "Allowed, this once." in (await client.get("/inbox?did=once")).text
        assert (await client.post("/inbox", data=form)).status_code == 303, "the same click twice is one"
        late = await client.post("/inbox", data=form | {"choice": "reject"})
        assert late.status_code == 409
        assert "decided already" in late.text
        await house.until(mission, Status.COMPLETED)
        assert "Nothing waits for you" in (await client.get("/inbox?did=<script>")).text
    assert world.done == ["pay <b>bob</b> 5"]


async def test_in_the_inbox_arguments_are_changed_patterns_allowed_and_forgotten(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, LETTER, OTHER) as (house, mission, client):
        form = {"kind": "approval", "approval": (await first(client))["id"]}
        wrong = await client.post("/inbox", data=form | {"choice": "edit", "arguments": "{no json"})
        assert (wrong.status_code, "This is no JSON" in wrong.text) == (400, True)
        pattern = form | {"choice": "pattern", "arguments": '{"to": "bob@example.org", "text": "*"}'}
        assert (await client.post("/inbox", data=pattern)).status_code == 303
        await house.until(mission, Status.COMPLETED)
        page = unescape((await client.get("/inbox")).text)
        assert "Remembered decisions" in page
        [rule] = (await client.get("/api/approvals/rules")).json()["rules"]
        assert (await client.post("/inbox", data={"kind": "rule", "rule": rule["id"]})).status_code == 303
        assert (await client.get("/api/approvals/rules")).json() == {"rules": []}
        assert (await client.post("/inbox", data={"kind": "nonsense"})).status_code == 400
    assert len(world.done) == 2


async def test_the_exact_pattern_that_is_offered_fits_the_call(tmp_path: Path, world: World) -> None:
    async with waiting(tmp_path, world, LETTER) as (house, mission, client):
        page = unescape((await client.get("/inbox")).text)
        offered = page.split("(* stands for anything)", 1)[1].split(">", 2)[2].split("</textarea>")[0]
        form = {"kind": "approval", "approval": (await first(client))["id"], "choice": "pattern", "arguments": offered}
        assert (await client.post("/inbox", data=form)).status_code == 303
        await house.until(mission, Status.COMPLETED)


def asking(request: Any, site: Any) -> Any:
    """Two operators: one asks, one is held."""
    match site.step.split("/"):
        case ["plan"]:
            return plans({"operator": "hand", "goal": "Ask."})
        case ["t1", "1"]:
            return calls(("ask_user", {"question": "Which <colour>?", "form": "choice", "choices": ["red", "blue"]}))
    if site.step.startswith("t"):
        return calls(("finish", {"status": "completed", "summary": "done", "result": "done"}))
    return says("All done.")


async def test_questions_and_held_steps_of_all_conversations_are_answered_there(tmp_path: Path, world: World) -> None:
    async with open_house(tmp_path / "staffwork.db", tmp_path, asking, world.tools()) as house:
        asks, held = await house.submit("One."), await house.submit("Two.", step_mode=True)
        await house.until(asks, Status.WAITING_ANSWER)
        await house.until(held, Status.PAUSED)
        async with door(house) as client:
            page = unescape((await client.get("/inbox")).text)
            assert "Which <colour>?" in page
            assert "hand begins t1: Ask." in page
            assert "(2) Inbox" in page
            form = {"kind": "held", "mission": held.id, "step": "t1/1", "choice": "skip"}
            assert (await client.post("/inbox", data=form)).headers["location"] == "/inbox?did=skip"
            wrong = await client.post(
                "/inbox", data={"kind": "question", "mission": asks.id, "step": "t1/1.0", "text": "green"}
            )
            assert (wrong.status_code, "Choose one of: red, blue" in wrong.text) == (400, True)
            form = {"kind": "question", "mission": asks.id, "step": "t1/1.0", "text": "blue"}
            assert (await client.post("/inbox", data=form)).status_code == 303
            await house.until(asks, Status.COMPLETED)
            assert "Nothing waits for you" in (await client.get("/inbox")).text
