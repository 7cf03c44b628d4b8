"""The doors to conversations and branches: look, change, branch, and open a branch in a tab; each person's own only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House, Tab, open_house
from fake_office import HOLD, delegated, direct

from core.missions import Artifact, new_id
from memory.branches import run_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        opened.office.go.set()
        yield opened


async def say(house: House, tab: Tab, text: str, answer: str, files: tuple[str, ...] = ()) -> None:
    house.office.course = direct(answer)
    before = answers(tab)
    await tab.say(text, files)
    await tab.until(lambda t: answers(t) > before and not t.busy)


def answers(tab: Tab) -> int:
    return sum(line["type"] == "assistant_message" and bool(line["end"]) for line in tab.lines.values())


def said(tab: Tab) -> list[str]:
    """Read what was said, without what it took."""
    lines = [line for line in tab.lines.values() if line["type"].endswith("message")]
    return [line["output"].split("\n\n")[0] for line in lines]


async def test_a_conversation_is_looked_at_and_changed(house: House) -> None:
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.tab(ada) as tab:
        await say(house, tab, "Plan the move", "Done.")
        address = f"/api/conversations/{tab.conversation_id}"
        seen = (await ada.get(address)).json()
        assert (seen["title"], seen["version"], seen["step_mode"], seen["branch_of"]) == (
            "Plan the move",
            1,
            False,
            None,
        )
        changed = await ada.patch(address, json={"title": "The move", "version": 1})
        assert (changed.status_code, changed.json()["title"], changed.json()["version"]) == (200, "The move", 2)
        late = await ada.patch(address, json={"step_mode": True, "version": 1})
        assert late.status_code == 409
        assert late.json()["detail"].startswith("ada changed this conversation on ")
        assert (await ada.patch(address, json={"step_mode": True, "version": 2})).json()["step_mode"] is True
        assert (await ada.get(address)).json()["version"] == 3
        assert (await ada.patch(address, json={"step_mode": True})).status_code == 422  # without the version seen
        assert (await ada.patch(address, json={"user_id": "user-bob", "version": 3})).status_code == 422
        assert (await ada.patch(address, json={"title": " ", "version": 3})).status_code == 400
        assert (await bob.get(address)).status_code == 404
        assert (await bob.patch(address, json={"title": "x", "version": 3})).status_code == 404
        async with house.visitor() as nobody:
            assert (await nobody.get(address)).status_code == 401


async def test_renaming_in_the_list_is_checked_against_what_it_showed(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await say(house, tab, "Rename me", "Done.")
        body = {"pagination": {"first": 20, "cursor": None}, "filter": {}}
        listed = (await ada.post("/project/threads", json=body)).json()["data"]
        shown = next(t["metadata"]["version"] for t in listed if t["id"] == tab.conversation_id)
        thread = {"threadId": tab.conversation_id}
        first = await ada.put("/project/thread", json={**thread, "name": "One"}, headers={"x-version-seen": str(shown)})
        assert first.json() == {"success": True, "version": shown + 1}
        late = await ada.put("/project/thread", json={**thread, "name": "Two"}, headers={"x-version-seen": str(shown)})
        assert late.status_code == 409
        assert "it is called “One” now" in late.json()["detail"]
        assert (await ada.get(f"/api/conversations/{tab.conversation_id}")).json()["title"] == "One"
        assert (await ada.put("/project/thread", json={**thread, "name": "Three"})).json()["version"] == shown + 2


async def test_a_message_is_changed_in_a_branch(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await say(house, tab, "One", "First.", (await tab.attach("early.txt", b"early"),))
        await say(house, tab, "Two", "Second.", (await tab.attach("late.txt", b"late"),))
        await say(house, tab, "Three", "Third.")
        old = tab.conversation_id
        turns = (await ada.get(f"/api/conversations/{old}/branches")).json()["turns"]
        assert [turn["goal"] for turn in turns] == ["One", "Two", "Three"]
        assert all(turn["message_id"] in tab.lines and turn["answer_id"] in tab.lines for turn in turns)
        before = (await ada.get(f"/project/thread/{old}")).json()

        house.office.course = direct("Another second.")
        wanted = {"goal": " Two, but shorter ", "client_id": "once"}
        made = await ada.post(f"/api/missions/{turns[1]['mission_id']}/branch", json=wanted)
        assert made.status_code == 201
        assert (await ada.post(f"/api/missions/{turns[1]['mission_id']}/branch", json=wanted)).json() == made.json()
        branch = made.json()["conversation_id"]
        async with house.tab(ada, branch) as other:
            await other.finished()
            assert said(other) == ["One", "First.", "Two, but shorter", "Another second."]
            assert [e["name"] for e in other.elements.values()] == ["early.txt", "late.txt"]
            for element in other.elements.values():
                assert (await ada.get(element["url"])).status_code == 200
            await say(house, other, "Four", "Fourth.")
            assert said(other)[-2:] == ["Four", "Fourth."]
            async with house.tab(ada, branch) as reloaded:
                await reloaded.until(lambda t: t.answer["output"])
                assert reloaded.view == other.view
        assert (await ada.get(f"/project/thread/{old}")).json() == before

        forks = (await ada.get(f"/api/conversations/{old}/branches")).json()["forks"]
        assert [(f["mission_id"], f["conversation_id"], f["title"], f["origin"]) for f in forks] == [
            (turns[1]["mission_id"], branch, "One (2)", False)
        ]
        back = (await ada.get(f"/api/conversations/{branch}/branches")).json()["forks"]
        assert [(f["mission_id"], f["conversation_id"], f["origin"]) for f in back] == [
            (made.json()["mission_id"], old, True)
        ]
        assert (await ada.request("DELETE", "/project/thread", json={"threadId": old})).status_code == 200
        async with house.tab(ada, branch) as left:
            await left.until(lambda t: t.answer["output"])
            assert said(left) == ["One", "First.", "Two, but shorter", "Another second.", "Four", "Fourth."]


async def test_an_answer_is_written_again_with_the_files_as_they_were(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        contents = [await house.office.blobs.put(text) for text in (b"draft", b"better")]
        for goal, content in zip(("Write", "Improve"), contents, strict=True):
            made = Artifact(id=new_id(), name="notes/report.txt", hash=content, size=5, mime="text/plain")
            house.office.course, before = delegated("Written.", artifact=made), answers(tab)
            await tab.say(goal)
            await tab.until(lambda t, before=before: answers(t) > before and not t.busy)  # type: ignore[misc]
        second = (await house.office.missions.of_conversation(tab.conversation_id))[1].mission
        house.office.course = direct("Improved otherwise.")
        again = (await ada.post(f"/api/missions/{second.id}/branch", json={})).json()
        branch = again["conversation_id"]
        async with house.tab(ada, branch) as other:
            await other.finished()
            assert said(other)[-2:] == ["Improve", "Improved otherwise."]
            [run] = [line["id"] for line in other.lines.values() if line["id"] == run_id(again["mission_id"])]
            assert other.lines[run]["type"] == "run"
        kept = house.office.settings.data_dir / "workspaces" / branch / "notes" / "report.txt"
        assert kept.read_bytes() == b"draft"
        twice = (await ada.post(f"/api/missions/{second.id}/branch", json={})).json()
        assert twice["conversation_id"] != branch  # without a client's id each is another one


async def test_what_cannot_be_branched_is_refused_in_words(house: House) -> None:
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.tab(ada) as tab:
        await say(house, tab, "Mine", "Yes.")
        [row] = await house.office.missions.of_conversation(tab.conversation_id)
        route = f"/api/missions/{row.mission.id}/branch"
        empty = await ada.post(route, json={"goal": "  "})
        assert (empty.status_code, empty.json()["detail"][:21]) == (400, "The message is empty.")
        assert (await bob.post(route, json={"goal": "x"})).status_code == 404
        assert (await bob.get(f"/api/conversations/{tab.conversation_id}/branches")).status_code == 404
        assert (await ada.post("/api/missions/none/branch", json={})).status_code == 404
        foreign = await ada.post(route, json={}, headers={"origin": "https://elsewhere.example"})
        assert foreign.status_code == 403
        async with house.visitor() as nobody:
            assert (await nobody.post(route, json={})).status_code == 401
        assert (await ada.get(f"/api/conversations/{tab.conversation_id}/branches")).json()["forks"] == []

        house.office.go.clear()
        house.office.course = [HOLD, *direct("Late.")]
        await tab.say("At work")
        async with house.tab(ada, tab.conversation_id) as watching:
            await watching.until(lambda t: "At work" in said(t))
        await tab.say("Behind it")
        await tab.until(lambda t: sum(line["type"] == "user_message" for line in t.lines.values()) == 3)
        async with house.tab(ada, tab.conversation_id) as watching:
            await watching.until(lambda t: "Behind it" in said(t))
        rows = await house.office.missions.of_conversation(tab.conversation_id)
        busy = await ada.post(f"/api/missions/{rows[2].mission.id}/branch", json={})
        assert busy.status_code == 409
        assert "still being worked on" in busy.json()["detail"]
        house.office.go.set()
        await tab.until(lambda t: said(t).count("Late.") == 2, 30)
