"""The journal: contiguous, once only, fenced by attempt, followed without gaps, projected in the same transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from store_fixtures import open_at

from core.budget import Usage
from core.decisions import ToolCall
from core.errors import Conflict, NotFound
from core.events import (
    ArtifactMade,
    Event,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelReplied,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolCalled,
)
from core.missions import Artifact, Mission, Status, derived_id, now
from memory import tables
from memory.conversations import Conversations
from memory.database import Database
from memory.feed import KEPT
from memory.journal import Journal
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = await open_at(place)
    user = {"id": "u", "name": "ada", "password_hash": "", "role": "owner", "created_at": now()}
    await database.write((insert(tables.users), user))
    yield database
    await database.close()


@pytest.fixture
async def missions(database: Database) -> Missions:
    missions = Missions(database)
    await missions.accept(
        Mission(id="m", conversation_id="c", user_id="u", goal="g", created_at=now() - timedelta(seconds=60)),
        "msg",
        "g",
    )
    return missions


def text(offset: int, words: str = "word ") -> TextStreamed:
    return TextStreamed(mission_id="m", step="report", offset=offset, text=words)


def ended(status: Status = Status.COMPLETED, answer: str = "") -> MissionEnded:
    return MissionEnded(mission_id="m", status=status, answer=answer, usage=Usage(model_calls=2))


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def test_events_read_back_identical_with_contiguous_seq(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    attempt = await missions.start_attempt("m")
    writer = await journal.writer("m", attempt)
    given: list[Event] = [
        MissionStarted(mission_id="m"),
        ModelReplied(
            mission_id="m", step="plan", role="chief", model="x", text="ü\n\x00",
            tool_calls=(ToolCall(id="1", name="n", arguments={"big": 2**70, "list": [1, None, {"a": 0.1}]}),),
            usage=Usage(model_calls=1, seconds=0.25),
        ),
        ToolCalled(mission_id="m", step="t1/1.0", task_id="t1", tool="now"),
        ended(answer="done"),
    ]  # fmt: skip
    for event in given:
        writer.add(event)
    await writer.close()
    stored = await journal.read("m")
    assert [e.seq for e in stored] == [1, 2, 3, 4, 5]
    assert stored[1:] == [e.model_copy(update={"seq": n + 2, "attempt": 1}) for n, e in enumerate(given)]
    assert await journal.read("m", after=3) == stored[3:]


async def test_half_a_surrogate_pair_is_stored_as_a_replacement(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    writer.add(text(0, "cut \ud83d"))
    writer.add(ToolCalled(mission_id="m", step="s", tool="x", arguments={"a\udc00": ["\ud83d"]}))
    await writer.close()
    first, second = (await journal.read("m"))[1:]
    assert isinstance(first, TextStreamed)
    assert first.text == "cut ?"
    assert isinstance(second, ToolCalled)
    assert second.arguments == {"a?": ["?"]}


async def test_what_may_happen_once_is_dropped_the_second_time_also_after_a_restart(
    database: Database, missions: Missions
) -> None:
    journal = Journal(database)
    asked = ModelAsked(mission_id="m", step="plan", role="chief", model="x")
    writer = await journal.writer("m", await missions.start_attempt("m"))
    writer.add(asked)
    writer.add(asked)
    writer.add(text(0))
    writer.add(text(0))  # no key: may repeat
    await writer.close()
    again = await journal.writer("m", await missions.start_attempt("m"))
    assert [e.kind for e in again.past] == ["mission_accepted", "model_asked", "text_streamed", "text_streamed"]
    again.add(asked)
    again.add(text(5))
    await again.close()
    stored = await journal.read("m")
    assert [(e.seq, e.kind, e.attempt) for e in stored[1:]] == [
        (2, "model_asked", 1), (3, "text_streamed", 1), (4, "text_streamed", 1), (5, "text_streamed", 2),
    ]  # fmt: skip


async def test_the_writer_of_an_older_attempt_is_shut_out(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    old = await journal.writer("m", await missions.start_attempt("m"))
    old.add(text(0))
    await old.flush()
    new = await journal.writer("m", await missions.start_attempt("m"))
    old.add(text(5, "late"))
    with pytest.raises(Conflict):
        await old.flush()
    with pytest.raises(Conflict):
        old.add(text(6))
    new.add(text(5, "new"))
    await new.close()
    with pytest.raises(Conflict):
        await journal.writer("m", 1)
    assert [getattr(e, "text", "") for e in await journal.read("m")] == ["", "word ", "new"]


async def test_two_writers_of_one_attempt_cannot_both_write(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    attempt = await missions.start_attempt("m")
    one, two = await journal.writer("m", attempt), await journal.writer("m", attempt)
    one.add(text(0, "one"))
    await one.flush()
    two.add(text(0, "two"))
    with pytest.raises(Conflict):
        await two.flush()
    assert [e.seq for e in await journal.read("m")] == [1, 2]


async def test_a_writer_outlived_by_its_mission_cannot_write_into_another(
    database: Database, missions: Missions
) -> None:
    journal = Journal(database)
    old = await journal.writer("m", await missions.start_attempt("m"))
    old.add(text(0))
    await old.flush()
    await Conversations(database).delete("c", "u")
    heir = Mission(id="m2", conversation_id="c2", user_id="u", goal="g", created_at=now())
    await missions.accept(heir, "msg2", "g")
    await missions.start_attempt("m2")
    old.add(text(5))
    with pytest.raises(Conflict):
        await old.flush()
    assert [e.kind for e in await journal.read("m2")] == ["mission_accepted"]
    with pytest.raises(NotFound):
        await journal.read("m")


async def test_many_followers_see_every_event_once_in_order_from_wherever_they_join(
    database: Database, missions: Missions
) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    followers = [asyncio.create_task(collect(journal.follow("m")))]
    for n in range(200):
        writer.add(text(n))
        if n % 20 == 0:
            followers.append(asyncio.create_task(collect(journal.follow("m", after=n // 2))))
            await asyncio.sleep(0.001)
    writer.add(ended())
    await writer.close()
    seen = await asyncio.wait_for(asyncio.gather(*followers), 30)
    stored = await journal.read("m")
    assert len(stored) == 202
    assert seen[0] == stored
    for n, events in zip(range(0, 200, 20), seen[1:], strict=True):
        assert events == stored[n // 2 :]
    assert await collect(journal.follow("m", after=202)) == []


async def test_a_slow_follower_holds_nobody_up_and_misses_nothing(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    slow = journal.follow("m")
    assert (await anext(slow)).seq == 1  # then it stops reading
    for n in range(KEPT + 100):
        writer.add(text(n))
        if n % 100 == 0:
            await writer.flush()
    writer.add(ended())
    await asyncio.wait_for(writer.close(), 30)
    rest = await asyncio.wait_for(collect(slow), 30)
    assert [e.seq for e in rest] == list(range(2, KEPT + 103))


async def test_following_sees_an_event_only_after_its_commit(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    live = journal.follow("m", after=1)
    following = asyncio.ensure_future(anext(live))
    writer.add(text(0))
    event = await asyncio.wait_for(following, 30)
    assert event in await journal.read("m")
    await writer.close()
    await live.aclose()


async def test_following_a_mission_that_waits_ends_and_a_resumed_one_is_followed_anew(
    database: Database, missions: Missions
) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    writer.add(ended(Status.WAITING_ANSWER))
    await writer.close()
    assert [e.seq for e in await collect(journal.follow("m"))] == [1, 2]
    attempt = await missions.start_attempt("m")
    again = asyncio.create_task(collect(journal.follow("m", after=2)))  # nothing is written yet
    await asyncio.sleep(0.05)
    writer = await journal.writer("m", attempt)
    writer.add(MissionStarted(mission_id="m"))
    await writer.flush()
    writer.add(ended())
    await writer.close()
    assert [e.kind for e in await asyncio.wait_for(again, 30)] == ["mission_started", "mission_ended"]


async def test_an_unknown_mission_cannot_be_read_followed_or_written(database: Database) -> None:
    journal = Journal(database)
    with pytest.raises(NotFound):
        await journal.read("nope")
    with pytest.raises(NotFound):
        await anext(journal.follow("nope"))
    with pytest.raises(NotFound):
        await journal.writer("nope", 1)


async def test_events_are_projected_into_tasks_artifacts_missions_and_messages(
    database: Database, missions: Missions
) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    task = {"mission_id": "m", "task_id": "t1", "operator": "analyst"}
    writer.add(TaskStarted(**task, title="Analyst", profile_version="1", goal="count"))
    artifact = Artifact(id="a1", name="out.csv", hash="00", size=3, mime="text/csv", task_id="t1")
    writer.add(ArtifactMade(mission_id="m", task_id="t1", artifact=artifact))
    writer.add(TaskEnded(**task, status=Status.COMPLETED, summary="42"))
    writer.add(ended(answer="It is 42."))
    await writer.close()
    async with database.reading() as connection:
        tasks = (await connection.execute(select(tables.tasks))).mappings().all()
        artifacts = (await connection.execute(select(tables.artifacts.c.id, tables.artifacts.c.mission_id))).all()
        messages = (await connection.execute(select(tables.messages).order_by("created_at"))).mappings().all()
        touched = (await connection.execute(select(tables.conversations.c.updated_at))).scalar_one()
    assert [(t["task_id"], t["status"], t["summary"], t["goal"]) for t in tasks] == [("t1", "completed", "42", "count")]
    assert [tuple(a) for a in artifacts] == [("a1", "m")]
    assert messages[1]["id"] == derived_id("m", "answer", "5")
    assert [(m["author"], m["text"]) for m in messages] == [("user", "g"), ("chief", "It is 42.")]
    row = await missions.get("m")
    assert row.status is Status.COMPLETED
    assert row.ended_at == messages[1]["created_at"] == touched


async def test_an_impossible_change_of_status_writes_nothing(database: Database, missions: Missions) -> None:
    journal = Journal(database)
    writer = await journal.writer("m", await missions.start_attempt("m"))
    writer.add(TaskEnded(mission_id="m", task_id="t9", operator="x", status=Status.COMPLETED, summary="never began"))
    with pytest.raises(Conflict, match="pending"):
        await writer.flush()
    assert [e.seq for e in await journal.read("m")] == [1]
    finished = await journal.writer("m", await missions.start_attempt("m"))
    finished.add(TaskEnded(mission_id="m", task_id="t9", operator="x", status=Status.CANCELLED, summary="not needed"))
    finished.add(ended())
    await finished.close()
    with pytest.raises(Conflict):
        await missions.start_attempt("m")
