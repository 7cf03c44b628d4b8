"""Steering over the chat's real socket and buttons, with the real office behind it and a model that is played on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, Tab
from served_fixtures import serve
from wire_replies import WireReply

pytestmark = pytest.mark.asyncio(loop_scope="module")

go = threading.Event()  # bob is asked, ada is not: what one of them said before comes back in their briefs
PLAN = {"note": "One part.", "tasks": [{"operator": "analyst", "goal": "Work it out"}]}


def play(body: dict[str, Any]) -> WireReply:
    """Plan one task; the analyst asks if the goal says so, lists the files, then thinks until the test lets it finish."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    said = json.dumps(body["messages"])
    if "make_plan" in tools:
        goal = next((form for form in ("choice", "number", "file") if f"by {form}" in said), "")
        tasks = [{"operator": "analyst", "goal": f"Work it out by {goal}" if goal else "Work it out"}]
        return WireReply(calls=[("c1", "make_plan", {**PLAN, "tasks": tasks})])
    if "finish" not in tools:
        return WireReply(text="The answer is 42.")
    if "by choice" in said and "The user answered" not in said:
        about = {"question": "Which region?", "form": "choice", "choices": ["North", "South"]}
        return WireReply(calls=[("c2", "ask_user", about)])
    if '"c3"' not in said:
        return WireReply(calls=[("c3", "calculate", {"expression": "6*7"})])
    assert go.wait(20)
    return WireReply(calls=[("c4", "finish", {"status": "completed", "summary": "It is 42.", "result": "42"})])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house"), play) as opened:
        yield opened


@pytest.fixture(autouse=True)
def held_back() -> AsyncIterator[None]:
    go.clear()
    yield
    go.set()


def view(tab: Tab, message: str) -> dict[str, Any]:
    return next((v for v in tab.missions.values() if v["message"] == message), {"state": "gone", "cards": []})


async def state(tab: Tab, message: str, *wanted: str) -> dict[str, Any]:
    await tab.until(lambda t: view(t, message)["state"] in wanted, 30)
    return view(tab, message)


async def thinking(tab: Tab, message: str) -> str:
    """Return the mission of a message once its operator thinks for the second time."""
    await tab.until(lambda t: any(name.startswith("Data analyst: Work it out · thinking") for name in t.names), 30)
    return str(view(tab, message)["mission"])


