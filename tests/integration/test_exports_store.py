"""Export, import and opinions on both databases, over the store alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from export_fixtures import drawn
from share_fixtures import hostile
from store_fixtures import mission, store

from chat.rendering import picture_of
from chat.wire import elements_of, steps_of
from core import events as e
from core.budget import Usage
from core.errors import BadInput, NotFound
from core.missions import Artifact, Mission, Status, derived_id, now
from core.settings import Settings
from graphs.exporting import Exporting
from graphs.importing import Importing
from graphs.reception import Reception
from memory.blobs import Blobs
from memory.branches import run_id
from memory.conversations import Conversations
from memory.feedback import Feedback
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions
from memory.opinions import Opinions
from memory.orders import Orders
from memory.people import People

USED = Usage(model_calls=1, tokens_in=30, tokens_out=12, cost=Decimal("0.001"))


@pytest.fixture
async def desk(place: Path | str, tmp_path: Path) -> AsyncIterator[Reception]:
    async with store(place) as database:
        yield Reception(
            settings=Settings(data_dir=tmp_path / "data"),
            database=database,
            people=People(database),
            conversations=Conversations(database),
            files=Files(database),
            missions=Missions(database),
            orders=Orders(database),
            journal=Journal(database),
            blobs=Blobs(tmp_path / "blobs"),
        )


async def worked(desk: Reception, name: str = "m", *, answer: str = "Three.", **more: Any) -> Mission:
    """One mission of ada's: an operator, a model, a tool and a file."""
    accepted = mission(name, goal="How many\x00?".replace("\x00", ""))
    await desk.missions.accept(accepted, f"{name}-message", "Title")
    attempt = await desk.missions.start_attempt(name)
    content = await desk.blobs.put(b"made " + name.encode())
    made = Artifact(id=f"{name}-made", name="made.txt", hash=content, size=6, mime="text/plain", task_id="t1")
    where: dict[str, Any] = {"task_id": "t1", "role": "operator", "operator": "analyst", "model": "openai:gpt"}
    told: list[Any] = [
        (e.MissionStarted, {}),
        (e.ModelAsked, {"step": "plan", "role": "chief", "model": "openai:big", "prompt": "c1"}),
        (e.TaskStarted, {"task_id": "t1", "operator": "analyst", "title": "Analyst", "profile_version": "v7", "goal": "Count"}),
        (e.ModelAsked, {"step": "t1/1", "prompt": "p1", **where}),
        (e.ModelReplied, {"step": "t1/1", "usage": USED, "text": "It is three.", **where}),
        (e.ToolCalled, {"step": "t1/1.0", "task_id": "t1", "tool": "count"}),
        (e.ToolReturned, {"step": "t1/1.0", "task_id": "t1", "tool": "count", "status": "ok", "output": "3",
                          "size": 1, "seconds": 0.1}),
        (e.ArtifactMade, {"artifact": made, "step": "t1/1.0"}),
        (e.TaskEnded, {"task_id": "t1", "operator": "analyst", "status": Status.COMPLETED, "summary": "3", "usage": USED}),
        (e.MissionEnded, {"status": Status.COMPLETED, "answer": answer, "usage": USED, "artifacts": (made,), **more}),
    ]  # fmt: skip
    writer = await desk.journal.writer(name, attempt)
    for kind, fields in told:
        writer.add(kind(mission_id=name, at=now(), **fields))
    await writer.close()
    return accepted


async def written(desk: Reception, conversation_id: str = "c", user_id: str = "ada") -> bytes:
    return b"".join([piece async for piece in Exporting(desk).json(conversation_id, user_id)])


async def look(desk: Reception, conversation_id: str) -> str:
    rows = await desk.missions.in_view(conversation_id)
    pictures = [picture_of(r.mission.id, r.mission.id, await desk.journal.read(r.mission.id)) for r in rows]
    thread = {
        "name": "",
        "steps": [step for p in pictures for step in steps_of(p, "")],
        "elements": [element for p in pictures for element in elements_of(p, "")],
    }
    return drawn(thread).replace('"m-made"', '"made"')


