"""The history: conversations as Chainlit's page asks for them, for their owner and nobody else."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import socketio
from doors_fixtures import House, Tab, open_house
from fake_office import delegated, direct

from core.missions import Artifact, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        opened.office.go.set()
        yield opened


async def talked(house: House, tab: Tab, text: str = "Compare") -> None:
    content = await house.office.blobs.put(b"<script>alert(1)</script>")
    made = Artifact(id=new_id(), name="page.html", hash=content, size=25, mime="text/html")
    house.office.course = delegated("It rose.", artifact=made)
    await tab.say(text, (await tab.attach("memo.txt", b"prices rise"),))
    await tab.finished()


async def threads(client: Any, **search: Any) -> dict[str, Any]:
    body = {"pagination": {"first": 2, "cursor": search.pop("cursor", None)}, "filter": search}
    answer = await client.post("/project/threads", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_rename_find_and_delete(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await talked(house, tab)
        thread = {"threadId": tab.conversation_id}
        assert (await ada.put("/project/thread", json={**thread, "name": "Figures of May"})).status_code == 200
        assert [t["name"] for t in (await threads(ada, search="of may"))["data"]] == ["Figures of May"]
        assert (await ada.request("DELETE", "/project/thread", json=thread)).status_code == 200
        assert (await ada.get(f"/project/thread/{tab.conversation_id}")).status_code == 404
        assert (await ada.get(next(iter(tab.elements.values()))["url"])).status_code == 404
        assert (await threads(ada, search="of may"))["data"] == []


async def test_an_empty_name_is_refused_in_words(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await talked(house, tab)
        answer = await ada.put("/project/thread", json={"threadId": tab.conversation_id, "name": " "})
        assert (answer.status_code, answer.json()["detail"]) == (400, "The title is empty.")


async def test_the_list_comes_in_pages(house: House) -> None:
    async with house.visitor("bob") as bob:
        house.office.course = direct("Yes.")
        for number in range(5):
            async with house.tab(bob) as tab:
                await tab.say(f"Number {number}")
                await tab.finished()
        names, cursor, more = [], None, True
        while more:
            page = await threads(bob, cursor=cursor)
            names += [t["name"] for t in page["data"]]
            cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        assert names == [f"Number {n}" for n in reversed(range(5))]


async def test_files_made_are_handed_out_for_download_only(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await talked(house, tab)
        [url] = [e["url"] for e in tab.elements.values() if "artifact" in e["url"]]
        answer = await ada.get(url)
        assert answer.text == "<script>alert(1)</script>"
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''page.html"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["cache-control"] == "private, max-age=600"
        assert answer.headers["vary"] == "cookie"  # kept for this session, not for who comes next
        assert url in tab.answer["output"]


async def test_feedback_is_kept_changed_and_taken_back(house: House) -> None:
    async with house.visitor("ada") as ada, house.tab(ada) as tab:
        await talked(house, tab)
        [run] = [line for line in tab.lines.values() if line["type"] == "run"]
        opinion = {"forId": run["id"], "threadId": tab.conversation_id, "value": 1, "comment": "Good"}
        given = (await ada.put("/feedback", json={"feedback": opinion, "sessionId": tab.session_id})).json()
        await ada.put("/feedback", json={"feedback": {**opinion, "value": 0}, "sessionId": tab.session_id})

        async def shown() -> Any:
            steps = (await ada.get(f"/project/thread/{tab.conversation_id}")).json()["steps"]
            return next(step["feedback"] for step in steps if step["id"] == run["id"])

        assert await shown() == {"id": given["feedbackId"], "forId": run["id"], "value": 0, "comment": "Good"}
        assert (await ada.request("DELETE", "/feedback", json={"feedbackId": given["feedbackId"]})).status_code == 200
        assert await shown() is None


async def test_the_other_person_gets_nothing(house: House) -> None:
    """Bob knows every id of Ada's: conversation, mission, message, step, file, feedback, session."""
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.tab(ada) as tab:
        await talked(house, tab)
        conversation, message = tab.conversation_id, next(iter(tab.lines))
        [row] = await house.office.missions.of_conversation(conversation)
        run = next(line["id"] for line in tab.lines.values() if line["type"] == "run")
        opinion = {"forId": run, "threadId": conversation, "value": 1}
        given = (await ada.put("/feedback", json={"feedback": opinion})).json()["feedbackId"]
        before = (await ada.get(f"/project/thread/{conversation}")).json()

        element = next(iter(tab.elements))
        asked = [
            await bob.get(f"/project/thread/{conversation}"),
            await bob.get(f"/project/thread/{conversation}/element/{element}"),
            await bob.put("/project/thread", json={"threadId": conversation, "name": "Mine"}),
            await bob.request("DELETE", "/project/thread", json={"threadId": conversation}),
            await bob.put("/feedback", json={"feedback": {**opinion, "value": 0}}),
            await bob.request("DELETE", "/feedback", json={"feedbackId": given}),
            await bob.get(f"/files/tasks/{row.mission.id}"),
            *[await bob.get(e["url"]) for e in tab.elements.values()],
            await bob.post(f"/project/file?session_id={tab.session_id}", files={"file": ("a.txt", b"a", "text/plain")}),
            await bob.get(f"/project/file/x?session_id={tab.session_id}"),
            await bob.get(f"/project/share/{conversation}"),
            await bob.put("/project/thread/share", json={"threadId": conversation, "isShared": True}),
        ]
        assert [a.status_code for a in asked if a.status_code not in (401, 403, 404)] == []
        assert not any("Compare" in a.text or "It rose" in a.text for a in asked)

        async with house.tab(bob, conversation) as intruder:
            await intruder.until(lambda t: any(name == "resume_thread_error" for name, _ in t.events))
            house.office.course = direct("Yes.")
            await intruder.say("Let me in")
            await intruder.finished()
            assert intruder.conversation_id != conversation  # it went into a conversation of Bob's own
            await intruder.socket.emit("stop")
        stolen = {"id": message, "output": "overwritten", "type": "user_message", "createdAt": ""}
        async with house.tab(bob) as intruder:
            await intruder.socket.emit("client_message", {"message": stolen, "fileReferences": []})
            await intruder.until(lambda t: t.answer["output"])
        assert (await ada.get(f"/project/thread/{conversation}")).json() == before
        assert len(await house.office.missions.of_conversation(conversation)) == 1


async def test_a_session_of_somebody_else_cannot_be_taken(house: House) -> None:
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.tab(ada) as tab:
        await talked(house, tab)
        taker = Tab(bob, session_id=tab.session_id)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await taker.open(house.url)
        assert taker.lines == {}


async def test_an_unknown_conversation_is_not_found(house: House) -> None:
    async with house.visitor("ada") as ada:
        assert (await ada.get(f"/project/thread/{uuid.uuid4()}")).status_code == 404
