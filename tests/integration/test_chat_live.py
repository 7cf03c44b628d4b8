"""The chat over its real socket: what one tab, a second tab, a reload and a stop show."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House, Tab, open_house
from fake_office import HOLD, asking, delegated, direct, said, thinking

from chat import audience
from core.missions import Source, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh(house: House) -> None:
    office = house.office
    office.go.clear()
    office.pace = 0.0
    office.course = direct("Hello. This is the answer.")


async def test_a_message_is_answered_and_named_after_it(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        message_id = await tab.say("Say hello")
        await tab.finished()
        assert tab.answer["output"].startswith("Hello. This is the answer.")
        assert "2 model calls · 1,020 tokens · unpriced" in tab.answer["output"]
        assert tab.lines[message_id]["output"] == "Say hello"
        listed = (await ada.post("/project/threads", json={"pagination": {"first": 20}, "filter": {}})).json()
        assert [t["name"] for t in listed["data"] if t["id"] == tab.conversation_id] == ["Say hello"]


def interactions(tab: Tab) -> list[str]:
    return [data["interaction"] for name, data in tab.events if name == "first_interaction"]


async def test_a_title_that_comes_of_the_answer_is_in_the_list_at_once(house: House) -> None:
    house.office.course = direct("# Prices of May\n\nThey rose.")
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Why?")
        await tab.until(lambda t: len(interactions(t)) == 2)  # the page asks for the list at each that is new
        assert interactions(tab)[1].startswith("titles ")
        listed = (await ada.post("/project/threads", json={"pagination": {"first": 20}, "filter": {}})).json()
        assert [t["name"] for t in listed["data"] if t["id"] == tab.conversation_id] == ["Prices of May"]
        house.office.course = direct("# Prices of June\n\nThey fell.")
        await tab.say("And in June?")
        await tab.until(lambda t: "They fell." in t.answer["output"])
        await tab.finished()
        assert len(interactions(tab)) == 2, "its title stays"


async def test_what_was_live_is_what_history_shows(house: House) -> None:
    house.office.course = delegated("It rose.", sources=[Source(file="memo.pdf", quote="up", page=2)])
    house.office.go.set()
    house.office.pace = 0.02
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Compare")
        await tab.finished()
        thread = (await ada.get(f"/project/thread/{tab.conversation_id}")).json()
        async with house.tab(ada, tab.conversation_id) as later:
            await later.until(lambda t: t.lines)
            assert later.view == tab.view
        assert [s["id"] for s in thread["steps"]] == list(tab.lines)
        assert {e["id"] for e in thread["elements"]} == set(tab.elements)


async def test_a_reload_in_the_middle_goes_on(house: House) -> None:
    house.office.course = delegated("It rose.")
    async with house.visitor("ada") as ada:
        async with house.tab(ada) as first:
            await first.say("Compare")
            await first.until(lambda t: any("Profiles sales.csv" in name for name in t.names))
            seen = list(first.lines)
        async with house.tab(ada, first.conversation_id) as again:
            await again.until(lambda t: set(seen) <= set(t.lines) and t.busy)
            assert again.answer["output"] == ""
            house.office.go.set()
            await again.finished()
            assert again.answer["output"].startswith("It rose.")


async def test_a_second_tab_sees_everything_live(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as one:
        await one.say("First")
        await one.finished()
        house.office.course = delegated("It rose.")
        async with house.tab(ada, one.conversation_id) as two:
            await two.until(lambda t: t.lines)
            await one.say("Second")
            await two.until(lambda t: t.busy and any(line["output"] == "Second" for line in t.lines.values()))
            house.office.go.set()
            await one.finished()
            await two.until(lambda t: not t.busy and t.answer["output"].startswith("It rose."))
            assert two.view == one.view


async def test_text_comes_in_few_pieces_and_none_is_lost(house: House) -> None:
    text = "word:by word, " * 200
    house.office.course = [thinking(), *said(text, "plan", 4), *direct(text)[-2:]]
    house.office.pace = 0.001
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Talk")
        await tab.finished()
        pieces = [d for n, d in tab.events if n == "stream_token"]
        assert tab.answer["output"].replace("\\:", ":").startswith(text.strip())
        assert 0 < len(pieces) < 40  # of 700 events


async def test_stop_from_another_tab(house: House) -> None:
    house.office.course = delegated("It rose.")
    async with house.visitor("ada") as ada, house.tab(ada) as one:
        await one.say("Compare")
        await one.until(lambda t: len(t.lines) > 6)
        async with house.tab(ada, one.conversation_id) as two:
            await two.until(lambda t: t.busy)
            [mission] = two.missions
            await two.steer(mission, "stop")
            await one.finished()
            assert "**Stopped.**" in one.answer["output"]
            assert not [line["name"] for line in one.lines.values() if not line["end"]]


async def test_a_second_message_waits_its_turn(house: House) -> None:
    house.office.course = [thinking(), HOLD, *direct("Done.")[1:]]
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        first, second = await tab.say("First"), ""
        await tab.until(lambda t: any("Thinks" in name for name in t.names))
        second = await tab.say("Second")
        await tab.until(lambda t: t.states == {first: "running", second: "queued"})
        async with house.tab(ada, tab.conversation_id) as later:
            await later.until(lambda t: t.states == tab.states)
        house.office.go.set()
        await tab.finished()
        answers = [line for line in tab.lines.values() if line["type"] == "assistant_message"]
        assert len(answers) == 2


async def test_a_question_is_answered_by_the_next_message(house: House) -> None:
    house.office.course = asking("Which year?")
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Compare")
        await tab.until(lambda t: t.answer["output"] == "Which year?" and not t.busy)
        mine = await tab.say("2026")
        await tab.until(lambda t: t.answer["output"].startswith("You said 2026.") and not t.busy)
        assert mine not in tab.lines  # the mission's own line took its place
        said_by_me = [line["output"] for line in tab.lines.values() if line["type"] == "user_message"]
        assert said_by_me == ["Compare", "2026"]


async def test_an_answer_by_another_door_is_shown_without_looking_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "_SOON", (1e6,))  # who is not woken sleeps for ever
    monkeypatch.setattr(audience, "AT_REST_SECONDS", 1e6)
    house.office.course = asking("Which year?")
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Compare")
        await tab.until(lambda t: t.answer["output"] == "Which year?" and not t.busy)
        [row] = await house.office.missions.of_conversation(tab.conversation_id)
        await house.office.answer(row.mission.id, row.mission.user_id, "2026")
        await tab.until(lambda t: t.answer["output"].startswith("You said 2026."))


async def test_a_file_instead_of_an_answer_goes_on_in_a_mission_of_its_own(house: House) -> None:
    house.office.course = asking("Which file?")
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        first = await tab.say("Compare")
        await tab.until(lambda t: t.states == {first: "waiting"})
        house.office.course = direct("It rose.")
        await tab.say("This one", (await tab.attach("a.csv", b"a"),))
        await tab.until(lambda t: t.answer["output"].startswith("It rose.") and not t.missions)
        assert [row.status.value for row in await house.office.missions.of_conversation(tab.conversation_id)] == [
            "cancelled",
            "completed",
        ]
        assert not any("Stopped" in line["output"] for line in tab.lines.values())


async def test_the_same_message_twice_is_one_mission(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        message_id = await tab.say("Once")
        await tab.finished()
        message = {"id": message_id, "output": "Once", "type": "user_message", "createdAt": ""}
        await tab.socket.emit("client_message", {"message": message, "fileReferences": []})
        await tab.finished()
        assert len(await house.office.missions.of_conversation(tab.conversation_id)) == 1


async def test_files_reach_our_store_and_come_back(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        file_id = await tab.attach("../../sales.csv", b"region,total\n")
        await tab.say("Look", (file_id,))
        await tab.finished()
        [element] = tab.elements.values()
        assert element["name"] == "../../sales.csv"
        answer = await ada.get(element["url"])
        assert answer.content == b"region,total\n"
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''..%2F..%2Fsales.csv")
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_file_alone_is_a_goal(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("", (await tab.attach("a.txt", b"a"),))
        await tab.finished()
        [row] = await house.office.missions.of_conversation(tab.conversation_id)
        assert "attached" in row.mission.goal


async def test_an_empty_file_is_refused_in_words(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        url = f"/project/file?session_id={tab.session_id}"
        answer = await ada.post(url, files={"file": ("nothing.txt", b"", "text/plain")})
        assert (answer.status_code, answer.json()["detail"]) == (
            400,
            "nothing.txt is empty. Choose a file with content.",
        )


async def test_what_cannot_be_used_is_said_and_not_stored(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("   ")
        await tab.until(lambda t: "empty" in t.answer["output"])
        assert tab.answer["isError"]
        assert not tab.busy


async def test_a_failure_shows_words_and_an_id(house: House) -> None:
    house.office.course = direct("", status=Status.FAILED, problem="The key was refused.", error_id="e123")
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Try")
        await tab.finished()
        assert "The key was refused." in tab.answer["output"]
        assert "`e123`" in tab.answer["output"]


async def test_nothing_is_kept_for_sessions_that_are_gone(house: House) -> None:
    from chainlit.chat_context import chat_contexts

    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Hello")
        await tab.finished()
        async with house.tab(ada, tab.conversation_id) as again:
            await again.until(lambda t: t.lines)
    assert chat_contexts == {}
