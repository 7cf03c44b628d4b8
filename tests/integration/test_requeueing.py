"""A message that waits its turn: used in the work at hand, begun elsewhere, or taken back; once each, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from core.errors import BadInput, Conflict, NotFound
from core.missions import Attachment, Mission, new_id, now
from core.settings import Settings
from core.steering import Order, OrderKind
from graphs.office import Office
from graphs.requeueing import MOVED, TAKEN_BACK, USED, begin_elsewhere, take_back, use_now
from graphs.standing import Standing


@dataclass
class Row:
    """An office in which nobody begins anything by itself: one mission at work, and one behind it."""

    office: Office
    user: str
    talk: str
    at_work: Mission
    waiting: Mission

    async def orders(self, mission: Mission) -> list[Order]:
        given = Standing(await self.office.journal.read(mission.id)).orders
        return [*given.values(), *await self.office.orders.open(mission.id)]


async def submit(office: Office, user: str, talk: str, goal: str, files: tuple[Attachment, ...] = ()) -> Mission:
    mission = Mission(
        id=new_id(), conversation_id=talk, user_id=user, goal=goal, attachments=files, created_at=now(), step_mode=True
    )
    await office.submit(mission)
    return mission


@pytest_asyncio.fixture
async def row(tmp_path: Path) -> AsyncIterator[Row]:
    async with Office.open(Settings(data_dir=tmp_path), at_work=False) as office:
        user, talk = (await office.people.ensure_local_owner()).id, new_id()
        first = await submit(office, user, talk, "Compare the regions")
        await office.missions.start_attempt(first.id)
        yield Row(office, user, talk, first, await submit(office, user, talk, "Leave the south out"))


async def test_a_waiting_message_becomes_an_instruction(row: Row) -> None:
    await use_now(row.office, row.user, row.waiting.id)
    [order] = await row.orders(row.at_work)
    assert (order.kind, order.text) == (OrderKind.INSTRUCT, "Leave the south out")
    [stop] = await row.orders(row.waiting)
    assert (stop.kind, stop.choice) == (OrderKind.STOP, USED)


async def test_two_clicks_at_once_do_it_once(row: Row) -> None:
    await asyncio.gather(*(use_now(row.office, row.user, row.waiting.id) for _ in range(3)))
    await use_now(row.office, row.user, row.waiting.id)
    assert len(await row.orders(row.at_work)) == 1
    assert len(await row.orders(row.waiting)) == 1


async def test_a_crash_before_the_stop_is_made_good_by_asking_again(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    real = row.office.give

    async def gone(order: Order) -> None:
        if order.kind is OrderKind.STOP:
            raise ConnectionError("the process is gone")
        await real(order)

    for work in (use_now, begin_elsewhere):
        monkeypatch.setattr(row.office, "give", gone)
        with pytest.raises(ConnectionError):
            await work(row.office, row.user, row.waiting.id)
        assert await row.orders(row.waiting) == []  # nothing is lost: it still waits
    monkeypatch.setattr(row.office, "give", real)
    await use_now(row.office, row.user, row.waiting.id)
    assert len(await row.orders(row.at_work)) == 1
    assert [order.choice for order in await row.orders(row.waiting)] == [USED]


async def test_files_are_not_handed_to_work_that_has_begun(row: Row, tmp_path: Path) -> None:
    given = await attached(row, tmp_path)
    waiting = await submit(row.office, row.user, row.talk, "Look at it", (given,))
    with pytest.raises(BadInput, match="Files cannot be handed"):
        await use_now(row.office, row.user, waiting.id)
    assert await row.orders(waiting) == await row.orders(row.at_work) == []


async def attached(row: Row, folder: Path) -> Attachment:
    (folder / "sales.csv").write_text("region,total\n")
    return await row.office.receive(row.user, row.talk, "sales.csv", "text/csv", folder / "sales.csv")


async def test_a_waiting_message_begins_a_conversation_with_its_files(row: Row, tmp_path: Path) -> None:
    waiting = await submit(row.office, row.user, row.talk, "Look at it", (await attached(row, tmp_path),))
    first = await begin_elsewhere(row.office, row.user, waiting.id)
    again = await begin_elsewhere(row.office, row.user, waiting.id)
    assert again == first
    [there] = await row.office.missions.of_conversation(first.conversation_id)
    assert (there.mission.goal, there.mission.step_mode) == ("Look at it", True)
    [file] = there.mission.attachments
    assert row.office.blobs.path(file.hash).read_text() == "region,total\n"
    [stop] = await row.orders(waiting)
    assert (stop.choice, stop.text) == (MOVED, first.conversation_id)


async def test_a_waiting_message_is_taken_back(row: Row) -> None:
    await take_back(row.office, row.user, row.waiting.id)
    await take_back(row.office, row.user, row.waiting.id)
    assert [order.choice for order in await row.orders(row.waiting)] == [TAKEN_BACK]
    assert await row.orders(row.at_work) == []


@pytest.mark.parametrize("work", [use_now, begin_elsewhere, take_back])
async def test_what_has_begun_is_left_alone(row: Row, work: object) -> None:
    with pytest.raises(Conflict, match="does not wait any more"):
        await work(row.office, row.user, row.at_work.id)  # type: ignore[operator]
    with pytest.raises(NotFound):
        await work(row.office, "somebody else", row.waiting.id)  # type: ignore[operator]
    assert await row.orders(row.at_work) == await row.orders(row.waiting) == []


async def test_nothing_is_used_where_nothing_is_at_work(row: Row) -> None:
    alone = await submit(row.office, row.user, new_id(), "Alone here")
    with pytest.raises(Conflict, match="your message is next"):
        await use_now(row.office, row.user, alone.id)
    assert await row.orders(alone) == []
