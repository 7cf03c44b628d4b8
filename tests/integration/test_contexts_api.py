"""Context documents over HTTP and as pages without JavaScript: who may use them, and what they say when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors_fixtures import House, open_house, scripts
from sqlalchemy import update

from core.memories import Context
from core.missions import now
from memory import tables

TAX: dict[str, Any] = {"title": "Our taxes", "triggers": ["tax*"], "text": "We pay **19** percent."}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        office: Any = opened.office
        bob = update(tables.users).where(tables.users.c.name == "bob").values(role="admin")
        await office.database.write((bob, None))
        yield opened


@pytest.fixture
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("ada") as client:
        yield client


@pytest.fixture
async def bob(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("bob") as client:
        yield client


async def made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/contexts", json=TAX | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_add_show_change_compare_restore_and_remove(ada: httpx.AsyncClient) -> None:
    added = await made(ada)
    path = f"/api/contexts/{added['id']}"
    assert (added["name"], added["whose"], added["version"]) == ("our-taxes", "own", 1)
    assert added["file"].startswith("---\nname: our-taxes\n")
    assert (await ada.get(path)).json() == added
    changed = (await ada.patch(path, json={"version": 1, "text": "7 percent."})).json()
    assert (changed["version"], changed["text"]) == (2, "7 percent.")
    assert "+7 percent." in (await ada.get(f"{path}/diff?old=1&new=2")).json()["diff"]
    assert [v["version"] for v in (await ada.get(f"{path}/versions")).json()["versions"]] == [2, 1]
    assert (await ada.post(f"{path}/restore", json={"version": 2, "to": 1})).json()["text"] == TAX["text"]
    stale = await ada.patch(path, json={"version": 1, "text": "x"})
    assert stale.status_code == 409
    assert stale.json()["detail"].startswith("ada changed this document on ")
    assert (await ada.delete(f"{path}?version=3")).status_code == 204
    assert (await ada.get(path)).status_code == 404


async def test_drafts_are_accepted_by_their_person_only(house: House, ada: Any, bob: Any) -> None:
    people: Any = house.office
    rows = await people.database.rows(tables.users.select().where(tables.users.c.name == "ada"))
    draft = Context(id="d1", owner=rows[0].id, name="d", title="D", text="<script>alert(1)</script>", draft="An operator wrote it.",
                    changed_by=rows[0].id, changed_at=now())  # fmt: skip
    await people.contexts.keep_draft(draft)
    assert (await bob.get("/api/contexts/d1")).status_code == 404
    assert (await bob.post("/api/contexts/d1/accept", json={"version": 1})).status_code == 404
    page = (await ada.get("/contexts/d1")).text
    assert "This is a draft" in page
    assert "<script>" not in page
    assert "Drafts that wait for you" in (await ada.get("/contexts")).text
    assert "Drafts that wait for you" not in (await bob.get("/contexts")).text
    assert (await ada.post("/contexts/d1", data={"do": "accept", "version": "1"})).status_code == 303
    assert (await ada.get("/api/contexts/d1")).json()["draft"] == ""


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", 400, "This is no JSON"),
        (b'{"title": "x"}', 400, "text: it is missing"),
        (b'{"title": "x y", "text": "z", "owner": "bob"}', 400, "owner: there is no such field"),
        (b'{"title": "x y", "text": "z", "house": 1}', 400, "house: say true or false"),
        (b'{"title": "x y", "text": "z", "house": true}', 403, "Only an administrator"),
    ],
)
async def test_what_cannot_be_kept_is_refused_in_words(ada: Any, body: bytes, code: int, words: str) -> None:
    answer = await ada.post("/api/contexts", content=body)
    assert answer.status_code == code
    assert words in answer.json()["detail"]
    missing = await ada.patch("/api/contexts/shipped:files", json={"text": "x"})
    assert "version: it is missing" in missing.json()["detail"]
    assert (await ada.patch("/api/contexts/shipped:files", json={"version": 1, "text": "x"})).status_code == 403


async def test_the_house_is_read_by_all_and_changed_by_administrators(ada: Any, bob: Any) -> None:
    added = await made(bob, house=True)
    path = f"/api/contexts/{added['id']}"
    assert (await ada.get(path)).json()["whose"] == "house"
    assert (await ada.patch(path, json={"version": 1, "text": "x"})).status_code == 403
    assert (await ada.delete(path)).status_code == 403
    page = (await ada.get(f"/contexts/{added['id']}")).text
    assert "Make my own version" in page
    assert 'value="save"' not in page
    own = await made(ada)
    assert (await bob.get(f"/api/contexts/{own['id']}")).status_code == 404
    assert (await bob.get(f"/contexts/{own['id']}")).status_code == 404
    assert (await bob.post(f"/contexts/{own['id']}", data={"do": "remove", "version": "1"})).status_code == 404


async def test_the_pages_do_the_same_without_javascript(ada: httpx.AsyncClient) -> None:
    page = (await ada.get("/contexts")).text
    assert scripts(page) == []
    assert "What Staffwork is" in page
    form = {"title": "Our taxes", "triggers": "tax*, value added", "operators": "", "text": "We pay 19 percent."}
    answer = await ada.post("/contexts/new", data=form)
    assert answer.status_code == 303
    address = answer.headers["location"].partition("?")[0]
    page = (await ada.get(answer.headers["location"])).text
    assert "Kept." in page
    assert "tax*, value added" in page
    saved = form | {"do": "save", "version": "1", "text": "We pay 7 percent.", "enabled": "on"}
    assert (await ada.post(address, data=saved)).status_code == 303
    stale = await ada.post(address, data=saved | {"text": "Typed with love"})
    assert stale.status_code == 409
    assert "ada changed this document" in stale.text
    assert "Typed with love" in stale.text, "nothing that was typed is lost"
    compared = unescape((await ada.get(f"{address}/compare?old=1&new=2")).text)
    assert "<del>-We pay 19 percent.</del>" in compared
    assert "<ins>+We pay 7 percent.</ins>" in compared
    assert (await ada.post(address, data={"do": "restore", "version": "2", "to": "1"})).status_code == 303
    off = {**form, "do": "save", "version": "3"}
    assert (await ada.post(address, data=off)).status_code == 303
    assert '<span class="badge">off</span>' in (await ada.get("/contexts")).text
    assert (await ada.post(address, data={"do": "remove", "version": "4"})).headers[
        "location"
    ] == "/contexts?did=removed"


async def test_what_is_wrong_is_said_above_the_form_with_all_that_was_typed(ada: httpx.AsyncClient) -> None:
    answer = await ada.post("/contexts/new", data={"title": "A", "text": "", "triggers": "*", "name": ""})
    assert answer.status_code == 400
    assert "text: it is empty" in answer.text
    for bad in ({"do": "explode"}, {"do": "save", "version": "x"}, {"do": "restore", "version": "1", "to": "-1"}):
        answer = await ada.post("/contexts/shipped:files", data=bad)
        assert answer.status_code in (400, 403), bad
    like = (await ada.get("/contexts/new?like=shipped:approvals")).text
    assert "It replaces the document called" in like
    assert 'name="house"' not in like


async def test_nobody_else_and_no_other_site_gets_in(house: House, ada: httpx.AsyncClient) -> None:
    added = await made(ada)
    async with house.visitor() as stranger:
        for path in ("/contexts", "/api/contexts", f"/api/contexts/{added['id']}", "/api/tools"):
            assert (await stranger.get(path)).status_code in (302, 303, 307, 401, 403), path
    evil = await ada.post(
        f"/contexts/{added['id']}", data={"do": "remove", "version": "1"}, headers={"origin": "https://evil.org"}
    )
    assert evil.status_code == 403
    assert (await ada.get(f"/api/contexts/{added['id']}")).status_code == 200


async def test_markdown_of_a_document_can_do_nothing(ada: Any, bob: Any) -> None:
    bad = "<img src=x onerror=alert(1)> ![a](https://evil.org/x.png) [b](javascript:alert(1))"
    added = await made(bob, house=True, title="<b>Bold</b>", text=bad)
    for path in ("/contexts", f"/contexts/{added['id']}", f"/contexts/new?like={added['id']}"):
        page = (await ada.get(path)).text
        assert "<img src=x" not in page
        assert 'src="https://evil' not in page
        assert 'href="javascript' not in page
        assert "<b>Bold" not in page
