"""Temporary conversations: nothing of them is remembered, listed or found, and at their end nothing of them is left on disk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from served_fixtures import given, play, serve, until_at_rest
from sqlalchemy import select, update
from wire_replies import WireReply

from core.missions import Mission, new_id, now
from graphs.office import Office
from graphs.temporary import end_idle
from memory import tables

CANARY = "Quetzalcoatlus"
ENDS = ("completed", "failed")


def repeat(body: dict[str, Any]) -> WireReply:
    """Answer with the canary, as a model does that was told of it."""
    reply, told = play(body), CANARY in str(body["messages"])
    return WireReply(text=f"All about {CANARY}, it is 42.") if reply.text and told else reply


def on_disk(folder: Path) -> list[str]:
    """Name the files in which the canary stands."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if CANARY.lower().encode() in path.read_bytes().lower()]


async def temporary(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/conversations/temporary")
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def with_a_file(office: Office, folder: Path, talk: str, user_id: str) -> str:
    """Give a mission with a file that holds the canary, as the chat does; returns the mission's id."""
    path = folder / f"{CANARY}.md"
    path.write_text(f"# {CANARY}\n\nThe wings of {CANARY} were wide.\n" * 40)
    file = await office.receive(user_id, talk, path.name, "text/markdown", path)
    path.unlink()
    goal = f"What does the file say about {CANARY}?"
    about = {"id": new_id(), "conversation_id": talk, "user_id": user_id, "goal": goal, "created_at": now()}
    mission = Mission.model_validate(about | {"attachments": (file,)})
    await office.submit(mission)
    return mission.id


async def test_nothing_of_it_is_left_on_disk_when_it_is_ended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serve(tmp_path, repeat) as house:
        office = house.office
        async with house.visitor("ada") as ada:
            talk = await temporary(ada)
            user_id = (await office.people.by_name("ada")).id
            for number in range(3):
                await until_at_rest(ada, await given(ada, f"{CANARY} number {number}", conversation_id=talk), *ENDS)
            await until_at_rest(ada, await with_a_file(office, tmp_path, talk, user_id), *ENDS)
            await _its_files_are_listed_only_there(ada, talk)
            assert on_disk(data)  # while it lasts, it is there
            ordinary = await given(ada, "Something else")
            await until_at_rest(ada, ordinary, *ENDS)
            kept = {path for path in data.rglob("*") if path.is_file()}
            assert (await ada.delete(f"/api/conversations/{talk}")).status_code == 204
            assert on_disk(data) == []
            assert not [path for path in data.rglob("*") if talk in path.name]
            assert kept - {path for path in data.rglob("*") if path.is_file()}  # the file's content is gone
            for table in (tables.conversations, tables.missions, tables.passages, tables.search_entries):
                column = table.c.id if table is tables.conversations else table.c.conversation_id
                assert await office.database.rows(select(column).where(column == talk)) == []
            assert (await ada.get(f"/api/missions/{ordinary}")).json()["status"] == "completed"
            assert (await ada.get("/api/files")).json()["used"]["files"] == 0
    assert on_disk(data) == []


async def _its_files_are_listed_only_there(ada: httpx.AsyncClient, talk: str) -> None:
    for address in ("/files", "/api/files", f"/api/files?query={CANARY}", f"/files?query={CANARY}"):
        assert f"{CANARY}.md" not in (await ada.get(address)).text, address
    listed = (await ada.get("/api/files", params={"conversation": talk})).json()
    assert ([f["name"] for f in listed["files"]], listed["used"]["files"]) == ([f"{CANARY}.md"], 1)


async def test_it_is_in_no_list_and_neither_tells_nor_hears_of_others(tmp_path: Path) -> None:
    async with serve(tmp_path, repeat) as house, house.visitor("ada") as ada:
        before = await given(ada, "The ocelot of the neighbours is called Otto")
        await until_at_rest(ada, before, *ENDS)
        talk = await temporary(ada)
        mission = await given(ada, f"What is the ocelot of the neighbours called, {CANARY}?", conversation_id=talk)
        await until_at_rest(ada, mission, *ENDS)
        events = (await ada.get(f"/api/missions/{mission}/events", headers={"accept": "application/json"})).json()
        brief = next(e for e in events["events"] if e["kind"] == "brief_assembled")
        assert brief.get("recalled", []) == []
        for address in (f"/api/search?query={CANARY}", "/api/conversations?which=all", "/search?query=" + CANARY):
            found = await ada.get(address)
            assert found.status_code == 200
            assert f"/thread/{talk}" not in found.text
            assert talk not in found.text
        listed = await ada.post("/project/threads", json={"pagination": {"first": 20}, "filter": {}})
        assert talk not in listed.text
        after = await given(ada, f"What do you know about {CANARY} and the ocelot?")
        await until_at_rest(ada, after, *ENDS)
        events = (await ada.get(f"/api/missions/{after}/events", headers={"accept": "application/json"})).json()
        brief = next(e for e in events["events"] if e["kind"] == "brief_assembled")
        assert mission not in str(brief)
        assert {s["mission_id"] for s in await _passages(house.office)} <= {""}


async def _passages(office: Office) -> list[dict[str, str]]:
    """List messages of temporary conversations among the passages (there are none)."""
    hidden = select(tables.passages.c.id).where(tables.passages.c.unlisted, tables.passages.c.origin == "message")
    return [{"mission_id": row.id} for row in await office.database.rows(hidden)]


async def test_one_that_nobody_has_open_ends_by_itself(tmp_path: Path) -> None:
    async with serve(tmp_path, repeat) as house, house.visitor("ada") as ada, house.visitor("bob") as bob:
        left, watched = await temporary(ada), await temporary(ada)
        for talk in (left, watched):
            await until_at_rest(ada, await given(ada, f"{CANARY} once more", conversation_id=talk), *ENDS)
        long_ago = now() - timedelta(minutes=house.office.settings.temporary_minutes + 1)
        old = update(tables.conversations).values(updated_at=long_ago, seen_at=long_ago)
        await house.office.database.write((old, None))
        assert (await bob.post(f"/api/conversations/{watched}/seen")).status_code == 404
        assert (await ada.post(f"/api/conversations/{watched}/seen")).status_code == 204
        assert await end_idle(house.office) == 1
        assert (await ada.get(f"/api/conversations/{left}")).status_code == 404
        assert (await ada.get(f"/api/conversations/{watched}")).json()["temporary"] is True
        assert (await bob.delete(f"/api/conversations/{watched}")).status_code == 404


async def test_a_branch_of_it_is_temporary_too_and_ends_with_it(tmp_path: Path) -> None:
    async with serve(tmp_path, repeat) as house, house.visitor("ada") as ada:
        talk = await temporary(ada)
        mission = await given(ada, f"{CANARY} first", conversation_id=talk)
        await until_at_rest(ada, mission, *ENDS)
        again = {"goal": f"{CANARY} again", "client_id": new_id()}
        branched = await ada.post(f"/api/missions/{mission}/branch", json=again)
        assert branched.status_code in (200, 201, 202), branched.text
        branch = branched.json()["conversation_id"]
        await until_at_rest(ada, branched.json()["mission_id"], *ENDS)
        assert (await ada.get(f"/api/conversations/{branch}")).json()["temporary"] is True
        await ada.delete(f"/api/conversations/{talk}")
        assert (await ada.get(f"/api/conversations/{branch}")).status_code == 404
        assert on_disk(tmp_path / "data") == []
