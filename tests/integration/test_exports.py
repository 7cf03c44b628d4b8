"""Conversations as files: taken out in four forms, wiped, taken in again and drawn the same."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from export_fixtures import export, imported, shown, taken
from fake_office import asking, direct
from share_fixtures import Page, hostile, opened, talk, worked
from sqlalchemy import func, select

from core.missions import Status, new_id
from core.steering import Order, OrderGiven, OrderKind
from memory import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUSE_SECRET = "sk-house-0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), compatible_api_key=HOUSE_SECRET) as opened:
        yield opened


@pytest.mark.parametrize("form", ["json", "zip"])
async def test_exported_wiped_and_imported_it_is_drawn_the_same(house: House, form: str) -> None:
    conversation = await worked(house, b"# Three risks\n")
    await talk(house, direct("And **bold** words."), "What else?", conversation)
    async with house.visitor("ada") as ada:
        before = await shown(ada, conversation)
        written = (await export(ada, conversation, form)).content
        await house.office.delete_conversation(conversation, "user-ada")
        assert (await ada.get(f"/project/thread/{conversation}")).status_code == 404
        again = await imported(ada, written)
        assert again != conversation
        assert await shown(ada, again) == before
        assert (await ada.get(await _made(house, again))).content == b"# Three risks\n"
        twice = await imported(ada, (await export(ada, again, form)).content)
        assert await shown(ada, twice) == before


async def test_only_its_owner_takes_it_out(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("bob") as bob, house.visitor() as nobody:
        for form in ("json", "zip", "md", "html"):
            address = f"/api/conversations/{conversation}/export?format={form}"
            assert (await bob.get(address)).status_code == 404
            assert (await nobody.get(address)).status_code == 401
        assert (await bob.get(f"/export?conversation={conversation}")).status_code == 404
        assert (await taken(nobody, b"{}")).status_code == 401


async def test_the_json_fits_its_published_schema(house: House) -> None:
    import jsonschema

    from chat.server import PROJECT

    conversation = await worked(house)
    async with house.visitor("ada") as ada:
        written = (await export(ada, conversation)).json()
    schema = json.loads((PROJECT / "docs" / "export.schema.json").read_text())
    jsonschema.validate(written, schema)
    for file in (*written["attachments"], *written["artifacts"]):
        assert hashlib.sha256(base64.b64decode(written["contents"][file["hash"]])).hexdigest() == file["hash"]


async def test_words_to_read_hold_sources_price_and_files(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada:
        words = (await export(ada, conversation, "md")).text
        for part in ("What is 6 \\* 7?", "**three** risks", "memo.pdf, page 2", "risks.md", "model call"):
            assert part in words
        assert "How it was done" not in words
        assert "How it was done" in (await export(ada, conversation, "md", steps="true")).text
        page = (await export(ada, conversation, "html")).text
        assert "<strong>three</strong>" in page
        assert "model call" in page


async def test_the_page_runs_and_fetches_nothing(house: House) -> None:
    conversation = await talk(opened(house), direct("\n\n".join(hostile())), "\n".join(hostile()).replace("\x01", ""))
    async with house.visitor("ada") as ada:
        page = Page((await export(ada, conversation, "html")).text)
    assert page.fetched == []
    assert "default-src 'none'" in (await _html(house, conversation))


async def _html(house: House, conversation: str) -> str:
    async with house.visitor("ada") as ada:
        return (await export(ada, conversation, "html")).text


async def test_secrets_of_the_house_stay_in_it(house: House) -> None:
    conversation = await worked(house, b"key=" + HOUSE_SECRET.encode())
    await talk(house, direct(f"It is {HOUSE_SECRET}."), "What is it?", conversation)
    async with house.visitor("ada") as ada:
        for form in ("json", "md", "html"):
            written = (await export(ada, conversation, form)).text
            assert HOUSE_SECRET not in written
            assert base64.b64encode(HOUSE_SECRET.encode()).decode()[:20] not in written
        described = (await export(ada, conversation)).json()
        assert list(described["left_out"].values()) == ["it holds a secret of this house"]
        await imported(ada, json.dumps(described).encode())  # what was left out is listed, and cannot be had


async def test_what_had_not_ended_is_stopped_and_stays_so(house: House) -> None:
    conversation = await talk(opened(house), asking("Which year?"))
    async with house.visitor("ada") as ada:
        again = await imported(ada, (await export(ada, conversation)).content)
    [row] = await house.office.missions.of_conversation(again)
    assert (row.status, row.mission.origin) == (Status.CANCELLED, "import")
    assert await house.office.conversations.tainted(again, "")
    async with house.visitor("ada") as ada:
        for kind in ("resume", "answer", "pause"):
            answer = await ada.post(f"/api/missions/{row.mission.id}/orders", json={"kind": kind, "text": "2020"})
            assert answer.status_code == 409, answer.text
    assert row.mission.id not in {m.mission.id for m in await house.office.missions.unfinished()}


async def test_orders_and_hashes_of_others_open_nothing(house: House) -> None:
    """A history can claim anything: it takes up nobody's order, and a hash is no key to somebody's file."""
    secret = b"what only bob may read"
    content_hash = await house.office.blobs.put(secret)
    conversation = await worked(house, b"mine")
    async with house.visitor("ada") as ada, house.visitor("bob"):
        described = (await export(ada, conversation)).json()
        mission = described["missions"][0]
        open_order = await _open_order(house)
        order = Order(id=open_order, mission_id=mission["id"], kind=OrderKind.PAUSE, by="user-bob")
        event = OrderGiven(mission_id=mission["id"], seq=2, by="user:user-bob", order=order).model_dump(mode="json")
        mission["events"][1:1] = [event]
        for number, one in enumerate(mission["events"], 1):
            one["seq"] = number
        described["artifacts"][0]["hash"] = content_hash
        described["artifacts"][0]["size"] = len(secret)
        described["contents"] = {}
        again = await imported(ada, json.dumps(described).encode())
        assert (await ada.get(await _made(house, again))).status_code == 404
        rows = await house.office.database.rows(select(tables.orders).where(tables.orders.c.id == open_order))
        assert [row.taken_at for row in rows] == [None]
        [new] = await house.office.missions.of_conversation(again)
        given = [e for e in await house.office.journal.read(new.mission.id) if e.by]
        assert {e.by for e in given} == {"imported"}
        counted = await house.office.database.rows(
            select(func.count()).select_from(tables.approvals).where(tables.approvals.c.mission_id == new.mission.id)
        )
        assert counted[0][0] == 0


async def _made(house: House, conversation: str) -> str:
    """Name the address of the one file that was made in a conversation."""
    rows = await house.office.missions.of_conversation(conversation)
    [file] = [made for row in rows for made in await house.office.files.of_mission(row.mission.id)]
    return f"/files/artifact/{file.id}"


async def _open_order(house: House) -> str:
    """Leave an order of bob's waiting for a mission of his."""
    conversation = await talk(opened(house), asking("Which?"), "Bob asks")
    [row] = await house.office.missions.of_conversation(conversation)
    order = Order(id=new_id(), mission_id=row.mission.id, kind=OrderKind.PAUSE, by="user-ada")
    await house.office.orders.give(order)
    return order.id


