"""Schedules said in the chat: a card with time, zone and next times; nothing is kept before the person presses its button."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from served_fixtures import given, play, serve, until_at_rest

from chat.commands import Said, carried_out
from chat.desk import desk
from chat.incoming import GivenFile, Incoming
from chat.scheduling import keep_zone, zone_of
from core.errors import BadInput
from core.missions import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")
WISH = "Every Monday at 9, summarise the news"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    async with serve(tmp_path_factory.mktemp("house"), play) as served:
        yield served


async def message(house: Any, text: str, talk: str = "nothing-yet", who: str = "ada", zone: str = "") -> Incoming:
    return Incoming(new_id(), talk, (await house.office.people.by_name(who)).id, text, zone=zone)


async def typed(house: Any, text: str, **more: str) -> Any:
    return await carried_out(desk(), await message(house, text, **more))


async def kept(house: Any, who: str = "ada") -> list[Any]:
    return list(await house.office.schedules.list((await house.office.people.by_name(who)).id))


async def test_nothing_is_kept_until_the_button_is_pressed_and_then_once(house: Any) -> None:
    card = await typed(house, WISH, zone="Europe/Berlin")
    assert isinstance(card, Said)
    assert card.text == "Every Monday at 09:00, Europe/Berlin. Nothing is kept until you press the button."
    assert card.items[0].text == "What: Summarise the news"
    assert len(re.findall(r"Mon \d+ \w+ \d{4}, 09:00", card.items[1].text)) == 3
    assert await kept(house) == []
    [make] = [i.say for i in card.items if i.button == "Make this schedule"]
    for _ in range(2):  # pressed twice
        done = await typed(house, make)
        assert done.title == "Scheduled"
        assert done.text.startswith("Summarise the news: Every Monday at 09:00, Europe/Berlin. Next: Mon ")
    [schedule] = await kept(house)
    assert (schedule.goal, schedule.cron, schedule.timezone) == ("Summarise the news", "0 9 * * 1", "Europe/Berlin")
    assert schedule.next_at is not None
    assert await kept(house, "bob") == []
    await house.office.schedules.remove(schedule.id, schedule.user_id)


async def test_once_is_once(house: Any) -> None:
    card = await typed(house, WISH)
    [once] = [i.say for i in card.items if i.button == "Do it once, now"]
    taken = await typed(house, once)
    assert isinstance(taken, Incoming)
    assert taken.text == WISH
    assert await kept(house) == []
    with pytest.raises(BadInput, match="Write what to do"):
        await typed(house, "/once")


async def test_the_zone_is_the_one_named_then_the_pages_then_that_of_the_newest_schedule(house: Any) -> None:
    async def zone(text: str = WISH, page: str = "") -> str:
        card = await typed(house, text, who="bob", zone=page)
        return str(card.text.split(", ")[1].split(".")[0])

    assert await zone() == "UTC"
    assert await zone(page="Asia/Tokyo") == "Asia/Tokyo"
    assert await zone("Every Monday at 9 in Europe/Paris, summarise the news", "Asia/Tokyo") == "Europe/Paris"
    bob = (await house.office.people.by_name("bob")).id
    added = await house.office.schedules.add(bob, {"goal": "x", "cron": "0 0 1 1 *", "timezone": "America/Lima"})
    assert await zone() == "America/Lima"
    await house.office.schedules.remove(added.id, bob)
    session = SimpleNamespace()
    keep_zone(session, "Mars/Base")
    assert zone_of(session) == ""
    keep_zone(session, "europe/berlin")
    assert zone_of(session) == "Europe/Berlin"


async def test_a_command_says_how_it_is_written(house: Any) -> None:
    card = await typed(house, "/schedule on the 1st of every month at 8, write the report")
    assert card.text.startswith("On the 1st of every month at 08:00")
    for wrong in ("/schedule", "/schedule tomorrow", "/schedule every Monday at 9"):
        with pytest.raises(BadInput, match="When, and what"):
            await typed(house, wrong)
    for wrong in ("/schedule yes 99 9 * * 1 UTC Do it", "/schedule yes 0 9 * * 1 Nowhere/Land Do it"):
        with pytest.raises(BadInput):
            await typed(house, wrong)
    assert await kept(house) == []


async def test_what_may_be_an_answer_has_files_or_is_temporary_is_a_message(house: Any, tmp_path: Path) -> None:
    async with house.visitor("ada") as ada:
        mission = await given(ada, "ask: text .")
        shown = await until_at_rest(ada, mission, "waiting_answer")
        assert isinstance(await typed(house, WISH, talk=shown["conversation_id"]), Incoming)
        await ada.post(f"/api/missions/{mission}/orders", json={"kind": "stop"})
        await until_at_rest(ada, mission, "cancelled")
        assert isinstance(await typed(house, WISH, talk=shown["conversation_id"]), Said)
        temporary = (await ada.post("/api/conversations/temporary")).json()["id"]
    assert isinstance(await typed(house, WISH, talk=temporary), Incoming)
    with_file = replace(await message(house, WISH), files=(GivenFile("a.txt", "text/plain", tmp_path / "a.txt"),))
    assert await carried_out(desk(), with_file) is with_file
