"""Somebody who is deleted leaves nothing behind: rows, files, vectors, links; and others keep what is theirs."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from doors_fixtures import House
from people_fixtures import add, signed_in
from served_fixtures import given, serve, until_at_rest
from sqlalchemy import select

from core.memories import Memory, Origin, Passage
from core.missions import now
from core.settings import Settings
from graphs.leaving import finish
from graphs.office import Office
from memory import tables
from memory.audit import Audit
from memory.database import Database
from memory.members import Members
from memory.memories import Memories

LEFT = {"audit", "ledger"}
"""What stays on record, without anybody's words in it."""
SECRETS = ("zanzibar-goal", "zanzibar-file", "zanzibar-memory")


async def a_life(house: House, client: Any, user_id: str) -> dict[str, str]:
    """Let a person work: a mission with a file, a memory that is found again, a link, a schedule, a key."""
    office = house.office
    upload = office.settings.data_dir / f"{user_id}.txt"
    upload.write_text(f"{SECRETS[1]} of {user_id}\n" * 20)
    conversation = f"talk-of-{user_id}"
    attachment = await office.receive(user_id, conversation, "notes.txt", "text/plain", upload)
    upload.unlink()
    mission = await given(client, f"Work it out, {SECRETS[0]}", conversation_id=conversation)
    await until_at_rest(client, mission, "completed")
    memory = Memory(id=f"m-{user_id}", user_id=user_id, conversation_id=conversation, text=SECRETS[2], created_at=now())
    await Memories(office.database).keep(memory)
    passage = Passage(id=f"p-{user_id}", user_id=user_id, conversation_id=conversation, origin=Origin.MEMORY,
                      origin_id=memory.id, name="memory", text=SECRETS[2], position=0)  # fmt: skip
    await office.index.add([passage])  # type: ignore[attr-defined]
    link = await client.post(f"/api/conversations/{conversation}/shares", json={"include": "steps"})
    assert link.status_code == 201, link.text
    schedule = {"goal": SECRETS[0], "cron": "0 6 * * *", "timezone": "UTC", "name": "Daily"}
    assert (await client.post("/api/schedules", json=schedule)).status_code == 201
    return {"conversation": conversation, "hash": attachment.hash, "link": link.json()["path"]}


async def rows_of(database: Database, user_id: str) -> dict[str, int]:
    """Count, per table, the rows in which a person's id or conversation stands."""
    found = {}
    for table in tables.metadata.sorted_tables:
        for row in await database.rows(select(table)):
            if any(user_id in str(value) for value in row):
                found[table.name] = found.get(table.name, 0) + 1
    return found


async def gone(office: Any) -> None:
    async with asyncio.timeout(60):
        while await Members(office.database).leaving():
            await asyncio.sleep(0.05)


async def test_everything_of_a_person_is_removed_and_nothing_of_anybody_else(tmp_path: Path) -> None:
    async with serve(tmp_path) as house, AsyncExitStack() as stack:
        office: Any = house.office
        await add(house, "boss", "owner")
        ada, bob, boss = await signed_in(house, stack, "ada", "bob", "boss")
        adas, bobs = await a_life(house, ada, "user-ada"), await a_life(house, bob, "user-bob")
        before = await rows_of(office.database, "user-bob")
        assert {
            "conversations",
            "missions",
            "messages",
            "attachments",
            "passages",
            "memories",
            "shares",
            "schedules",
        } <= set(before)

        wrong = await boss.post("/people/user-ada", data={"kind": "delete", "name": "bob"})
        assert wrong.status_code == 400
        done = await boss.post("/people/user-ada", data={"kind": "delete", "name": " ADA "})
        assert (done.status_code, done.headers["location"]) == (303, "/people?did=delete")
        assert (await ada.get("/user")).status_code == 401  # at once, whatever is still being removed
        assert (await bob.get(adas["link"])).status_code == 404
        await gone(office)

        assert set(await rows_of(office.database, "user-ada")) <= LEFT
        assert not list((office.settings.data_dir / "blobs").rglob(adas["hash"]))
        assert list((office.settings.data_dir / "blobs").rglob(bobs["hash"]))
        assert await office.index.search(SECRETS[2], user_id="user-ada") == []
        assert [r.passage.user_id for r in await office.index.search(SECRETS[2], user_id="user-bob")][:1] == [
            "user-bob"
        ]
        assert await rows_of(office.database, "user-bob") == before
        assert (await boss.get(bobs["link"])).status_code == 200
        assert "ada" not in [m.name for m in await Members(office.database).list()]
        [entry] = await Audit(office.database).read(kind="person_deleted")
        assert (entry.actor, entry.subject) == ("boss", "ada")
        stored = await Audit(office.database).read(limit=500)
        assert not [e for e in stored if any(secret in e.model_dump_json() for secret in SECRETS)]


async def test_removal_goes_on_after_a_crash_and_without_a_server(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    async with Office.open(settings, at_work=False) as office:
        owner = await office.people.ensure_local_owner()
        row = {"id": "eve", "name": "eve", "password_hash": "x", "role": "member", "created_at": now()}
        await office.database.write((tables.users.insert(), row))
        upload = tmp_path / "only.txt"
        upload.write_text("never said a word")
        only = await office.receive("eve", "silent", "only.txt", "text/plain", upload)
        await Members(office.database).begin_leaving("eve", owner.id)
        assert not await finish(settings)  # somebody has the data in their hands
        assert await Members(office.database).leaving() == ["eve"]
    assert await finish(settings)
    async with Office.open(settings, at_work=False) as office:
        assert await Members(office.database).leaving() == []
        assert not list((settings.data_dir / "blobs").rglob(only.hash))
        assert set(await rows_of(office.database, "eve")) <= LEFT
        assert await finish(settings) is False