async def queued(house: House, tab: Tab, mission: str, what: str) -> dict[str, Any]:
    answer = await tab.client.post(f"/queued/{mission}/{what}")
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_a_queued_message_is_used_in_the_work_at_hand(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        first = await tab.say("Compare")
        mission = await thinking(tab, first)
        second = await tab.say("Leave the south out")
        waiting = (await state(tab, second, "queued"))["mission"]
        await asyncio.gather(*(queued(house, tab, waiting, "use") for _ in range(2)))  # a double click
        await tab.until(lambda t: second not in t.lines and view(t, second)["state"] == "gone")
        said = [line["output"] for line in tab.lines.values() if line["type"] == "user_message"]
        assert said == ["Compare", "Leave the south out"]
        assert any(name == "Instruction · queued: read at the next step" for name in tab.names)
        assert list(tab.missions) == [mission]
        go.set()
        await tab.until(lambda t: any(n.startswith("Instruction · ") and "queued" not in n for n in t.names), 30)
        await tab.finished()
        async with house.tab(ada, tab.conversation_id) as later:
            await later.until(lambda t: t.lines)
            assert later.view == tab.view


async def test_a_queued_message_goes_to_a_conversation_of_its_own(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        first = await tab.say("Compare")
        await thinking(tab, first)
        file = await tab.attach("a.txt", b"a")
        second = await tab.say("Something else", (file,))
        waiting = await state(tab, second, "queued")
        assert waiting["files"] == 1
        refused = await ada.post(f"/queued/{waiting['mission']}/use")
        assert (refused.status_code, "Files cannot be handed" in refused.json()["detail"]) == (400, True)
        there = (await queued(house, tab, waiting["mission"], "move"))["conversation"]
        assert there == (await queued(house, tab, waiting["mission"], "move"))["conversation"]
        await tab.until(lambda t: "Continued in a conversation of its own" in t.names)
        go.set()
        async with house.tab(ada, there) as other:
            await other.finished()
            assert [e["name"] for e in other.elements.values() if e["type"] == "file"] == ["a.txt"]
            assert other.answer["output"].startswith("The answer is 42.")
        await tab.finished()


async def test_a_queued_message_is_taken_back_in_every_tab(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        first = await tab.say("Compare")
        await thinking(tab, first)
        second = await tab.say("Forget it")
        waiting = (await state(tab, second, "queued"))["mission"]
        async with house.tab(ada, tab.conversation_id) as other:
            await other.until(lambda t: second in t.lines)
            await queued(house, tab, waiting, "remove")
            for each in (tab, other):
                await each.until(lambda t: second not in t.lines and list(t.states) == [first])
        late = await ada.post(f"/queued/{view(tab, first)['mission']}/remove")
        assert (late.status_code, "work on it has begun" in late.json()["detail"]) == (409, True)
        go.set()
        await tab.finished()
        assert "Forget it" not in [line["output"] for line in tab.lines.values()]


async def test_pause_and_resume_hold_over_a_reload(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        message = await tab.say("Compare")
        mission = await thinking(tab, message)
        await asyncio.gather(*(tab.steer(mission, "pause", turn=0) for _ in range(2)))  # a double click
        await state(tab, message, "pausing")
        go.set()
        paused = await state(tab, message, "paused")
        assert paused["turns"]["pause"] == 1
        async with house.tab(ada, tab.conversation_id) as later:
            assert (await state(later, message, "paused"))["words"] == "Paused"
            await later.steer(mission, "resume", turn=1)
            await tab.finished()
            await later.finished()
            assert tab.answer["output"].startswith("The answer is 42.")
            assert later.view == tab.view


async def test_step_by_step_holds_a_call_until_it_is_let_go_on(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await tab.say("Compare")
        await tab.until(lambda t: t.missions)
        go.set()
        await tab.finished()
        there = f"/api/conversations/{tab.conversation_id}"
        about = (await ada.get(there)).json()
        assert (await ada.patch(there, json={"step_mode": True, "version": about["version"]})).status_code == 200
        message = await tab.say("Again, step by step")
        first = await state(tab, message, "waiting")
        assert first["stepMode"]
        assert first["cards"][0]["what"] == "think"
        held = ("release", {"step": first["cards"][0]["step"], "choice": "continue"})
        await tab.steer(first["mission"], held[0], **held[1])
        await tab.steer(first["mission"], held[0], **held[1])
        await tab.until(lambda t: [c["what"] for c in view(t, message)["cards"]] == ["act"], 30)
        [card] = view(tab, message)["cards"]
        assert (card["tool"], card["given"]) == ("calculate", "expression: 6*7")
        changed = {"step": card["step"], "choice": "edit", "arguments": {"expression": "7*7"}}
        await tab.steer(first["mission"], "release", **changed)
        late = await ada.post(
            f"/steer/{first['mission']}", json={"kind": "release", "step": card["step"], "choice": "skip"}
        )
        assert late.status_code == 409
        await tab.until(lambda t: t.answer["output"].startswith("The answer is 42.") and not t.missions, 30)
        assert any("you changed it" in name for name in tab.names)
        assert any('"7*7"' in line["input"] for line in tab.lines.values())


async def test_a_question_is_answered_by_a_button_and_closed_in_every_tab(house: House) -> None:
    go.set()
    async with house.visitor("bob") as bob, house.tab(bob) as tab:
        message = await tab.say("Work by choice")
        asked = await state(tab, message, "waiting")
        [card] = asked["cards"]
        assert (card["who"], card["words"], card["choices"]) == ("Data analyst", "Which region?", ["North", "South"])
        async with house.tab(bob, tab.conversation_id) as other:
            await state(other, message, "waiting")
            await tab.steer(asked["mission"], "answer", step=card["step"], text="South")
            await other.until(lambda t: not view(t, message)["cards"])
            late = await bob.post(
                f"/steer/{asked['mission']}", json={"kind": "answer", "step": card["step"], "text": "North"}
            )
            assert late.status_code == 409
            await other.finished()
            texts = [line["output"] for line in other.lines.values() if "message" in line["type"]]
            assert texts[:3] == ["Work by choice", "**Data analyst asked:** Which region?", "South"]


async def test_what_is_typed_answers_the_question(house: House) -> None:
    go.set()
    async with house.visitor("bob") as bob, house.tab(bob) as tab:
        message = await tab.say("Work by choice")
        await state(tab, message, "waiting")
        await tab.say("East")
        await tab.until(lambda t: "Data analyst waits for an answer." in t.answer["output"])
        mine = await tab.say("north")
        await tab.until(lambda t: t.answer["output"].startswith("The answer is 42.") and not t.missions, 30)
        assert mine not in tab.lines
        assert "North" in [line["output"] for line in tab.lines.values()]
        assert len(await house.office.missions.of_conversation(tab.conversation_id)) == 1


async def test_nobody_steers_what_is_not_theirs(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab, house.visitor("bob") as bob:
        message = await tab.say("Compare")
        mission = await thinking(tab, message)
        assert (await bob.post(f"/steer/{mission}", json={"kind": "stop"})).status_code == 404
        assert (await bob.post(f"/queued/{mission}/remove")).status_code == 404
        assert (await ada.post(f"/steer/{mission}", json={"kind": "instruct", "text": "x"})).status_code == 400
        await tab.steer(mission, "stop")
        await tab.until(lambda t: "**Stopped.**" in t.answer["output"])
        late = await ada.post(f"/steer/{mission}", json={"kind": "pause"})
        assert (late.status_code, "has ended" in late.json()["detail"]) == (409, True)
