"""A long conversation: its newest missions at first, what came before on demand, places in it, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, Tab, open_house
from fake_office import HOLD, delegated
from long_talks import fill

from chat.picture import Picture
from chat.rendering import picture_of
from chat.window import AT_FIRST, MORE
from core.missions import derived_id, new_id
from memory.branches import run_id

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = AT_FIRST + 2 * MORE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        opened.office.go.set()
        yield opened


async def long_talk(house: House, ada: Any, size: int = MANY) -> tuple[str, list[str]]:
    """Make a conversation of so many missions; its id, and theirs."""
    house.office.course = delegated("It rose.")
    async with house.tab(ada) as tab:
        message = await tab.say("Compare")
        await tab.finished()
        played = (await house.office.missions.of_conversation(tab.conversation_id))[0].mission.id
    assert message
    talk, user = new_id(), (await house.office.people.by_name("ada")).id
    goals = [f"Goal {n}" for n in range(size)]
    return talk, await fill(house.office.database, user, talk, goals, await house.office.journal.read(played))


def goals(tab: Tab) -> list[str]:
    return [line["output"] for line in tab.lines.values() if line["type"] == "user_message"]


def told(tab: Tab, name: str) -> Any:
    """The last thing the page was told of this kind."""
    found = [data[name] for kind, data in tab.events if kind == "window_message" and name in data]
    return found[-1] if found else None


async def picture(house: House, mission: str) -> Picture:
    return picture_of(mission, mission, await house.office.journal.read(mission))


async def ask(tab: Tab, **what: Any) -> None:
    await tab.socket.emit("window_message", what)


async def test_the_newest_are_shown_and_the_others_on_demand_until_all_are_there(house: House) -> None:
    async with house.visitor("ada") as ada:
        talk, missions = await long_talk(house, ada)
        async with house.tab(ada, talk) as tab:
            await tab.until(lambda t: told(t, "shown"))
            assert goals(tab) == [f"Goal {n}" for n in range(MANY - AT_FIRST, MANY)]
            assert told(tab, "shown") == {"conversation": talk, "oldest": missions[-AT_FIRST], "left": MANY - AT_FIRST}
            for left in (MORE, 0):
                await ask(tab, earlier=told(tab, "shown")["oldest"])
                await tab.until(lambda t, left=left: told(t, "shown")["left"] == left)  # type: ignore[misc]
                assert goals(tab) == [f"Goal {n}" for n in range(left, MANY)]
            whole = (await ada.get(f"/project/thread/{talk}")).json()["steps"]
            shown = {
                line["id"]: line
                for line in tab.lines.values()
                if line["name"] != "on_message" or line["id"] in {s["id"] for s in whole}
            }
            assert {s["id"]: s["output"] for s in whole} == {i: line["output"] for i, line in shown.items()}


async def test_a_page_that_is_connected_anew_shows_as_much_as_before(house: House) -> None:
    async with house.visitor("ada") as ada:
        talk, _ = await long_talk(house, ada)
        async with house.tab(ada, talk) as tab:
            await tab.until(lambda t: told(t, "shown"))
            await ask(tab, earlier=told(tab, "shown")["oldest"])
            await tab.until(lambda t: told(t, "shown")["left"] == MORE)
            tab.events.clear()
            await tab.socket.emit("connection_successful")
            await tab.until(lambda t: told(t, "shown"))
            assert goals(tab) == [f"Goal {n}" for n in range(MORE, MANY)]


async def test_one_that_is_hardly_longer_is_shown_whole_and_what_is_at_work_always(house: House) -> None:
    async with house.visitor("ada") as ada:
        talk, _ = await long_talk(house, ada, 2 * AT_FIRST - 1)
        async with house.tab(ada, talk) as tab:
            await tab.until(lambda t: told(t, "shown"))
            assert (len(goals(tab)), told(tab, "shown")["left"]) == (2 * AT_FIRST - 1, 0)
        house.office.course = [*delegated("It fell.")[:2], HOLD, *delegated("It fell.")[2:]]
        house.office.go.clear()
        async with house.tab(ada) as tab:
            await tab.say("At work")
            await tab.until(lambda t: t.busy)
            old = tab.conversation_id
            mission = (await house.office.missions.of_conversation(old))[0].mission.id
            user = (await house.office.people.by_name("ada")).id
            done = (await house.office.missions.of_conversation(talk))[0].mission.id
            await fill(
                house.office.database,
                user,
                old,
                [f"Later {n}" for n in range(MANY)],
                await house.office.journal.read(done),
            )
            async with house.tab(ada, old) as again:
                await again.until(lambda t: told(t, "shown"))
                assert goals(again)[0] == "At work"
                assert told(again, "shown") == {"conversation": old, "oldest": mission, "left": 0}
            house.office.go.set()
            await tab.finished()


async def test_a_place_is_named_with_all_around_it_and_shown_however_far_back(house: House) -> None:
    async with house.visitor("ada") as ada:
        talk, missions = await long_talk(house, ada)
        drawn = await picture(house, missions[3])
        deep = next(
            line for line in reversed(drawn.lines.values()) if line.kind == "tool" and line.parent != drawn.chief
        )
        async with house.tab(ada, talk) as tab:
            await tab.until(lambda t: told(t, "shown"))
            await ask(tab, place=[deep.id, run_id(missions[3])])
            await tab.until(lambda t: told(t, "place"))
            path = told(tab, "place")["path"]
            assert (path[0], path[1], path[-1]) == (missions[3], drawn.chief, deep.id)
            assert [drawn.lines[i].parent for i in path[2:]] == path[1:-1]
            assert goals(tab)[0] == "Goal 0"  # hardly more than the place: all of it
            await ask(tab, place=[derived_id(missions[9], "answer")])
            await tab.until(lambda t: told(t, "place")["asked"] == [derived_id(missions[9], "answer")])
            assert told(tab, "place")["path"] == [missions[9], derived_id(missions[9], "answer")]
            for nowhere in ([new_id()], [], [7], ["x" * 100]):
                tab.events.clear()
                await ask(tab, place=nowhere)
                await tab.until(lambda t: told(t, "place"))
                assert told(tab, "place")["path"] == []


async def test_nobody_else_is_shown_anything_of_it(house: House) -> None:
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        talk, missions = await long_talk(house, ada, MANY)
        async with house.tab(bob) as tab:
            await tab.until(lambda t: told(t, "choosing"))
            tab.events.clear()
            await ask(tab, earlier=missions[-1])
            await ask(tab, place=[missions[-1]])
            await tab.until(lambda t: sum(name == "new_message" for name, _ in t.events) == 2)
            assert {data["output"] for name, data in tab.events if name == "new_message"} == {
                "There is no such conversation."
            }
        async with house.tab(ada, talk) as tab:
            await tab.until(lambda t: told(t, "shown"))
            await ask(tab, earlier=new_id())
            await tab.until(lambda t: any("has changed" in line["output"] for line in t.lines.values()))
            assert told(tab, "shown")["left"] == MANY - AT_FIRST
