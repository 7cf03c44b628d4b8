"""Missions and orders that come by way of the database alone, from a process beside the one that works."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from steering_fixtures import House, eventually, open_house

from core.errors import BadInput, Conflict, NotFound
from core.missions import Mission, Status, new_id, now
from core.settings import Settings
from core.steering import Order, OrderGiven, OrderKind, OrderSettled
from graphs import dispatch_durable
from graphs.reception import Reception
from memory.folder_lock import LOCK, FolderLock, in_use
from memory.presence import attended


class Play:
    """One operator that waits in its first step until it may go on."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, request: Any, site: Any) -> Any:
        match site.step.split("/"):
            case ["plan"]:
                return plans({"operator": "analyst", "goal": "Do it."})
            case ["t1", "1"]:
                await self.go.wait()
                return calls(("finish", {"status": "completed", "summary": "done", "result": "42"}))
        return says("All done.")


@asynccontextmanager
async def both(folder: Path, play: Play, **more: Any) -> AsyncIterator[tuple[House, Reception]]:
    """A house at work, and the reception of another process on the same file."""
    async with open_house(folder, play, **more) as house, Reception.beside(house.desk.settings) as beside:
        yield house, beside


def wanted(goal: str = "Do it.", conversation_id: str = "") -> Mission:
    return Mission(id=new_id(), conversation_id=conversation_id or new_id(), user_id="ada", goal=goal, created_at=now())


def order(mission: Mission, kind: OrderKind, **more: Any) -> Order:
    return Order(id=more.pop("id", new_id()), mission_id=mission.id, kind=kind, by="ada", **more)


async def test_what_another_process_stored_is_noticed_and_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_durable, "POLL_SECONDS", 3600.0)  # by the signal, not by chance
    play = Play()
    async with both(tmp_path, play) as (house, beside):
        mission = wanted()
        await beside.submit(mission)
        await house.started(mission, "t1")
        await beside.give(order(mission, OrderKind.INSTRUCT, text="In French.", id="o1"))
        await eventually(lambda: house.events(mission, OrderGiven))
        play.go.set()
        events = [event async for event in beside.follow(mission.id)]
        assert events == await house.events(mission)
        assert await house.status(mission) is Status.COMPLETED


async def test_stopping_needs_no_place(tmp_path: Path) -> None:
    play = Play()
    async with both(tmp_path, play, at_once=1) as (house, beside):
        first, second = wanted(), wanted()
        await beside.submit(first)
        await house.started(first, "t1")
        await beside.submit(second)  # waits for its turn
        await beside.cancel(second.id, "ada")
        await house.until(second, Status.CANCELLED)
        assert await house.status(first) is Status.IN_PROGRESS
        await beside.cancel(first.id, "ada")
        await house.until(first, Status.CANCELLED)
        await beside.cancel(first.id, "ada")  # ended: stays as it is


async def test_an_order_sent_again_is_one_and_its_id_is_for_nothing_else(tmp_path: Path) -> None:
    play = Play()
    async with both(tmp_path, play) as (house, beside):
        mission = wanted()
        await beside.submit(mission)
        await house.started(mission, "t1")
        given = order(mission, OrderKind.INSTRUCT, text="In French.", id="o1")
        await beside.give(given)
        await beside.give(given.model_copy(update={"at": now()}))
        for other in ({"text": "In German."}, {"kind": OrderKind.PAUSE}, {"task_id": "t1"}):
            with pytest.raises(Conflict, match="another order"):
                await beside.give(given.model_copy(update=other))
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        await beside.give(given)  # known: it is not held against a mission that has ended
        assert len(await house.events(mission, OrderGiven)) == len(await house.events(mission, OrderSettled)) == 1
        with pytest.raises(NotFound):
            await beside.give(order(mission, OrderKind.PAUSE).model_copy(update={"by": "bob"}))


async def test_an_answer_sent_again_is_known_whatever_was_filled_in(tmp_path: Path) -> None:
    async def script(request: Any, site: Any) -> Any:
        match site.step.split("/"):
            case ["plan"]:
                return plans({"operator": "analyst", "goal": "Do it."})
            case ["t1", "1"]:
                return calls(("ask_user", {"question": "How many?", "form": "number"}))
            case ["t1", _]:
                return calls(("finish", {"status": "completed", "summary": "done", "result": "42"}))
        return says("All done.")

    async with open_house(tmp_path, script) as house, Reception.beside(house.desk.settings) as beside:
        mission = wanted()
        await beside.submit(mission)
        await house.until(mission, Status.WAITING_ANSWER)
        answer = order(mission, OrderKind.ANSWER, text=" 3,5 ", id="a1")
        await beside.give(answer)
        await beside.give(answer)
        await house.until(mission, Status.COMPLETED)
        with pytest.raises(Conflict, match="another order"):
            await beside.give(answer.model_copy(update={"step": "t1/7"}))


async def test_missions_are_found_by_status_and_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    play = Play()
    async with both(tmp_path, play) as (house, beside):
        mission = wanted()
        odd = wanted().model_copy(update={"id": "a%b_c"})
        for one in (mission, odd):
            await beside.submit(one)
            await house.started(one, "t1")
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        await house.until(odd, Status.COMPLETED)

        async def ids(**asked: Any) -> list[str]:
            return [row.mission.id for row in await beside.missions.recent(None, 10, **asked)]

        assert await ids(status=(Status.COMPLETED, Status.FAILED)) == [odd.id, mission.id]
        assert await ids(status=(Status.PAUSED,)) == []
        assert await ids(beginning=mission.id[:30]) == [mission.id]
        assert await ids(beginning="a%") == [odd.id]
        assert await ids(beginning="%") == []
        assert await ids(beginning="_") == []


async def test_a_reception_refuses_what_an_office_refuses(tmp_path: Path) -> None:
    async with Reception.beside(Settings(data_dir=tmp_path / "data")) as beside:
        user = await beside.people.ensure_local_owner()
        mission = wanted().model_copy(update={"user_id": user.id})
        for wrong in ({"goal": "  "}, {"conversation_id": "../x"}):
            with pytest.raises(BadInput):
                await beside.submit(mission.model_copy(update=wrong))
        await beside.submit(mission)
        assert not await beside.step_mode(mission.conversation_id, user.id)
        await beside.conversations.change(mission.conversation_id, user.id, step_mode=True, version=1)
        assert await beside.step_mode(mission.conversation_id, user.id)
        assert not await beside.step_mode("a-new-one", user.id)
        empty = tmp_path / "empty.txt"
        empty.touch()
        with pytest.raises(BadInput, match="empty"):
            await beside.receive(user.id, mission.conversation_id, "empty.txt", "text/plain", empty)
    async with Reception.beside(Settings(data_dir=tmp_path / "data", step_mode=True)) as beside:
        assert await beside.step_mode("a-new-one", user.id)


async def test_whether_somebody_works_is_seen_without_being_in_the_way(tmp_path: Path) -> None:
    settings, folder = Settings(data_dir=tmp_path), tmp_path / "index"
    assert not await attended(settings)
    lock = FolderLock(folder)
    assert await attended(settings)
    with pytest.raises(BadInput, match="Another Staffwork process"):
        FolderLock(folder)
    lock.release()
    assert not await attended(settings)
    looking = os.open(folder / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not in_use(folder), "others look as well"
    Timer(0.03, os.close, (looking,)).start()
    FolderLock(folder).release()  # a server that starts just then is not refused