async def test_html_in_names_stays_words(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada:
        described = (await export(ada, conversation)).json()
        described["title"] = "<script>alert(1)</script>\0"
        described["artifacts"][0]["name"] = '"><img src=x onerror=alert(2)>.md'
        again = await imported(ada, json.dumps(described).encode())
        for address in (f"/export?conversation={again}", "/export", f"/artifacts?conversation={again}"):
            page = (await ada.get(address)).text
            assert "<script>alert" not in page
            assert "<img src=x" not in page


async def test_everything_of_a_person_as_one_zip(house: House) -> None:
    conversation = await talk(opened(house), direct("Only ada's."), "Mine")
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        files = zipfile.ZipFile(io.BytesIO((await ada.get("/api/me/everything.zip")).content))
        assert f"conversations/{conversation}.json" in files.namelist()
        described = json.loads(files.read(f"conversations/{conversation}.json"))
        assert described["missions"][0]["events"][-1]["answer"] == "Only ada's."
        assert json.loads(files.read("memories.json")) == {"memories": []}
        theirs = zipfile.ZipFile(io.BytesIO((await bob.get("/api/me/everything.zip")).content))
        assert theirs.namelist() == ["memories.json"]


async def test_taking_out_and_in_is_on_the_audit_log(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada:
        again = await imported(ada, (await export(ada, conversation)).content)
    newest = await house.office.audit.read(limit=2)
    assert [(e.kind, e.actor, e.details["conversation"]) for e in newest] == [
        ("imported", "ada", again),
        ("exported", "ada", conversation),
    ]
