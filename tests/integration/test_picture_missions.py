"""Pictures from the upload to the answer: the Chief sees them, operators look at them, and whoever cannot see says so."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picture_fixtures import GPS_MARK, photo
from wire_replies import WireReply
from wire_servers import WireServer

from core.events import Event, MissionEnded, ModelAsked, ToolReturned
from core.missions import Attachment, Mission, Status, new_id, now
from core.settings import Settings
from graphs.office import Office

KEY = "sk-test-0123456789abcdef"


@dataclass
class Talk:
    """A conversation with an office whose model is a server on loopback."""

    office: Office
    user: str
    folder: Path
    id: str

    async def give(self, name: str, content: bytes) -> Attachment:
        path = self.folder / "given"
        path.write_bytes(content)
        return await self.office.receive(self.user, self.id, name, "image/jpeg", path)

    async def say(self, goal: str, *files: Attachment) -> list[Event]:
        about = {"conversation_id": self.id, "user_id": self.user, "created_at": now()}
        mission = Mission(id=new_id(), goal=goal, attachments=files, **about)
        await self.office.submit(mission)
        return [event async for event in self.office.follow(mission.id)]


@asynccontextmanager
async def talk(
    folder: Path, script: Callable[[dict[str, Any]], WireReply], **options: Any
) -> AsyncIterator[tuple[Talk, WireServer]]:
    with WireServer(script, "openai") as server:
        given = {"data_dir": folder / "data", "model": "openai:gpt-5-mini", "openai_api_key": KEY}
        settings = Settings.model_validate(given | {"openai_base_url": server.base_url} | options)
        async with Office.open(settings) as office:
            user = (await office.people.ensure_local_owner()).id
            yield Talk(office, user, folder, new_id()), server


def images(body: dict[str, Any]) -> int:
    return json.dumps(body["messages"]).count('"type": "image_url"')


def tools_of(body: dict[str, Any]) -> set[str]:
    return {t["function"]["name"] for t in body.get("tools", [])}


def play(body: dict[str, Any]) -> WireReply:
    """Plan one task, look at the picture, finish, answer."""
    tools = tools_of(body)
    if "make_plan" in tools:
        return WireReply(
            calls=[("p", "make_plan", {"tasks": [{"operator": "researcher", "goal": "Look at photo.jpg"}]})]
        )
    if "finish" not in tools:
        return WireReply("It is half red.")
    if "is a picture: " in json.dumps(body["messages"]):
        return WireReply(calls=[("f", "finish", {"summary": "Half red, half blue."})])
    return WireReply(calls=[("v", "view_picture", {"file": "photo.jpg"})])


def answer(body: dict[str, Any]) -> WireReply:
    return WireReply("Half red." if images(body) else "I see nothing.")


async def test_the_chief_answers_a_question_about_a_picture_and_the_next_one_too(tmp_path: Path) -> None:
    async with talk(tmp_path, answer) as (ada, server):
        given = await ada.give("photo.jpg", photo())
        first = await ada.say("What is in this picture?", given)
        second = await ada.say("And which colour is on the left?")
        for _ in range(2):
            other = await ada.say("Something else now.")
    seen = [images(asked.body) for asked in server.asked]
    assert seen == [1, 1, 1, 0], "it is shown with what is said about it, and leaves with the last two exchanges"
    assert server.violations == []
    for events, seen in ((first, ("photo.jpg",)), (second, ("photo.jpg",)), (other, ())):
        [asked] = [e for e in events if isinstance(e, ModelAsked)]
        assert (asked.pictures, asked.unseen) == (seen, "")
    assert isinstance(first[-1], MissionEnded)
    assert first[-1].answer == "Half red."
    kept = "".join(event.model_dump_json() for event in (*first, *second))
    assert "base64" not in kept
    assert len(kept) < 20_000, "no event holds a picture"
    for database in (tmp_path / "data").glob("*.db*"):
        assert GPS_MARK not in database.read_bytes()


async def test_an_operator_looks_at_a_picture_and_nothing_of_it_is_kept_twice(tmp_path: Path) -> None:
    async with talk(tmp_path, play) as (ada, server):
        given = await ada.give("photo.jpg", photo())
        events = await ada.say("Have the picture looked at", given)
        blobs = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
    assert server.violations == []
    [returned] = [e for e in events if isinstance(e, ToolReturned)]
    assert (returned.status, returned.tainted) == ("ok", True)
    assert [(p.name, p.hash) for p in returned.pictures] == [("photo.jpg", given.hash)]
    assert "1568 x 784 points" in returned.output
    operator = [asked.body for asked in server.asked if "finish" in tools_of(asked.body)]
    assert [images(body) for body in operator] == [0, 1]
    assert "view_picture" in tools_of(operator[0])
    assert [path.name for path in blobs] == [given.hash], "what was made small is nowhere on disk"
    data = json.dumps(operator[1]["messages"]).partition(";base64,")[2].partition('"')[0]
    assert len(data) > 1000
    piece, points = data[200:240].encode(), base64.b64decode(data)[150:180]
    for path in (tmp_path / "data").iterdir():
        if path.is_file():
            kept = path.read_bytes()
            assert piece not in kept, f"{path.name} holds what was shown: an event or a checkpoint"
            assert points not in kept
    asked = [e for e in events if isinstance(e, ModelAsked) and e.task_id]
    assert [e.pictures for e in asked] == [(), ("photo.jpg",)]
    assert isinstance(events[-1], MissionEnded)
    assert events[-1].status is Status.COMPLETED


async def test_operators_without_pictures_are_not_offered_to_look_at_any(tmp_path: Path) -> None:
    def script(body: dict[str, Any]) -> WireReply:
        reply = play(body)
        return WireReply(calls=[("f", "finish", {"summary": "Done."})]) if "view_picture" in str(reply.calls) else reply

    async with talk(tmp_path, script) as (ada, server):
        await ada.say("Look", await ada.give("notes.txt", b"Only words."))
    offered = [tools_of(asked.body) for asked in server.asked if "finish" in tools_of(asked.body)]
    assert offered
    assert all("view_picture" not in tools for tools in offered)


async def test_a_model_that_cannot_see_is_told_and_another_tier_that_can_is_shown_it(tmp_path: Path) -> None:
    tiers = {"model": "openai:gpt-5-mini", "model_strong": "openai:o3-mini"}
    async with talk(tmp_path, play, **tiers) as (ada, server):
        events = await ada.say("Have it looked at", await ada.give("photo.jpg", photo()))
    chief = next(asked.body for asked in server.asked if "make_plan" in tools_of(asked.body))
    assert chief["model"] == "o3-mini"
    assert images(chief) == 0
    assert "photo.jpg is not shown: openai:o3-mini cannot see pictures. openai:gpt-5-mini can" in json.dumps(chief)
    asked = [e for e in events if isinstance(e, ModelAsked)]
    assert asked[0].unseen.startswith("photo.jpg was not shown: openai:o3-mini cannot see pictures. openai:gpt-5-mini")
    assert any(e.pictures == ("photo.jpg",) and e.model == "openai:gpt-5-mini" for e in asked)


async def test_what_was_left_to_tools_is_not_shown_to_the_chief(tmp_path: Path) -> None:
    async with talk(tmp_path, answer) as (ada, server):
        given = await ada.give("photo.jpg", photo())
        chosen = await ada.office.uploads.choose(given.id, ada.user, "tools")
        assert chosen.use == "tools"
        await ada.say("What is in this picture?", given)
        await ada.office.uploads.choose(given.id, ada.user, "")
        await ada.say("And now?")
    assert [images(asked.body) for asked in server.asked] == [0, 1]


async def test_the_rehearsal_model_says_that_it_cannot_see_with_size_and_type(tmp_path: Path) -> None:
    async with Office.open(Settings(data_dir=tmp_path / "data")) as office:
        user = (await office.people.ensure_local_owner()).id
        ada = Talk(office, user, tmp_path, new_id())
        events = await ada.say("What is in this picture?", await ada.give("photo.jpg", photo()))
    end = events[-1]
    assert isinstance(end, MissionEnded)
    told = end.answer + end.problem
    assert "photo.jpg is a picture: 1568 x 784 points as shown (PNG)" in told
    assert "the rehearsal model cannot see pictures" in told
    unseen = [e.unseen for e in events if isinstance(e, ModelAsked) and e.unseen]
    assert unseen
    assert "photo.jpg was not shown: the rehearsal model cannot see pictures" in unseen[0]


async def test_who_saw_a_picture_may_not_be_trusted_alone(tmp_path: Path) -> None:
    async with talk(tmp_path, answer) as (ada, _):
        events = await ada.say("What is this?", await ada.give("photo.jpg", photo()))
    [briefed] = [e for e in events if e.kind == "brief_assembled"]
    assert briefed.tainted == "The goal was read together with pictures."