async def took(desk: Reception, content: bytes, folder: Path, user_id: str = "bob") -> str:
    (folder / "export").write_bytes(content)
    return await Importing(desk).take(folder / "export", user_id)


def ids_aside(shown: str) -> list[str]:
    """The words of what is drawn: ids here are no UUIDs, and are others after an import."""
    return [part for part in shown.split('"') if len(part) > 12 and "id" not in part and "/" not in part]


async def test_what_is_imported_stands_in_every_table(desk: Reception, tmp_path: Path) -> None:
    await worked(desk, answer="\n".join(hostile()))
    again = await took(desk, await written(desk), tmp_path)
    assert ids_aside(await look(desk, again)) == ids_aside(await look(desk, "c"))
    [row] = await desk.missions.of_conversation(again)
    assert (row.status, row.attempt, row.mission.user_id, row.mission.origin) == (Status.COMPLETED, 1, "bob", "import")
    [made] = await desk.files.of_mission(row.mission.id)
    assert desk.blobs.path(made.hash).read_bytes() == b"made m"
    said = await desk.conversations.messages(again)
    assert [(m.author, m.text[:8]) for m in said] == [("user", "How many"), ("chief", hostile()[0][:8])]
    assert await desk.conversations.tainted(again, "")
    with pytest.raises(NotFound):
        await desk.conversations.get(again, "ada")


async def test_nothing_is_left_of_what_contradicts_itself(desk: Reception, tmp_path: Path) -> None:
    await worked(desk)
    described = json.loads(await written(desk))
    end = described["missions"][0]["events"][-1]
    described["missions"][0]["events"].append(end | {"seq": end["seq"] + 1, "status": "failed"})
    before = await desk.conversations.list("bob")
    with pytest.raises(BadInput, match="contradicts itself"):
        await took(desk, json.dumps(described).encode(), tmp_path)
    assert await desk.conversations.list("bob") == before == []


async def test_somebody_elses_conversation_is_not_written(desk: Reception) -> None:
    await worked(desk)
    with pytest.raises(NotFound):
        await written(desk, "c", "bob")


async def test_an_opinion_knows_what_it_is_about(desk: Reception) -> None:
    await worked(desk)
    feedback = Feedback(desk.database)
    answer = await feedback.give("ada", "c", run_id("m"), 1)
    await feedback.give("ada", "c", derived_id("m", "t1"), 0, "too short", reasons=["incomplete"])
    await feedback.give("ada", "c", derived_id("m", "t1/1.0"), 0)
    await feedback.give("ada", "c", derived_id("m", "t1/1.0"), 1, reasons=["clear"])
    tallies = [tuple(t.model_dump().values()) for t in await Opinions(desk.database).tally()]
    assert tallies == [
        ("analyst", "openai:gpt", "v7", "p1", "step", 1, 1),
        ("", "openai:big", "", "c1", "answer", 1, 0),
    ]
    newest = await Opinions(desk.database).newest()
    assert {(g.what, g.operator, g.value, g.reasons, g.comment) for g in newest} == {
        ("answer", "", 1, (), ""),
        ("step", "analyst", 0, ("incomplete",), "too short"),
        ("step", "analyst", 1, ("clear",), ""),
    }
    exported = json.loads(await written(desk))["feedback"]
    assert sorted((o["step"], o["value"]) for o in exported) == [("", 1), ("t1", 0), ("t1/1.0", 1)]
    for unknown in (derived_id("m", "t9"), derived_id("other", "answer")):
        with pytest.raises(NotFound):
            await feedback.give("ada", "c", unknown, 1)
    with pytest.raises(NotFound):
        await feedback.withdraw(answer, "bob")
    await feedback.withdraw(answer, "ada")
    assert len(await Opinions(desk.database).tally()) == 1


async def test_an_opinion_goes_with_its_conversation(desk: Reception) -> None:
    await worked(desk)
    await Feedback(desk.database).give("ada", "c", run_id("m"), 1)
    await desk.conversations.delete("c", "ada")
    assert await Opinions(desk.database).tally() == []
